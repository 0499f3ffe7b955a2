/** A pause as it is shown. Without zod, because the typed client shows it. */
export interface PauseView {
  scope: 'all' | 'worker' | 'key'
  worker?: string
  key?: string
  /** The name of the API key of whoever paused it. */
  by: string
  /** ISO 8601. */
  at: string
  reason?: string
}

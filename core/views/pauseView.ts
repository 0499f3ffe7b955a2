/** A pause as it is shown. Without zod, because the typed client shows it. */
export interface PauseView {
  scope: 'all' | 'worker' | 'key'
  worker?: string
  key?: string
  /** There is a key, and it is not for this API key, which may not see args; nor is it where the worker redacts any. */
  keyHidden?: true
  /** The name of the API key that paused it; `circuit breaker` where Errand did, because the function fails. */
  by: string
  /** ISO 8601. */
  at: string
  reason?: string
  /**
   * ISO 8601. Of a circuit breaker's: one job is tried then, and the others follow when the function answers. Absent
   * where an operator has to resume it.
   */
  until?: string
}

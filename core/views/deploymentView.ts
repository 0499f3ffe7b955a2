/** Deployments as they are shown. Without zod, because clients have it in their types. */

/** Of `PROBE_FAILED`, in `details.functions`. */
export interface SilentFunction {
  worker: string
  code: string
  message: string
}

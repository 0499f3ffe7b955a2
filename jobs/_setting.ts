/** Shared by jobs: a file whose name starts with `_` is no worker. */

/**
 * A setting from the function's environment. Jobs read theirs when they run, not when their module is loaded.
 *
 * Throws a plain Error where it is missing, so the job is tried again: a setting that was forgotten is added by the
 * next deploy, and the jobs that met the gap should run then.
 */
export function setting(name: string, example: string): string {
  const value = process.env[name]?.trim()
  if (value) return value
  throw new Error(`The setting ${name} is missing. Set it where the functions run, such as ${name}=${example}`)
}

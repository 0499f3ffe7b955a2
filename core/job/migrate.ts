/**
 * Args outlive code: a job that waits keeps the args that its worker's contract took when it was enqueued, and carries
 * that contract's `version`. Later readers (the function, an occurrence of a schedule, `errand codegen --compat`) have
 * them brought up to date here.
 */

/**
 * Of a worker that says nothing. Not written into jobs, schedules and calls, which say their version from the second
 * on.
 */
export const firstVersion = 1

/** The part of a worker or a contract that migrating takes. */
export interface Migrating {
  version?: number | undefined
  migrate?: ((args: object, fromVersion: number) => unknown) | undefined
}

/** Whether args are newer than the worker: its code was rolled back, or is not everywhere yet. */
export const isAhead = ({ version = firstVersion }: Migrating, fromVersion: number): boolean => fromVersion > version

/**
 * Restored args as the worker's schema takes them now; not parsed yet. Never called for args that are ahead.
 * Throws what `migrate` throws.
 */
export function migrated(worker: Migrating, args: unknown, fromVersion: number): unknown {
  const { version = firstVersion } = worker
  return fromVersion === version || !worker.migrate ? args : worker.migrate(args as object, fromVersion)
}

/** As a job, a schedule or a call keeps it: absent for the first version. */
export const versionField = (version: number | undefined): { argsVersion?: number } =>
  version === undefined || version === firstVersion ? {} : { argsVersion: version }

export const aheadMessage = (worker: string, { version = firstVersion }: Migrating, fromVersion: number): string =>
  `The args are of version ${fromVersion}, and ${worker} is at version ${version} here. Deploy the newer code; jobs that have failed by then can be retried.`

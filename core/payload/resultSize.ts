/** Limits the size of a result. No zod here: functions bundle it. */

/** As JSON, with superjson's meta where there is one. A receipt is read whole each time its job is looked at. */
export const maxResultBytes = 1024 * 1024

/** `limitBytes` is what its worker says of its own. */
export const resultTooLarge = (bytes: number, limitBytes?: number): string => {
  const most =
    limitBytes === undefined
      ? `a receipt holds at most ${maxResultBytes} (1 MiB)`
      : `its worker allows ${limitBytes} (limits.result)`
  return `The result takes ${bytes} bytes as JSON, and ${most}. Store it elsewhere, such as in a bucket, and return where.`
}

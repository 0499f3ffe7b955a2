/** How large a result may be. No zod here: functions bundle it. */

/** As JSON, with superjson's meta where there is one. A receipt is read whole wherever its job is looked at. */
export const maxResultBytes = 1024 * 1024

export const resultTooLarge = (bytes: number): string =>
  `The result takes ${bytes} bytes as JSON, and a receipt holds at most ${maxResultBytes} (1 MiB). Store it elsewhere, such as in a bucket, and return where.`

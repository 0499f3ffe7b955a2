/**
 * Reads what a worker's code throws. That may be anything, and may throw again when it is looked at: by a getter, or as
 * a proxy. So each property is read by itself.
 */

/** The value of a look, or `undefined` where it throws. */
export function look<Seen>(at: () => Seen): Seen | undefined {
  try {
    return at()
  } catch {
    return undefined
  }
}

/** The message of an error, or `undefined` where what was thrown has none that can be read. */
export function messageOfThrown(thrown: unknown): string | undefined {
  const message = look(() => (thrown instanceof Error ? thrown.message : undefined))
  return typeof message === 'string' ? message : undefined
}

/**
 * `Prefer: respond-async, wait=20` (RFC 7240): the caller waits for so many seconds, so a function that is not done by
 * then answers 202 and posts its receipt.
 */
export const preferAsync = (waitMs: number): string => `respond-async, wait=${Math.max(0, Math.floor(waitMs / 1_000))}`

/** For how many milliseconds the caller waits; `undefined` where it waits as long as it takes. */
export function preferredWaitMs(header: string | null | undefined): number | undefined {
  const preferences = (header ?? '').split(',').map((preference) => preference.trim().toLowerCase())
  if (!preferences.includes('respond-async')) return undefined
  const wait = preferences.map((preference) => /^wait\s*=\s*"?(\d{1,7})"?$/.exec(preference)?.[1]).find(Boolean)
  return wait === undefined ? 0 : Number(wait) * 1_000
}

/**
 * The version of what coordinators, functions and typed clients say to each other. It goes up by one with each release
 * that changes that, so that parts one release apart work together while a new one rolls out, and parts further apart
 * say so instead of misreading each other. Callers in other languages need not send it.
 */
export const wireVersion = 1
export const wireHeader = 'errand-wire'
/** The headers that each side sends. */
export const wireHeaders = { [wireHeader]: String(wireVersion) }

/**
 * Why what says that it speaks this version cannot be understood, and what to do; `undefined` where it can, or says
 * nothing.
 */
export function wireProblem(
  said: string | null | undefined,
  { other, here }: { other: string; here: string },
): string | undefined {
  if (said === null || said === undefined) return undefined
  const version = /^\d{1,9}$/.test(said) ? Number(said) : Number.NaN
  if (Math.abs(version - wireVersion) <= 1) return undefined
  if (Number.isNaN(version)) return `The header ${wireHeader} is no whole number.`
  const older = version < wireVersion ? other : here
  return `The ${other} speaks version ${version} of Errand's wire, and this ${here} version ${wireVersion}. Versions next to each other work together: update the ${older}.`
}

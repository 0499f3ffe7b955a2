/** Lets something happen between what a coordinator reads and what it writes next. */
import type { TestErrand } from './errand.js'

/** The next call of one of the store's functions goes to another one, which is given the real one. */
export function insteadOnce<Part extends object, Name extends keyof Part>(
  part: Part,
  name: Name,
  instead: (real: Part[Name]) => Part[Name],
): void {
  const real = part[name]
  const once = instead(real) as (...given: unknown[]) => unknown
  part[name] = ((...given: unknown[]) => {
    part[name] = real
    return once(...given)
  }) as Part[Name]
}

/** Once, behind the next read of candidates for a claim. */
export function betweenReadAndClaim({ coordinator }: TestErrand, happens: () => Promise<unknown>): void {
  insteadOnce(coordinator.deps.store.jobs, 'claimable', (claimable) => async (limit) => {
    const candidates = await claimable(limit)
    await happens()
    return candidates
  })
}

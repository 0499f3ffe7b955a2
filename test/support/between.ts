/** Lets something happen between what a coordinator reads and what it writes next. */
import type { TestErrand } from './errand.js'

/** Once, behind the next read of candidates for a claim. */
export function betweenReadAndClaim({ coordinator }: TestErrand, happens: () => Promise<unknown>): void {
  const { jobs } = coordinator.deps.store
  const { claimable } = jobs
  jobs.claimable = async (limit) => {
    jobs.claimable = claimable
    const candidates = await claimable(limit)
    await happens()
    return candidates
  }
}

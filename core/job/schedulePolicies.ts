/** The words of a schedule's clock policies. What each means stands in core/scheduleOptions. */

export const gapPolicies = ['skip', 'after'] as const
export type GapPolicy = (typeof gapPolicies)[number]

export const overlapPolicies = ['first', 'both'] as const
export type OverlapPolicy = (typeof overlapPolicies)[number]

export const missedPolicies = ['skip', 'last', 'all'] as const
export type MissedPolicy = (typeof missedPolicies)[number]

export const overrunPolicies = ['allow', 'skip', 'queue'] as const
export type OverrunPolicy = (typeof overrunPolicies)[number]

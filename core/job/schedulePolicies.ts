/** The words of a schedule's clock policies. Their meanings stand in core/job/scheduleOptions. */

export const dstGapPolicies = ['skip', 'after'] as const
export type DstGapPolicy = (typeof dstGapPolicies)[number]

export const dstOverlapPolicies = ['first', 'both'] as const
export type DstOverlapPolicy = (typeof dstOverlapPolicies)[number]

export const missedPolicies = ['skip', 'last', 'all'] as const
export type MissedPolicy = (typeof missedPolicies)[number]

export const overlapPolicies = ['allow', 'skip', 'queue'] as const
export type OverlapPolicy = (typeof overlapPolicies)[number]

/** The platforms that `errand build` builds for. */
export const targetNames = ['node', 'vercel', 'aws-lambda', 'cloudflare'] as const
export type TargetName = (typeof targetNames)[number]

/**
 * jobs/context.gen.ts: tells `ctx.enqueue` in jobs/ which workers there are. A file of its own, because the registry is
 * copied into apps, where it needs no errand beside it and may stand beside the registries of other systems. Its text
 * is always the same.
 */
export const contextTypes = `/* eslint-disable */
// Made by \`errand codegen\`. Do not edit. It gives \`ctx.enqueue\` the types of the workers in jobs/.
// Apps that only enqueue do not need it: registry.gen.ts stands on its own.
import type { Jobs } from './registry.gen.js'

declare module 'errand' {
  interface Register {
    jobs: Jobs
  }
}
`

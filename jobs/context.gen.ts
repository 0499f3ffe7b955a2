/* eslint-disable */
// Made by `errand codegen`. Do not edit. It gives `ctx.enqueue` the types of the workers in jobs/.
// Apps that only enqueue do not need it: registry.gen.ts stands on its own.
import type { Jobs } from './registry.gen.js'

declare module 'errand' {
  interface Register {
    jobs: Jobs
  }
}

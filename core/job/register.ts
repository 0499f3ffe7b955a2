/** Types that tell `ctx.enqueue` of the workers beside it. */
import type { AnyJobs } from './registry.js'

/**
 * Empty here. `jobs/context.gen.ts`, which codegen writes beside the registry, adds `jobs: Jobs` to it by declaration
 * merging; a program without that file takes every name. An app that only has a copy of the registry is not touched, so
 * it may have the registries of several systems.
 */
// oxlint-disable-next-line typescript/no-empty-object-type, typescript/no-empty-interface
export interface Register {}

/** The registry that codegen has registered, or any. */
export type RegisteredJobs = Register extends { jobs: infer Jobs } ? Jobs : AnyJobs

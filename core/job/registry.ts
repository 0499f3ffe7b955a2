/**
 * Applies the types of `jobs/registry.gen.ts` for those who enqueue: the client, and `ctx.enqueue` inside a job.
 *
 * Cost: `[T] extends [{ args: infer A }]` is wrapped in a tuple on purpose. Without the wrap TypeScript resolves each
 * argument's contextual type through the union of all workers: with 1,000 workers and 500 calls 10 seconds, and with it
 * half a second.
 */
import type { EnqueueOptions } from './enqueueOptions.js'

/** The shape of `Jobs` in `jobs/registry.gen.ts`: for each worker what callers give, and what `run` returns. */
export type Registry<Jobs> = { [Name in keyof Jobs]: { args: unknown; result: unknown } }

/** The registry of a client without one: every name is taken, and the coordinator alone checks the args. */
export type AnyJobs = Record<string, { args: object; result: unknown }>

/** The args that callers give: the input type of the worker's schema. */
export type ArgsOf<Jobs, Name extends keyof Jobs> = [Jobs[Name]] extends [{ args: infer Args }] ? Args : never

/** The result that `run` returns. */
export type ResultOf<Jobs, Name extends keyof Jobs> = [Jobs[Name]] extends [{ result: infer Result }] ? Result : never

/**
 * Behind the name: the args, which may be left out where `{}` is enough, and the options. While a name is being typed
 * it is none of `Jobs` yet; asked for the args of all workers then, the compiler takes a second at 1,000 workers to
 * complete it, and without that 20 ms.
 */
export type EnqueueRest<Jobs, Name, Options = EnqueueOptions> = [Name] extends [keyof Jobs]
  ? RestOf<Jobs[Name], Options>
  : [args?: object, options?: Options]

type RestOf<Job, Options> = [Job] extends [{ args: infer Args }]
  ? [object] extends [Args]
    ? [args?: Args, options?: Options]
    : [args: Args, options?: Options]
  : never

/**
 * A known name as it is; for an unknown one the names of its folder, or all of them, which the compiler's message then
 * lists.
 */
export type KnownName<Jobs, Name extends string> = Name extends keyof Jobs ? Name : NearNames<keyof Jobs & string, Name>

type NearNames<Known extends string, Name extends string> = Name extends `${infer Folder}.${string}`
  ? Extract<Known, `${Folder}.${string}`> extends infer Near
    ? [Near] extends [never]
      ? Known
      : Near
    : never
  : Known

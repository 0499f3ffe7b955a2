/** One attempt: args in, brought up to date, `run`, result out. Every failure is thrown. */
import type { ArgsSchema, Job, JobContext } from '../core/job/defineJob.js'
import { aheadMessage, firstVersion, isAhead, migrated } from '../core/job/migrate.js'
import { restoreSigned } from '../core/payload/payload.js'
import type { FunctionCall } from '../core/requests/wire.js'
import { AttemptError } from './attemptError.js'
import type { Attempt } from './context.js'
import { describeError } from './describeError.js'

/** The parts of a worker that `wrap` needs. `run` takes anything here, because the schema has made its args. */
export interface RunnableJob extends Pick<Job, 'args' | 'version' | 'migrate' | 'result' | 'limits' | 'receipt'> {
  run(args: unknown, context: JobContext): unknown
}

export async function perform(job: RunnableJob, call: FunctionCall, attempt: Attempt): Promise<unknown> {
  const args = await readArgs(job, call)
  attempt.throwIfOver()
  const returned = await job.run(args, attempt.context)
  // a receipt that overtook them would end the attempt that asks for them
  await attempt.childrenSent()
  return job.result === undefined ? returned : checkResult(job.result, call.worker, returned)
}

async function readArgs(job: RunnableJob, call: FunctionCall): Promise<unknown> {
  const version = call.argsVersion ?? firstVersion
  if (isAhead(job, version)) throw new AttemptError('VERSION_AHEAD', aheadMessage(call.worker, job, version))
  const restored = read(() => restoreSigned(call.args, call.argsMeta))
  if (!restored.ok) throw invalidArgs(call.worker, restored.problem)
  // what `migrate` throws is the worker's own failure, with a stack of its source
  const args = await migrated(job, restored.value, version)
  const checked = await check(job.args, args)
  if (checked.ok) return checked.value
  throw invalidArgs(call.worker, checked.problem)
}

const invalidArgs = (worker: string, problem: string): AttemptError =>
  new AttemptError('INVALID_ARGS', `The args do not fit the schema of ${worker}. ${problem}`)

async function checkResult(schema: Schema, worker: string, returned: unknown): Promise<unknown> {
  const checked = await check(schema, returned)
  if (checked.ok) return checked.value
  throw new AttemptError('INVALID_RESULT', `What ${worker} returned does not fit its result schema. ${checked.problem}`)
}

type Schema = ArgsSchema | NonNullable<Job['result']>
type Checked = { ok: true; value: unknown } | { ok: false; problem: string }

/** By Standard Schema, the way in that zod and zod/mini share, so that no copy of zod is pulled into the function. */
async function check(schema: Schema, value: unknown): Promise<Checked> {
  try {
    const result = await schema['~standard'].validate(value)
    if (result.issues) return { ok: false, problem: result.issues.slice(0, maxIssues).map(issueText).join(' ') }
    return { ok: true, value: result.value }
  } catch (error) {
    // a transform of the schema threw
    return { ok: false, problem: describeError(error).message }
  }
}

function read(restore: () => unknown): Checked {
  try {
    return { ok: true, value: restore() }
  } catch (error) {
    // superjson's meta does not fit its JSON
    return { ok: false, problem: describeError(error).message }
  }
}

const maxIssues = 20

interface StandardIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** `items.0.price: Invalid input: expected number.` Says where and what is wanted, never the value. */
function issueText({ path = [], message }: StandardIssue): string {
  const where = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
  return `${where === '' ? '' : `${where}: `}${message.replace(/\.$/, '')}.`
}

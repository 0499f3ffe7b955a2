/** `errand enqueue-many`: asks for many jobs, from a file with one on each line. */
import type { EnqueueOutcome } from '../../core/views/answers.gen.js'
import type { Command } from 'commander'
import { docsOf } from '../../core/errorCodes.js'
import { ErrandError } from '../../core/errors.js'
import type { EnqueueRequest } from '../../core/requests/wire.js'
import type { Cli } from '../cli.js'
import { connect, type CallOptions, type Coordinator } from '../connection.js'
import { readInputFile, type InputFile } from '../inputFile.js'
import { asCaller } from '../operation.js'
import type { Output } from '../output.js'
import { Told } from '../problem.js'
import { paintState } from '../style.js'
import { readJsonObject } from '../usage.js'

interface EnqueueManyOptions extends CallOptions {
  atomic?: boolean
}

/** One line of the file. The coordinator checks it. */
interface Line {
  request: EnqueueRequest
  /** Counts from 1. */
  place: number
  size: number
}

export function addEnqueueMany(program: Command, cli: Cli): void {
  const command = program
    .command('enqueue-many <file>')
    .description('enqueue many jobs, one JSON object on each line of a file; - reads standard input')
    .option('--atomic', 'all or none: where one cannot be enqueued, none is')
  asCaller(command, [
    ['errand enqueue-many jobs.jsonl', 'lines such as {"worker":"mail.send","args":{"to":"ada@example.org"}}'],
    ['errand enqueue-many jobs.jsonl --atomic', 'all or none'],
    ['make-jobs | errand enqueue-many - --json', 'an outcome for each, in order'],
  ]).action((file: string, options: EnqueueManyOptions) => enqueueMany(cli, file, options))
}

async function enqueueMany(cli: Cli, file: string, options: EnqueueManyOptions): Promise<void> {
  const out = cli.output(options)
  const lines = readLines(await readInputFile(cli, file))
  const coordinator = await connect(cli, options, ['enqueue'])
  const outcomes: EnqueueOutcome[] = []
  try {
    await out.during(`Enqueueing ${lines.length} jobs`, async () => {
      for (const part of await inParts(lines, options)) {
        const { outcomes: answers } = await send(coordinator, part, options)
        if (!out.json) answers.forEach((outcome, index) => tellOutcome(out, part[index]!, outcome))
        outcomes.push(...answers)
      }
    })
  } catch (error) {
    const rest = lines.slice(outcomes.length)
    if (outcomes.length > 0 && !out.json) out.note(`Line ${rest[0]!.place} and those behind it have no outcome.`)
    if (outcomes.length > 0 && error instanceof ErrandError) {
      const { code, message } = error
      outcomes.push(...rest.map((): EnqueueOutcome => ({ ok: false, error: { code, message, docs: docsOf(code) } })))
    }
    throw error
  } finally {
    // what went in before a later request failed must be known
    if (out.json && (outcomes.length > 0 || lines.length === 0)) out.result(outcomes, String)
  }
  const refused = outcomes.filter(({ ok }) => !ok).length
  if (refused === 0) return
  if (!out.json) out.note(`${outcomes.length - refused} enqueued, ${refused} refused.`)
  throw new Told()
}

const readLines = ({ name, text }: InputFile): Line[] =>
  text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    const request = readJsonObject(line, `Line ${index + 1} of ${name}`) as unknown as EnqueueRequest
    return [{ request, place: index + 1, size: line.length }]
  })

/**
 * The parts that go into one request each: one part where all or none shall be enqueued. Throws `PAYLOAD_TOO_LARGE`
 * where that does not fit.
 */
async function inParts(
  lines: readonly Line[],
  { atomic = false }: EnqueueManyOptions,
): Promise<Iterable<readonly Line[]>> {
  const { checkOneRequest, inRequests } = await import('../../client/enqueue.js')
  if (!atomic) return inRequests(lines, ({ size }) => size)
  checkOneRequest(
    lines.length,
    lines.reduce((size, line) => size + line.size, 0),
  )
  return [lines]
}

const send = (coordinator: Coordinator, lines: readonly Line[], { atomic = false }: EnqueueManyOptions) =>
  coordinator.call((router, options) =>
    router.enqueueMany.mutate({ jobs: lines.map(({ request }) => request), atomic }, options),
  )

function tellOutcome(out: Output, { request, place }: Line, outcome: EnqueueOutcome): void {
  if (outcome.ok) {
    out.result(outcome, (style) => `${outcome.id}  ${request.worker}  ${paintState(style, outcome.state)}`)
  } else {
    out.problem({ ...outcome.error, message: `Line ${place}: ${outcome.error.message}` })
  }
}

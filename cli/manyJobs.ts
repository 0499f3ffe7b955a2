/** Changes all jobs that a filter takes: counts them, asks, and works off what was counted, page by page. */
import { allPages, askMany, type Ask, type ManyOperation } from '../client/bulk.js'
import type { ManyOutcome } from '../client/bulkTypes.js'
import type { BulkCount } from '../core/views/answers.gen.js'
import { mostMatching } from '../core/views/bulkView.js'
import type { Cli } from './cli.js'
import { connect, type CallOptions } from './connection.js'
import { count } from './format.js'
import { Told, UsageError } from './problem.js'
import type { Style } from './style.js'

export interface ManyChange {
  operation: ManyOperation
  /** `retry`, `Retrying`, and `retried`. */
  name: string
  doing: string
  done: string
}

export interface ManyOptions extends CallOptions {
  dryRun?: true
  yes?: true
}

/** Counts, asks, and works off what was counted, page by page. */
export async function changeMany(cli: Cli, change: ManyChange, filter: object, options: ManyOptions): Promise<void> {
  const out = cli.output(options)
  const coordinator = await connect(cli, options, ['operate'])
  const ask: Ask = (page) =>
    coordinator.call((router, options) => askMany(router, change.operation, { filter, ...page }, options))
  const { count: matching, token } = (await out.during('Counting', () => ask({ dryRun: true }))) as BulkCount
  if (options.dryRun) return out.result({ count: matching, token }, () => jobsOf(matching))
  if (matching > 0 && !options.yes && !(await agreed(cli, change, matching))) throw new Told()
  const outcome = await out.during(`${change.doing} ${jobsOf(matching)}`, () => allPages(ask, token))
  out.result(outcome, (style) => outcomeText(style, change, outcome))
  if (outcome.done < outcome.matched) throw new Told()
}

async function agreed(cli: Cli, { name }: ManyChange, matching: number): Promise<boolean> {
  const agreed = await cli.confirm(`This will ${name} ${jobsOf(matching)}. Go on?`)
  if (agreed === undefined) {
    throw new UsageError(`This would ${name} ${jobsOf(matching)}. Say --yes to do it, or --dry-run to only count.`)
  }
  return agreed
}

const jobsOf = (matching: number): string =>
  matching < mostMatching ? count(matching, 'job') : `${mostMatching} or more jobs`

function outcomeText(style: Style, { done: word }: ManyChange, { matched, done, skipped }: ManyOutcome) {
  const named = skipped.slice(0, 10).map(({ id, message }) => `${id}  ${style.yellow('skipped')}  ${message}`)
  const unnamed = matched - done - named.length
  const more = unnamed > 0 ? [style.dim(`${unnamed} more skipped`)] : []
  return [...named, ...more, `${count(done, 'job')} ${word}`].join('\n')
}

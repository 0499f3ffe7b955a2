/** `errand jobs erase`: deletes what jobs hold of a person. */
import type { Command } from 'commander'
import type { Cli } from '../cli.js'
import { changeMany, type ManyChange, type ManyOptions } from '../manyJobs.js'
import { asCaller } from '../operation.js'
import { UsageError } from '../problem.js'

interface EraseOptions extends ManyOptions {
  worker?: string
  key?: string
  parent?: string
}

const erasing: ManyChange = { operation: 'erase', name: 'erase', doing: 'Erasing', done: 'erased' }

export function addErase(jobs: Command, cli: Cli): void {
  const command = jobs
    .command('erase [id...]')
    .description('delete args, keys, receipts and logs of jobs that are final, for good; the jobs stay without them')
    .option('--worker <name>', 'instead of ids, with --key')
    .option('--key <key>', 'of the worker, those with this throttle key, concurrency key or unique key')
    .option('--parent <id>', 'instead of ids: those that this job enqueued while it ran')
    .option('--dry-run', 'only count what would be erased')
    .option('--yes', 'do not ask')
  asCaller(command, [
    ['errand jobs erase 019ab2c4-5d6e-7f80-8123-456789abcdef', 'after a question'],
    ['errand jobs erase --worker mail.send --key ada@example.org --yes', 'all of a key, without a question'],
  ]).action((ids: string[], options: EraseOptions) => changeMany(cli, erasing, filterOf(ids, options), options))
}

function filterOf(ids: string[], { worker, key, parent }: EraseOptions): object {
  const ways = [
    ...(ids.length > 0 ? [{ ids }] : []),
    ...(parent === undefined ? [] : [{ parent }]),
    ...(worker === undefined && key === undefined ? [] : [{ worker, key }]),
  ]
  const [filter] = ways
  if (!filter || ways.length > 1 || (worker === undefined) !== (key === undefined)) {
    throw new UsageError('Name jobs by their ids, by --worker and --key, or by --parent.')
  }
  return filter
}

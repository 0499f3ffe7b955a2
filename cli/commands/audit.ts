/** `errand audit`: lists what operators did. */
import type { AuditEntry } from '../../core/views/answers.gen.js'
import type { Command } from 'commander'
import type { ListAuditRequest } from '../../core/requests/audit.js'
import type { Cli } from '../cli.js'
import { callCoordinator, type CallOptions } from '../connection.js'
import { formatAgo, formatTable, plain } from '../format.js'
import { addExamples, addSettings, callerSettings } from '../help.js'
import type { Style } from '../style.js'
import { jsonOption, readInteger, urlOption } from '../usage.js'

interface AuditOptions extends CallOptions {
  action?: string
  by?: string
  limit?: number
  cursor?: string
}

export function addAudit(program: Command, cli: Cli): void {
  const audit = program.command('audit').description('see what operators did')
  addExamples(audit, [['errand audit list', 'newest first']])
  const listing = audit
    .command('list')
    .description('list what operators did, newest first; entries are kept for 90 days')
    .option('--action <name>', 'this action only, such as jobs.cancel')
    .option('--by <key>', 'by the key of this name only')
    .option('--limit <number>', 'at most so many, up to 500 (default: 50)', readInteger(1, 500))
    .option('--cursor <cursor>', 'from where the last page ended')
    .option(...urlOption)
    .option(...jsonOption)
    .action((options: AuditOptions) => list(cli, options))
  addSettings(listing, callerSettings)
  addExamples(listing, [
    ['errand audit list', ''],
    ['errand audit list --action jobs.cancel --by ada', 'what one operator cancelled'],
    ['errand audit list --json | jq .entries[].target', ''],
  ])
}

async function list(cli: Cli, options: AuditOptions): Promise<void> {
  const out = cli.output(options)
  const { action, by, limit, cursor } = options
  const request: ListAuditRequest = {
    ...(action === undefined ? {} : { action }),
    ...(by === undefined ? {} : { by }),
    ...(limit === undefined ? {} : { limit }),
    ...(cursor === undefined ? {} : { cursor }),
  }
  const call = { ...options, roles: ['operate'] as const, doing: 'Looking at the audit' }
  const page = await callCoordinator(cli, out, call, (router, options) => router.audit.list.query(request, options))
  out.result(page, (style) =>
    page.entries.length === 0
      ? 'No entries.'
      : formatTable(
          style,
          ['WHEN', 'BY', 'ACTION', 'OUTCOME', 'TARGET'],
          page.entries.map((entry) => entryRow(style, entry, cli.now())),
        ),
  )
  if (page.cursor !== null && !out.json) out.note(`There are more: add --cursor ${page.cursor}`)
}

const entryRow = (style: Style, { at, by, action, outcome, target }: AuditEntry, now: Date): string[] => [
  formatAgo(at, now),
  by.name,
  action,
  outcome === 'ok' ? style.green(outcome) : outcome === 'begun' ? style.yellow(outcome) : style.red(outcome),
  Object.entries(target)
    .map(([field, value]) => `${field}=${plain(String(value))}`)
    .join(' '),
]

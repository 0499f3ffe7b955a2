/** `errand audit`: lists what operators did. */
import type { AuditEntry } from '../../core/views/answers.gen.js'
import type { Command } from 'commander'
import type { ListAuditRequest } from '../../core/requests/audit.js'
import type { Cli } from '../cli.js'
import { formatAgo, formatTable, plain } from '../format.js'
import { addExamples } from '../help.js'
import { addOperation, addPageOptions, howToGoOn } from '../operation.js'
import type { Style } from '../style.js'

export function addAudit(program: Command, cli: Cli): void {
  const audit = program.command('audit').description('see what operators did')
  addExamples(audit, [['errand audit list', 'newest first']])
  const listing = audit
    .command('list')
    .description('list what operators did, newest first; entries are kept for 90 days')
    .option('--action <name>', 'this action only, such as jobs.cancel')
    .option('--by <key>', 'by the key of this name only')
  addOperation(addPageOptions(listing), cli, {
    roles: ['operate'],
    doing: 'Looking at the audit',
    request: (options: ListAuditRequest) => options,
    call: (router) => router.audit.list.query,
    text: (style, { entries }) =>
      entries.length === 0
        ? 'No entries.'
        : formatTable(
            style,
            ['WHEN', 'BY', 'ACTION', 'OUTCOME', 'TARGET'],
            entries.map((entry) => entryRow(style, entry, cli.now())),
          ),
    note: howToGoOn,
    examples: [
      ['errand audit list', ''],
      ['errand audit list --action jobs.cancel --by ada', 'what one operator cancelled'],
      ['errand audit list --json | jq .entries[].target', ''],
    ],
  })
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

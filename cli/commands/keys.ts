/** `errand keys`: the keys of the coordinator's callers, and those by which it calls functions. */
import type { CreatedKey, KeyView } from '../../core/views/answers.gen.js'
import type { Command } from 'commander'
import type { CreateKeyRequest } from '../../core/requests/apiKeys.js'
import { roles, type Role } from '../../core/roles.js'
import type { Cli } from '../cli.js'
import { callCoordinator, type CallOptions } from '../connection.js'
import { callForEach } from '../each.js'
import { formatAgo, formatTable } from '../format.js'
import { addExamples, addSettings, callerSettings } from '../help.js'
import type { Style } from '../style.js'
import { addSigningKeys } from './signingKeys.js'
import { jsonOption, readRole, readWorkerPattern, urlOption } from '../usage.js'

interface CreateOptions extends CallOptions {
  name: string
  role: Role
  worker?: string[]
  args?: boolean
}

export function addKeys(program: Command, cli: Cli): void {
  const keys = program.command('keys').description('create, list and revoke API keys; rotate signing keys')
  addExamples(keys, [
    ['errand keys create --name ada --role operate', 'the first key must be one to operate'],
    [`errand keys create --name web --role enqueue --worker 'shop.*'`, ''],
    ['errand keys revoke web', ''],
    ['errand keys rotate', 'the signing key, step by step'],
  ])

  const creating = keys
    .command('create')
    .description('create a key, which is shown this once; once there is one, every call needs a key')
    .requiredOption('--name <name>', 'stands in the audit for whoever uses the key')
    .requiredOption('--role <role>', roles.join(', '), readRole)
    .option(
      '--worker <pattern...>',
      'enqueue only: these workers, by name or as folder.* (default: all)',
      readWorkerPattern,
    )
    .option('--args', 'observe only: sees args and results too')
    .option(...urlOption)
    .option(...jsonOption)
    .action((options: CreateOptions) => create(cli, options))
  addSettings(creating, callerSettings)
  addExamples(creating, [
    ['errand keys create --name ada --role operate', ''],
    [`errand keys create --name web --role enqueue --worker mail.send --worker 'shop.*'`, ''],
    ['errand keys create --name board --role observe --args', ''],
  ])

  const listing = keys
    .command('list')
    .description('list the keys by name; none is ever shown again')
    .option(...urlOption)
    .option(...jsonOption)
    .action((options: CallOptions) => list(cli, options))
  addSettings(listing, callerSettings)
  addExamples(listing, [['errand keys list', '']])

  const revoking = keys
    .command('revoke <name...>')
    .description('revoke keys: of no use any more, within seconds on every coordinator')
    .option(...urlOption)
    .option(...jsonOption)
    .action((names: string[], options: CallOptions) =>
      callForEach(cli, options, {
        ids: names,
        role: 'operate',
        doing: 'Revoking',
        async call(router, name, options) {
          const { revoked } = await router.keys.revoke.mutate({ name }, options)
          return { id: name, revoked }
        },
        text: (_style, { id }) => `${id}  revoked`,
      }),
    )
  addSettings(revoking, callerSettings)
  addExamples(revoking, [['errand keys revoke web', '']])
  addSigningKeys(keys, cli)
}

async function create(cli: Cli, options: CreateOptions): Promise<void> {
  const out = cli.output(options)
  const { name, role, worker, args } = options
  const request: CreateKeyRequest = {
    name,
    role,
    ...(worker === undefined ? {} : { workers: worker }),
    ...(args === undefined ? {} : { args }),
  }
  const call = { ...options, roles: ['operate'] as const, doing: `Creating the key ${name}` }
  const created = await callCoordinator(cli, out, call, (router, options) =>
    router.keys.create.mutate(request, options),
  )
  out.result(created, () => created.key)
  if (!out.json) out.note(whatNow(created))
}

function whatNow({ name, first }: CreatedKey): string {
  const kept = `Keep this key of "${name}" now: it is not shown again.`
  return first ? `${kept} From now on every call needs a key: set ERRAND_API_KEY.` : kept
}

async function list(cli: Cli, options: CallOptions): Promise<void> {
  const out = cli.output(options)
  const call = { ...options, roles: ['operate'] as const, doing: 'Looking for keys' }
  const { keys } = await callCoordinator(cli, out, call, (router, options) =>
    router.keys.list.query(undefined, options),
  )
  out.result(keys, (style) =>
    keys.length === 0
      ? 'No keys: everything is open to this machine.'
      : formatTable(
          style,
          ['NAME', 'ROLE', 'MAY', 'MADE', 'LAST USED'],
          keys.map((key) => keyRow(style, key, cli.now())),
        ),
  )
}

const keyRow = (style: Style, key: KeyView, now: Date): string[] => [
  key.name,
  key.role,
  key.workers?.join(', ') ?? (key.args ? 'see args' : ''),
  key.createdAt === undefined ? 'in ERRAND_API_KEYS' : `${formatAgo(key.createdAt, now)} by ${key.createdBy}`,
  lastUse(style, key, now),
]

function lastUse(style: Style, { source, lastUsedAt }: KeyView, now: Date): string {
  if (source === 'setting') return ''
  return lastUsedAt === undefined ? style.dim('never') : formatAgo(lastUsedAt, now)
}

/** `errand keys`: the keys of the coordinator's callers, and those by which it calls functions. */
import type { CreatedKey, KeyView } from '../../core/views/answers.gen.js'
import type { Command } from 'commander'
import type { CreateKeyRequest } from '../../core/requests/apiKeys.js'
import { roles, type Role } from '../../core/roles.js'
import type { Cli } from '../cli.js'
import { formatAgo, formatTable } from '../format.js'
import { addExamples } from '../help.js'
import { addOperation, addOperationForEach } from '../operation.js'
import type { Style } from '../style.js'
import { addSigningKeys } from './signingKeys.js'
import { readRole, readWorkerPattern } from '../usage.js'

interface CreateOptions {
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
  addOperation(creating, cli, {
    roles: ['operate'],
    doing: ({ name }) => `Creating the key ${name}`,
    request: ({ worker, ...key }: CreateOptions): CreateKeyRequest => ({
      ...key,
      ...(worker === undefined ? {} : { workers: worker }),
    }),
    call: (router) => router.keys.create.mutate,
    text: (_style, { key }) => key,
    note: whatNow,
    examples: [
      ['errand keys create --name ada --role operate', ''],
      [`errand keys create --name web --role enqueue --worker mail.send --worker 'shop.*'`, ''],
      ['errand keys create --name board --role observe --args', ''],
    ],
  })

  addOperation(keys.command('list').description('list the keys by name; none is ever shown again'), cli, {
    roles: ['operate'],
    doing: 'Looking for keys',
    call: (router) => router.keys.list.query,
    json: ({ keys }) => keys,
    text: (style, { keys }) =>
      keys.length === 0
        ? 'No keys: everything is open to this machine.'
        : formatTable(
            style,
            ['NAME', 'ROLE', 'MAY', 'MADE', 'LAST USED'],
            keys.map((key) => keyRow(style, key, cli.now())),
          ),
    examples: [['errand keys list', '']],
  })

  const revoking = keys
    .command('revoke <name...>')
    .description('revoke keys: of no use any more, within seconds on every coordinator')
  addOperationForEach(revoking, cli, {
    roles: ['operate'],
    doing: 'Revoking',
    call:
      (router) =>
      async ({ id }, options) => {
        const { revoked } = await router.keys.revoke.mutate({ name: id }, options)
        return { id, revoked }
      },
    text: (_style, { id }) => `${id}  revoked`,
    examples: [['errand keys revoke web', '']],
  })
  addSigningKeys(keys, cli)
}

function whatNow({ name, first }: CreatedKey): string {
  const kept = `Keep this key of "${name}" now: it is not shown again.`
  return first ? `${kept} From now on every call needs a key: set ERRAND_API_KEY.` : kept
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

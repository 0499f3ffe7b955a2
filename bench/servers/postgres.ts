/**
 * PostgreSQL on a port and in a folder of its own, with its default settings: each commit is flushed before it is
 * acknowledged.
 */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { chmod, chown, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { until } from '../harness/time.js'
import { importPeer } from '../harness/packages.js'
import { freePort, installPackage } from './debian.js'
import { startServer, type Server } from './process.js'

const installed = '/usr/lib/postgresql'

function programs(): string | undefined {
  if (!existsSync(installed)) return undefined
  const newest = readdirSync(installed).toSorted((a, b) => Number(b) - Number(a))
  return newest.map((version) => join(installed, version, 'bin')).find((bin) => existsSync(join(bin, 'postgres')))
}

export function postgresVersion(): string {
  const bin = programs()
  if (bin === undefined) return 'PostgreSQL (not installed)'
  const text = execFileSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' })
  return `PostgreSQL ${/[\d.]+/.exec(text)?.[0] ?? ''}`
}

export const installPostgres = (): Promise<void> => installPackage('postgresql', () => programs() !== undefined)

export interface Postgres extends Server {
  url: string
}

/** PostgreSQL refuses to run as root; then it runs as the user that its package made. */
function owner(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const idOf = (option: string) => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}

export async function startPostgres(folder: string): Promise<Postgres> {
  const bin = programs()!
  const { uid, gid } = owner()
  const as = { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }), cwd: folder }
  const data = join(folder, 'data')
  await mkdir(data)
  await chmod(folder, 0o755)
  await chmod(data, 0o700)
  if (uid !== undefined) for (const path of [folder, data]) await chown(path, uid, gid!)
  const initdb = ['-D', data, '-A', 'trust', '-U', 'postgres', '--no-locale', '-E', 'UTF8']
  await promisify(execFile)(join(bin, 'initdb'), initdb, as)
  const port = await freePort()
  const settings = { max_connections: 300, listen_addresses: '127.0.0.1', unix_socket_directories: folder }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = await startServer(join(bin, 'postgres'), ['-D', data, '-p', String(port), ...args], port, as)
  const isReady = ['-h', '127.0.0.1', '-p', String(port), '-q']
  await until('PostgreSQL', () =>
    promisify(execFile)(join(bin, 'pg_isready'), isReady).then(
      () => true,
      () => false,
    ),
  )
  return { ...server, url: `postgres://postgres@127.0.0.1:${port}/postgres` }
}

interface Pg {
  Pool: new (options: object) => Pool
}

export interface Pool {
  query: (text: string) => Promise<{ rows: unknown[] }>
  on: (event: 'error' | 'connect', listener: (subject: { on: Pool['on'] }) => void) => unknown
  end: () => Promise<void>
}

/** By the driver that comes with the peers. */
export async function openPool(connectionString: string, connections: number): Promise<Pool> {
  const { Pool } = await importPeer<Pg>('pg')
  const pool = new Pool({ connectionString, max: connections })
  // a connection that breaks while nobody uses it: the next query tells
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

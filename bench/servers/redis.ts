/** Redis on a port and in a folder of its own. */
import { execFileSync } from 'node:child_process'
import { freePort, installPackage } from './debian.js'
import { startServer, type Server } from './process.js'

const program = 'redis-server'

function version(): string | undefined {
  try {
    return /v=([\d.]+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1]
  } catch {
    return undefined
  }
}

export const redisVersion = (): string => `Redis ${version() ?? '(not installed)'}`

export const installRedis = (): Promise<void> => installPackage(program, () => version() !== undefined)

/** `always`: each write is on the disk before it is acknowledged. `none`: a crash loses everything. */
export type Persistence = 'always' | 'none'

export async function startRedis(folder: string, persistence: Persistence): Promise<Server> {
  const port = await freePort()
  const durable = persistence === 'always' ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
  return startServer(program, [...place, '--save', '', ...durable, '--maxmemory-policy', 'noeviction'], port)
}

/** A server's process: started, waited for until it takes connections, and ended with the session. */
import { spawn, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { sleep, until } from '../harness/time.js'

export interface Server {
  port: number
  pid: number
  close: () => Promise<void>
}

const startLimitMs = 20_000
const stopLimitMs = 10_000

export async function startServer(
  command: string,
  args: string[],
  port: number,
  options: SpawnOptions = {},
): Promise<Server> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  // whoever interrupts the bench does not want its servers to stay
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2_000)))
  const failed = once(child, 'error').then(([error]) => error as Error)
  const close = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGINT')
    await Promise.race([gone, sleep(stopLimitMs)])
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await gone
  }
  const takesConnections = until(`a server on port ${port}`, () => canConnect(port), startLimitMs).then(() => undefined)
  const problem = await Promise.race([failed, takesConnections.catch((error: unknown) => error as Error)])
  if (problem) {
    if (child.pid !== undefined) await close()
    throw new Error(`${command} did not start. ${said}`, { cause: problem })
  }
  return { port, pid: child.pid!, close }
}

const canConnect = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (can: boolean) => {
      socket.destroy()
      resolve(can)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })

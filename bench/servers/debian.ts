/** Database servers come from Debian's packages, and only when a peer is asked for that needs them. */
import { execFile } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** `isThere` looks for the program before and after. Throws where it cannot be had. */
export async function installPackage(name: string, isThere: () => boolean | Promise<boolean>): Promise<void> {
  if (await isThere()) return
  console.error(`Installing ${name} (apt-get install) …`)
  // a run level without services: the package must not start one of its own
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const options = { env, timeout: 10 * 60_000, maxBuffer: 64 * 1024 * 1024 }
  await run('apt-get', ['update', '-qq'], options)
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name], options)
  if (!(await isThere())) throw new Error(`apt-get has installed ${name}, and its server is still not to be found`)
}

/** Nobody listens there now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

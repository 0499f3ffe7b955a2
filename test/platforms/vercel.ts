/**
 * The Vercel target: each function folder in a process of its own, loaded by Vercel's code where it is installed, else
 * by a launcher like it.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { vendored } from './vendored.js'
import { post, type Platform, type Running } from './platform.js'
import { disposeAll } from './process.js'
import { boomPlace, workerNames } from './workers.js'

/** What `vercel dev` runs functions with. */
const devServer = vendored('@vercel/node/dist/dev-server.mjs')
const launcher = join(import.meta.dirname, 'vercelLauncher.mjs')

export const vercel: Platform = {
  name: `vercel (${devServer ? '@vercel/node' : 'a launcher by the Build Output API'})`,
  target: 'vercel',
  place: boomPlace,
  async start(dir, keys): Promise<Running> {
    const functions = join(dir, '.vercel/output/functions')
    const started = await Promise.all(
      workerNames.map(async (worker) => {
        const folder = join(functions, `${worker.replaceAll('.', '/')}.func`)
        return [worker, await startFunction(folder, { ERRAND_SIGNING_KEYS: keys })] as const
      }),
    )
    const programs = new Map(started)
    return {
      call: (worker, headers, body) =>
        post(`${programs.get(worker)!.url}${worker.replaceAll('.', '/')}`, headers, body),
      [Symbol.asyncDispose]: () => disposeAll(started.map(([, program]) => program)),
    }
  },
}

export async function startFunction(folder: string, settings: Record<string, string>) {
  const { handler } = JSON.parse(await readFile(join(folder, '.vc-config.json'), 'utf8')) as { handler: string }
  const child = fork(devServer ?? launcher, {
    cwd: folder,
    env: { PATH: process.env['PATH'], VERCEL_DEV_ENTRYPOINT: handler, VERCEL_DEV_CONFIG: '{}', ...settings },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const closed = once(child, 'exit')
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await closed
    },
  }
}

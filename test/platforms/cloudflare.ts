/**
 * The Cloudflare target in workerd, the runtime of Cloudflare Workers itself, configured by what wrangler.jsonc says.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { post, type Platform, type Running } from './platform.js'
import { disposeAll, run } from './process.js'
import { boomPlace, workerNames } from './workers.js'

/** The program itself, and not the script around it, which would leave it behind. */
const workerd = (createRequire(import.meta.url)('workerd') as { default: string }).default

interface Wrangler {
  main: string
  compatibility_date: string
  rules: { type: 'ESModule' | 'Text'; globs: string[] }[]
}

export const cloudflare: Platform = {
  name: 'cloudflare (workerd)',
  target: 'cloudflare',
  place: boomPlace,
  async start(dir, keys): Promise<Running> {
    const started = await Promise.all(
      workerNames.map(async (worker) => {
        const program = await startWorkerd(join(dir, worker), { ERRAND_SIGNING_KEYS: keys })
        return [worker, program] as const
      }),
    )
    const programs = new Map(started)
    return {
      call: (worker, headers, body) => post(programs.get(worker)!.url, headers, body),
      [Symbol.asyncDispose]: () => disposeAll(started.map(([, program]) => program)),
    }
  },
}

/** A folder as `wrangler deploy` would upload it. */
export async function startWorkerd(folder: string, env: Record<string, string>) {
  const wrangler = JSON.parse(await readFile(join(folder, 'wrangler.jsonc'), 'utf8')) as Wrangler
  const files = await readdir(folder)
  await writeFile(join(folder, 'config.capnp'), printConfig(wrangler, files, env))
  const program = run(workerd, ['serve', 'config.capnp', '--experimental', '--control-fd=1'], { cwd: folder })
  const [, port] = await program.line(/"event":"listen".*"port":(\d+)/)
  return { url: `http://127.0.0.1:${port}/`, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() }
}

function printConfig(wrangler: Wrangler, files: readonly string[], env: Record<string, string>): string {
  const kindOf = (file: string) => {
    const rule = wrangler.rules.find(({ globs }) => globs.some((glob) => file.endsWith(glob.slice(1))))
    return rule && { ESModule: 'esModule', Text: 'text' }[rule.type]
  }
  // workerd starts with the first module
  const ordered = [wrangler.main, ...files.filter((file) => file !== wrangler.main)]
  const modules = ordered.flatMap((file) => {
    const kind = kindOf(file)
    return kind === undefined ? [] : [`(name = "${file}", ${kind} = embed "${file}")`]
  })
  const bindings = Object.entries(env).map(([name, text]) => `(name = "${name}", text = "${text}")`)
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ["public", "private"]))
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
const main :Workerd.Worker = (
  modules = [${modules.join(', ')}],
  bindings = [${bindings.join(', ')}],
  compatibilityDate = "${wrangler.compatibility_date}"
);
`
}

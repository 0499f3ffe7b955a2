/** `errand functions`: serves the bundles on a Node host. */
import type { Command } from 'commander'
import type { Cli } from '../cli.js'
import { count } from '../format.js'
import { surviveRejections } from '../surviveRejections.js'
import { openProject } from '../project.js'
import { serveUntilStopped } from '../serve.js'
import { createServiceLog } from '../serviceLog.js'
import { misspeltSettings, readSettings } from '../settings.js'
import { aborted } from '../signals.js'
import { addExamples, addSettings } from '../help.js'
import { jsonOption, rootOption } from '../usage.js'

interface FunctionsOptions {
  root?: string
  json?: boolean
}

export function addFunctions(program: Command, cli: Cli): void {
  const command = program
    .command('functions')
    .description('serve the functions of .errand/ on this machine')
    .option(...rootOption)
    .option(...jsonOption)
    .action((options: FunctionsOptions) => functions(cli, options))
  addSettings(command, ['ERRAND_FUNCTIONS_PORT', 'ERRAND_HOST', 'ERRAND_SIGNING_KEYS', 'ERRAND_DEBUG'])
  addExamples(command, [
    ['errand functions', 'on 127.0.0.1:4101'],
    ['ERRAND_HOST=0.0.0.0 ERRAND_FUNCTIONS_PORT=8080 errand functions', 'for a coordinator elsewhere'],
  ])
}

async function functions(cli: Cli, options: FunctionsOptions): Promise<void> {
  const out = cli.output(options)
  const project = openProject(cli.cwd, options.root)
  const { host, functionsPort, signingKeys } = await readSettings(cli.env, project)
  const log = createServiceLog(cli, out, { json: out.json || !out.live })
  for (const sentence of misspeltSettings(cli.env)) log('warn', sentence)

  surviveRejections((stack) => log('error', `job code did not handle a rejection. ${stack}`))
  await serveUntilStopped(cli, async (opened) => {
    const { createFunctionHost } = await import('../../runtime/node.js')
    const served = createFunctionHost({ dir: project.dir, keys: signingKeys, log: (message) => log('error', message) })
    const listening = await served.listen({ host, port: functionsPort })
    // calls that run are waited for as long as the host allows, or until a second signal
    opened.add((force) => Promise.race([listening.close(), aborted(force)]))
    const health = await served.fetch(new Request(`${listening.url}/healthz`))
    const { workers } = (await health.json()) as { workers: number }
    out.result({ event: 'ready', url: listening.url, workers }, (style) =>
      [
        `${style.green('✔')} The functions are ready at ${style.bold(listening.url)} (${count(workers, 'worker')}).`,
        style.dim('  Ctrl-C stops them.'),
      ].join('\n'),
    )
  })
}

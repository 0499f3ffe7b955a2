/** `errand start`: runs the coordinator. */
import type { Command } from 'commander'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Cli } from '../cli.js'
import { openCoordinator } from '../coordinatorService.js'
import { configError } from '../../core/errors.js'
import { readTenant } from '../../server/hosts/settings.js'
import { count } from '../format.js'
import { openProject } from '../project.js'
import { serveUntilStopped } from '../serve.js'
import { createServiceLog } from '../serviceLog.js'
import { addressOf, misspeltSettings, readSettings, type Settings } from '../settings.js'
import { addExamples, addSettings, serviceSettings } from '../help.js'
import { jsonOption, rootOption } from '../usage.js'

interface StartOptions {
  root?: string
  json?: boolean
}

export function addStart(program: Command, cli: Cli): void {
  const command = program
    .command('start')
    .description('run the coordinator')
    .option(...rootOption)
    .option(...jsonOption)
    .action((options: StartOptions) => start(cli, options))
  addSettings(command, serviceSettings)
  addExamples(command, [
    ['errand start', 'on 127.0.0.1:4100, with the embedded database'],
    ['MONGODB_URI=mongodb://db.example.org/errand errand start', 'with a MongoDB of yours'],
    ['ERRAND_HOST=0.0.0.0 ERRAND_API_KEYS=enqueue:…,operate:… errand start', 'for other machines'],
  ])
}

async function start(cli: Cli, options: StartOptions): Promise<void> {
  const out = cli.output(options)
  const project = openProject(cli.cwd, options.root)
  const settings = await readSettings(cli.env, project)
  const log = createServiceLog(cli, out, { json: out.json || !out.live })
  for (const sentence of misspeltSettings(cli.env)) log('warn', sentence)

  await serveUntilStopped(cli, async (opened) => {
    const { loadContracts, loadProjectName, noContracts } = await import('../../server/deployments/contracts.js')
    const { endureContracts } = await import('../../server/deployments/endureContracts.js')
    const stopEnduring = endureContracts(log)
    opened.add(async () => stopEnduring())
    const isBuilt = existsSync(join(project.dir, 'manifest.json'))
    const own = isBuilt ? await loadContracts(project.dir) : noContracts
    const functionsUrl = whereFunctionsAre(settings)
    const tenant = readTenant(cli.env, isBuilt ? await loadProjectName(project.dir) : undefined)
    const { url, coordinator } = await openCoordinator(opened, {
      settings,
      tenant,
      contracts: own,
      functionsUrl,
      log,
      out,
    })
    const { contracts, liveDeployment } = coordinator.deps
    const workers = contracts.names.length
    const deployment = liveDeployment.live
    const ready = {
      event: 'ready',
      url,
      ...(deployment === undefined ? { functionsUrl } : { deployment }),
      workers,
    }
    out.result(ready, (style) =>
      [
        `${style.green('✔')} The coordinator is ready at ${style.bold(url)} (${count(workers, 'worker')}).`,
        style.dim(`  ${whatItCalls({ deployment, functionsUrl, isBuilt })} Ctrl-C stops it.`),
      ].join('\n'),
    )
  })
}

interface Calls {
  deployment: number | undefined
  functionsUrl: string
  isBuilt: boolean
}

function whatItCalls({ deployment, functionsUrl, isBuilt }: Calls): string {
  if (deployment !== undefined) return `It calls the functions of deployment ${deployment}.`
  if (isBuilt) return `It calls functions at ${functionsUrl}.`
  return 'There is no build of jobs/ here: it waits for `errand deploy`, or for `errand codegen` and another start.'
}

function whereFunctionsAre({ functionsUrl, host, functionsPort }: Settings): string {
  if (functionsUrl !== undefined) return functionsUrl
  if (functionsPort !== 0) return addressOf(host, functionsPort)
  throw configError(
    'ERRAND_FUNCTIONS_PORT is 0, so nobody knows where the functions are. Set ERRAND_FUNCTIONS_URL, or a port.',
  )
}

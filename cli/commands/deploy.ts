/** `errand deploy`: registers a build with the coordinator, and makes it live. */
import type { Activated } from '../../core/views/answers.gen.js'
import type { Command } from 'commander'
import { targetNames, type TargetName } from '../../core/targets.js'
import type { Cli } from '../cli.js'
import { callCoordinator } from '../connection.js'
import { switchText } from '../deploymentText.js'
import { addExamples, addSettings, callerSettings } from '../help.js'
import { UsageError } from '../problem.js'
import { openProject } from '../project.js'
import { jsonOption, readTarget, readUrl, rootOption } from '../usage.js'
import { switchLimitMs } from './deployments.js'

interface DeployOptions {
  target?: TargetName[]
  url: string[]
  note?: string
  activate: boolean
  force?: boolean
  out?: string
  coordinator?: string
  root?: string
  json?: boolean
}

export function addDeploy(program: Command, cli: Cli): void {
  const command = program
    .command('deploy')
    .description('have the coordinator run jobs on functions that were built and deployed: one switch, no restart')
    .option(
      '--target <target>',
      `what was built there: ${targetNames.join(', ')} (default: all functions)`,
      readOneTarget,
    )
    .requiredOption('--url <url>', 'where its functions are, as in ERRAND_FUNCTIONS_URL', readOneMore)
    .option('--note <text>', 'what it is, such as the commit')
    .option('--no-activate', 'register it only; `errand deployments activate` makes it live')
    .option('--force', 'go live although functions do not answer')
    .option('--out <dir>', 'where `errand build` put it (default: .errand/build)')
    .option('--coordinator <url>', "the coordinator's address (default: ERRAND_URL, else the local one)", readUrl)
    .option(...rootOption)
    .option(...jsonOption)
    .action((options: DeployOptions) => deploy(cli, options))
  addSettings(command, callerSettings)
  addExamples(command, [
    ['errand deploy --target vercel --url https://jobs-a1b2c3.vercel.app', ''],
    [`errand deploy --target cloudflare --url 'https://errand-{worker}.me.workers.dev'`, ''],
    [
      `errand deploy --target aws-lambda --url 'lambda:eu-central-1:errand-{worker}' --note "$(git rev-parse HEAD)"`,
      '',
    ],
    ['errand deploy --url http://functions:4101', '`errand functions`, or functions of your own'],
    ['errand deploy --target vercel --url … --target cloudflare --url …', 'workers on two platforms'],
  ])
}

const readOneTarget = (text: string, before: readonly TargetName[] = []): TargetName[] => [...before, readTarget(text)]

const readOneMore = (text: string, before: readonly string[] = []): string[] => [...before, text]

async function deploy(cli: Cli, options: DeployOptions): Promise<void> {
  const { target: named, url: urls, note, activate, force = false, out: folder, coordinator, json = false } = options
  const out = cli.output(options)
  const { root } = openProject(cli.cwd, options.root)
  if (urls.length > 1 && urls.length !== named?.length) {
    throw new UsageError('Each --target goes with its --url. Give as many of the one as of the other.')
  }
  if (named && named.length !== urls.length) throw new UsageError('Each --target needs a --url of its own.')
  const { readDeployment } = await import('../../codegen/deployment.js')
  const parts = await readDeployment({
    root,
    builds: urls.map((url, index) => ({ url, ...(named && { target: named[index]! }) })),
    ...(folder !== undefined && { out: folder }),
  })
  const call = {
    ...(coordinator === undefined ? {} : { url: coordinator }),
    json,
    roles: ['deploy'] as const,
    limitMs: switchLimitMs,
    option: '--coordinator',
  }
  const request = { ...parts, ...(note === undefined ? {} : { note }) }
  const registered = await callCoordinator(cli, out, { ...call, doing: 'Registering the build' }, (router, options) =>
    router.deployments.register.mutate(request, options),
  )
  const { id } = registered
  if (!activate) {
    out.result(
      registered,
      (style) => `${style.green('✔')} Deployment ${style.bold(String(id))} is registered and not live.`,
    )
    return
  }
  const doing = `Asking the functions of deployment ${id}`
  const activated: Activated = await callCoordinator(cli, out, { ...call, doing }, (router, options) =>
    router.deployments.activate.mutate({ id, force }, options),
  )
  out.result(activated, (style) => switchText(style, activated))
}

/** `errand deployments`, `errand rollback`: list deployments, and say which is live. */
import type { Command } from 'commander'
import type { Cli } from '../cli.js'
import { callCoordinator, type CallOptions } from '../connection.js'
import { describeDeployments, tellSwitch } from '../deploymentText.js'
import { addExamples, addSettings, callerSettings } from '../help.js'
import { jsonOption, readInteger, urlOption } from '../usage.js'

interface SwitchOptions extends CallOptions {
  force?: boolean
}

/** The coordinator asks each function first; a thousand that start cold take their time. */
export const switchLimitMs = 180_000

const readId = readInteger(1, 1_000_000_000)

export function addDeployments(program: Command, cli: Cli): void {
  const deployments = program.command('deployments').description('what `errand deploy` registered, and which is live')
  addExamples(deployments, [
    ['errand deployments', 'the list'],
    ['errand deployments activate 12', ''],
    ['errand deployments retire 7', 'its functions may be deleted then'],
  ])

  const listing = deployments
    .command('list', { isDefault: true })
    .description('list them, newest first')
    .option(...urlOption)
    .option(...jsonOption)
    .action((options: CallOptions) => list(cli, options))
  addSettings(listing, callerSettings)
  addExamples(listing, [['errand deployments list', '']])

  const activating = deployments
    .command('activate')
    .description('make one live, in one switch; its functions are asked first')
    .argument('<id>', 'its number', readId)
    .option('--force', 'although functions do not answer')
    .option(...urlOption)
    .option(...jsonOption)
    .action((id: number, options: SwitchOptions) => activate(cli, id, options))
  addSettings(activating, callerSettings)
  addExamples(activating, [['errand deployments activate 12', '']])

  const deactivating = deployments
    .command('deactivate')
    .description('have coordinators use what they have themselves again: .errand/ and ERRAND_FUNCTIONS_URL')
    .option(...urlOption)
    .option(...jsonOption)
    .action((options: CallOptions) => deactivate(cli, options))
  addSettings(deactivating, callerSettings)
  addExamples(deactivating, [['errand deployments deactivate', '']])

  const retiring = deployments
    .command('retire')
    .description('give one up: jobs that are pinned to it run on the live one')
    .argument('<id>', 'its number', readId)
    .option(...urlOption)
    .option(...jsonOption)
    .action((id: number, options: CallOptions) => retire(cli, id, options))
  addSettings(retiring, callerSettings)
  addExamples(retiring, [['errand deployments retire 7', 'its functions may be deleted then']])

  const rolling = program
    .command('rollback')
    .description('make the deployment live again that was before, or one of your choice')
    .argument('[id]', 'its number (default: the one before)', readId)
    .option('--force', 'although functions do not answer')
    .option(...urlOption)
    .option(...jsonOption)
    .action((id: number | undefined, options: SwitchOptions) => rollBack(cli, id, options))
  addSettings(rolling, callerSettings)
  addExamples(rolling, [
    ['errand rollback', ''],
    ['errand rollback 11', ''],
  ])
}

const asDeployer = { roles: ['deploy'] as const, limitMs: switchLimitMs }

async function list(cli: Cli, options: CallOptions): Promise<void> {
  const out = cli.output(options)
  const call = { ...options, ...asDeployer, doing: 'Looking for deployments' }
  const { deployments } = await callCoordinator(cli, out, call, (router, options) =>
    router.deployments.list.query(undefined, options),
  )
  out.result(deployments, (style) => describeDeployments(style, deployments, cli.now()))
}

async function activate(cli: Cli, id: number, { force = false, ...options }: SwitchOptions): Promise<void> {
  const out = cli.output(options)
  const call = { ...options, ...asDeployer, doing: `Asking the functions of deployment ${id}` }
  tellSwitch(
    out,
    await callCoordinator(cli, out, call, (router, options) =>
      router.deployments.activate.mutate({ id, force }, options),
    ),
  )
}

async function rollBack(cli: Cli, id: number | undefined, { force = false, ...options }: SwitchOptions): Promise<void> {
  const out = cli.output(options)
  const call = { ...options, ...asDeployer, doing: 'Rolling back' }
  tellSwitch(
    out,
    await callCoordinator(cli, out, call, (router, options) =>
      router.deployments.rollBack.mutate({ id, force }, options),
    ),
  )
}

async function deactivate(cli: Cli, options: CallOptions): Promise<void> {
  const out = cli.output(options)
  const call = { ...options, ...asDeployer, doing: 'Switching' }
  tellSwitch(
    out,
    await callCoordinator(cli, out, call, (router, options) =>
      router.deployments.deactivate.mutate(undefined, options),
    ),
  )
}

async function retire(cli: Cli, id: number, options: CallOptions): Promise<void> {
  const out = cli.output(options)
  const call = { ...options, ...asDeployer, doing: `Retiring deployment ${id}` }
  const retired = await callCoordinator(cli, out, call, (router, options) =>
    router.deployments.retire.mutate({ id }, options),
  )
  out.result(retired, () => `Deployment ${id} is retired.`)
}

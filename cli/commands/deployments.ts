/** `errand deployments`, `errand rollback`: list deployments, and say which is live. */
import type { Command } from 'commander'
import type { Cli } from '../cli.js'
import { describeDeployments, switchText } from '../deploymentText.js'
import { addExamples } from '../help.js'
import { addOperation } from '../operation.js'
import { readInteger } from '../usage.js'

interface SwitchOptions {
  force?: boolean
}

/** The coordinator asks each function first; a thousand that start cold take their time. */
export const switchLimitMs = 180_000

const asDeployer = { roles: ['deploy'] as const, limitMs: switchLimitMs }

const readId = readInteger(1, 1_000_000_000)

export function addDeployments(program: Command, cli: Cli): void {
  const deployments = program.command('deployments').description('what `errand deploy` registered, and which is live')
  addExamples(deployments, [
    ['errand deployments', 'the list'],
    ['errand deployments activate 12', ''],
    ['errand deployments retire 7', 'its functions may be deleted then'],
  ])

  addOperation(deployments.command('list', { isDefault: true }).description('list them, newest first'), cli, {
    ...asDeployer,
    doing: 'Looking for deployments',
    call: (router) => router.deployments.list.query,
    json: ({ deployments }) => deployments,
    text: (style, { deployments }) => describeDeployments(style, deployments, cli.now()),
    examples: [['errand deployments list', '']],
  })

  const activating = deployments
    .command('activate')
    .description('make one live, in one switch; its functions are asked first')
    .argument('<id>', 'its number', readId)
    .option('--force', 'although functions do not answer')
  addOperation(activating, cli, {
    ...asDeployer,
    doing: ({ id }) => `Asking the functions of deployment ${id}`,
    request: (id: number, { force = false }: SwitchOptions) => ({ id, force }),
    call: (router) => router.deployments.activate.mutate,
    text: switchText,
    examples: [['errand deployments activate 12', '']],
  })

  const deactivating = deployments
    .command('deactivate')
    .description('have coordinators use what they have themselves again: .errand/ and ERRAND_FUNCTIONS_URL')
  addOperation(deactivating, cli, {
    ...asDeployer,
    doing: 'Switching',
    call: (router) => router.deployments.deactivate.mutate,
    text: switchText,
    examples: [['errand deployments deactivate', '']],
  })

  const retiring = deployments
    .command('retire')
    .description('give one up: jobs that are pinned to it run on the live one')
    .argument('<id>', 'its number', readId)
  addOperation(retiring, cli, {
    ...asDeployer,
    doing: ({ id }) => `Retiring deployment ${id}`,
    request: (id: number) => ({ id }),
    call: (router) => router.deployments.retire.mutate,
    text: (_style, _retired, { id }) => `Deployment ${id} is retired.`,
    examples: [['errand deployments retire 7', 'its functions may be deleted then']],
  })

  const rolling = program
    .command('rollback')
    .description('make the deployment live again that was before, or one of your choice')
    .argument('[id]', 'its number (default: the one before)', readId)
    .option('--force', 'although functions do not answer')
  addOperation(rolling, cli, {
    ...asDeployer,
    doing: 'Rolling back',
    request: (id: number | undefined, { force = false }: SwitchOptions) => ({ id, force }),
    call: (router) => router.deployments.rollBack.mutate,
    text: switchText,
    examples: [
      ['errand rollback', ''],
      ['errand rollback 11', ''],
    ],
  })
}

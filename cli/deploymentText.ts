/** Deployments in words. */
import type { Activated, DeploymentView } from '../core/views/answers.gen.js'
import { count, formatAgo, formatTable, plain } from './format.js'
import type { Style } from './style.js'

export const switchText = (style: Style, switched: Activated): string =>
  `${style.green('✔')} ${describeSwitch(style, switched)}`

function describeSwitch(style: Style, { id, already, answered, ...changes }: Activated): string {
  const { added, changed, gone } = changes
  if (already) return `Deployment ${style.bold(String(id))} is live already.`
  const what =
    id === null
      ? 'No deployment is live: coordinators use what they have themselves'
      : `Deployment ${style.bold(String(id))} is live`
  const asked = answered === 0 ? '' : `: ${count(answered, 'function')} answered`
  const lines = [
    ...(added.length === 0 ? [] : [`new: ${listed(added)}`]),
    ...(changed.length === 0 ? [] : [`changed: ${listed(changed)}`]),
    ...(gone.length === 0 ? [] : [style.yellow(`gone, so that their jobs wait: ${listed(gone)}`)]),
  ]
  return [`${what}${asked}.`, ...lines.map((line) => `  ${line}`)].join('\n')
}

const mostNamed = 10

function listed(names: readonly string[]): string {
  const rest = names.length - mostNamed
  const some = names.slice(0, mostNamed).join(', ')
  return rest > 0 ? `${some} and ${rest} more` : some
}

export const describeDeployments = (style: Style, deployments: readonly DeploymentView[], now: Date): string =>
  deployments.length === 0
    ? 'There are no deployments. `errand deploy` makes one.'
    : formatTable(
        style,
        ['DEPLOYMENT', 'STATE', 'WORKERS', 'MADE', 'FUNCTIONS', 'NOTE'],
        deployments.map((deployment) => deploymentRow(style, deployment, now)),
      )

const longestAddress = 60

function deploymentRow(style: Style, deployment: DeploymentView, now: Date): string[] {
  const { id, live, workers, createdAt, createdBy, functions, note = '', retiredAt } = deployment
  const state = live ? style.green('live') : retiredAt === undefined ? 'waits' : style.dim('retired')
  const address = functions.length > longestAddress ? `${functions.slice(0, longestAddress)}…` : functions
  return [
    String(id),
    state,
    String(workers),
    `${formatAgo(createdAt, now)} by ${plain(createdBy)}`,
    plain(address),
    plain(note),
  ]
}

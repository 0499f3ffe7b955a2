/** Runs functions in a process of their own, coordinator and database beside the watcher of `errand dev`. */
import type { Log } from '../../server/index.js'
import type { Cli } from '../cli.js'
import { openCoordinator } from '../coordinatorService.js'
import { formatClock, formatTook, plain } from '../format.js'
import type { Output } from '../output.js'
import type { Project } from '../project.js'
import type { Opened } from '../serve.js'
import { addressOf, type Settings } from '../settings.js'
import { onAttempt, type EndedAttempt } from './attempts.js'
import { startFunctionsProcess, type FunctionsProcess } from './functionsProcess.js'
import { createLiveContracts } from './liveContracts.js'
import type { Invoke } from '../../server/deps.js'
import { readTenant } from '../../server/hosts/settings.js'
import { waitingInvoke } from './waitingInvoke.js'

export interface DevServices {
  url: string
  functionsUrl: string
  /** Sorted. */
  workers: readonly string[]
  /**
   * Takes up a new build. Running attempts finish with what they began with; where the build cannot be loaded the old
   * one stays.
   */
  reload(): Promise<void>
}

export interface DevServicesOptions {
  cli: Cli
  out: Output
  project: Project
  settings: Settings
  log: Log
}

export async function openDevServices(opened: Opened, options: DevServicesOptions): Promise<DevServices> {
  const { out, project, settings, log } = options
  const [{ loadContracts, loadProjectName }, { reconcileSchedules }, { releaseHeld }] = await Promise.all([
    import('../../server/deployments/contracts.js'),
    import('../../server/schedules/define.js'),
    import('../../server/jobs/releaseHeld.js'),
  ])
  const contracts = createLiveContracts(await loadContracts(project.dir))
  const functions = settings.functionsUrl === undefined ? await startFunctions(opened, options) : undefined
  const functionsUrl = settings.functionsUrl ?? addressOf(settings.host, Number(new URL(functions!.url).port))
  const invoke = functions && (await openInvoke(opened, functions))
  const { coordinator, url } = await openCoordinator(opened, {
    settings,
    tenant: readTenant(options.cli.env, await loadProjectName(project.dir)),
    contracts,
    functionsUrl,
    // what runs is jobs/ as it is now
    followDeployments: false,
    invoke,
    log,
    out,
  })
  onAttempt(coordinator, (attempt) => tellAttempt(out, attempt))

  return {
    url,
    functionsUrl,
    workers: contracts.names,
    async reload() {
      try {
        // functions first: a job of a new worker must find its function
        await functions?.reload()
        await contracts.replace(await loadContracts(project.dir))
        await reconcileSchedules(coordinator.deps)
        await releaseHeld(coordinator.deps)
      } catch (error) {
        log('error', 'the new build cannot be taken up; the old one keeps running', { error })
      }
    },
  }
}

async function startFunctions(opened: Opened, { out, project, settings, log }: DevServicesOptions) {
  const functions = await startFunctionsProcess({
    dir: project.dir,
    keys: settings.signingKeys,
    host: settings.host,
    port: settings.functionsPort,
    log,
    onLine: (line) => out.note(`${out.stderrStyle.dim('│')} ${line}`),
  })
  opened.add((force) => functions.close(force))
  return functions
}

async function openInvoke(opened: Opened, functions: FunctionsProcess): Promise<Invoke> {
  const { createHttpInvoker } = await import('../../server/functions/invoke.js')
  const invoker = createHttpInvoker({ connections: maxCalls })
  opened.add(() => invoker.close())
  return waitingInvoke(functions, invoker.invoke)
}

/** As many as the coordinator runs attempts at once. */
const maxCalls = 100

function tellAttempt(out: Output, ended: EndedAttempt): void {
  out.result({ event: 'attempt', ...ended }, (style) => {
    const { id, worker, attempt, status, error, startedAt, finishedAt } = ended
    const mark = status === 'success' ? style.green('✔') : style.red('✖')
    const reason = error === undefined ? '' : `  ${style.red(reasonOf(error.name, error.message))}`
    const took = formatTook(startedAt, finishedAt)
    return `${style.dim(formatClock(finishedAt))} ${mark} ${worker}  ${style.dim(`${id}  attempt ${attempt}, ${took}`)}${reason}`
  })
}

const reasonOf = (name: string, message: string): string => plain(`${name}: ${message}`).split('\n')[0]!.slice(0, 200)

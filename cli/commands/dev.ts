/** `errand dev`: runs everything in one terminal, and takes up each edit. */
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Command } from 'commander'
import type { CodegenError, CodegenReport } from '../../codegen/index.js'
import { firstWorker, someOf, tellBuild, tellProblems } from '../buildText.js'
import type { Cli } from '../cli.js'
import { openDevServices, type DevServices } from '../dev/services.js'
import { formatFields } from '../format.js'
import type { Output } from '../output.js'
import { openProject, type Project } from '../project.js'
import { serveUntilStopped } from '../serve.js'
import { createServiceLog } from '../serviceLog.js'
import { misspeltSettings, readSettings, type Settings } from '../settings.js'
import { addExamples, addSettings, serviceSettings } from '../help.js'
import { jsonOption, rootOption } from '../usage.js'

interface DevOptions {
  root?: string
  json?: boolean
}

export function addDev(program: Command, cli: Cli): void {
  const command = program
    .command('dev')
    .description('codegen, database, functions and coordinator in one terminal, reloaded on edit')
    .option(...rootOption)
    .option(...jsonOption)
    .action((options: DevOptions) => dev(cli, options))
  addSettings(command, serviceSettings)
  addExamples(command, [
    ['errand dev', ''],
    ['errand dev --root examples/shop', 'a project elsewhere'],
    ['ERRAND_PORT=4200 ERRAND_FUNCTIONS_PORT=4201 errand dev', 'beside another one'],
  ])
}

async function dev(cli: Cli, options: DevOptions): Promise<void> {
  const out = cli.output(options)
  const project = openProject(cli.cwd, options.root)
  const settings = await readSettings(cli.env, project)
  const log = createServiceLog(cli, out, { json: out.json })
  for (const sentence of misspeltSettings(cli.env)) log('warn', sentence)
  const { watch, CodegenError } = await import('../../codegen/index.js')

  await serveUntilStopped(cli, async (opened) => {
    let services: DevServices | undefined
    const open = async () => {
      services = await openDevServices(opened, { cli, out, project, settings, log })
      tellReady(cli, out, settings, services)
    }
    const apply = async (outcome: CodegenReport | CodegenError) => {
      if (opened.stopping.aborted) return
      if (outcome instanceof CodegenError) {
        tellProblems(out, outcome)
        if (services === undefined && hasBuild(project)) await open()
        if (!out.json) out.note(services ? '  The last good build keeps running.' : '  Mend it, and Errand starts.')
        return
      }
      // told once it runs: who reads that an edit is built may count on it
      await services?.reload()
      tellBuild(out, outcome)
      if (services === undefined) await open()
    }

    let firstBuilt!: () => void
    const built = new Promise<void>((resolve) => (firstBuilt = resolve))
    let tellProgress: (line: string) => void = () => {}
    const watched = watch({
      root: project.root,
      signal: opened.stopping,
      onProgress: (line) => tellProgress(line),
      async onRebuild(outcome) {
        firstBuilt()
        await apply(outcome)
      },
    })
    opened.add(() => watched.catch(() => {}))
    await out.during('Building jobs/', (progress) => {
      tellProgress = (line) => progress.update(line)
      return Promise.race([built, watched])
    })
    await watched
  })
}

const hasBuild = ({ dir }: Project): boolean => existsSync(join(dir, 'manifest.json'))

function tellReady(cli: Cli, out: Output, settings: Settings, services: DevServices): void {
  const { url, functionsUrl, workers } = services
  out.result({ event: 'ready', url, functionsUrl, workers }, (style) => {
    const [first] = workers
    const { uri, dataDir } = settings.database
    const rows = formatFields(style, [
      ['workers', workers.length === 0 ? undefined : someOf(workers)],
      ['functions', functionsUrl],
      ['database', uri === undefined ? `embedded, in ${relative(cli.cwd, dataDir)}` : 'at MONGODB_URI'],
    ])
    const next =
      first === undefined ? firstWorker : `Enqueue from another terminal: errand enqueue ${first} '{…}' --wait`
    const head = `${style.green('✔')} Errand is ready at ${style.bold(url)}`
    return `${head}\n${rows}\n\n${next}\n${style.dim('Edits are taken up as you save. Ctrl-C stops.')}\n`
  })
}

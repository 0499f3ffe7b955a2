/** `errand codegen`: makes the registry, the contracts and the functions out of jobs/, or tells whether they would fit what waits. */
import { Option, type Command } from 'commander'
import { configError } from '../../core/errors.js'
import { describeBuild, firstWorker, tellBuild, tellProblems } from '../buildText.js'
import type { Cli } from '../cli.js'
import { Told, UsageError } from '../problem.js'
import { openProject } from '../project.js'
import { serveUntilStopped } from '../serve.js'
import { addExamples, addSettings, callerSettings } from '../help.js'
import { jsonOption, readInteger, rootOption, urlOption } from '../usage.js'
import { compat, type CompatCommand } from './compat.js'

interface CodegenOptions extends CompatCommand {
  check?: boolean
  watch?: boolean
  compat?: boolean
}

export function addCodegen(program: Command, cli: Cli): void {
  const command = program
    .command('codegen')
    .description('make the typed registry, the contracts and the functions out of jobs/')
    .option('--check', 'write nothing; exit code 1 when jobs/registry.gen.ts or jobs/context.gen.ts is out of date')
    .addOption(new Option('--watch', 'go on, and do it again after each edit').conflicts('check'))
    .addOption(
      new Option(
        '--compat',
        'write nothing; exit code 1 when jobs/ would break jobs or schedules that a coordinator has waiting',
      ).conflicts(['check', 'watch']),
    )
    .option(...urlOption)
    .option('--sample <number>', 'with --compat: look at so many of the newest waiting jobs only', readInteger(1, 1e9))
    .option(...rootOption)
    .option(...jsonOption)
    .action((options: CodegenOptions) => {
      if (options.compat) return compat(cli, options)
      if (options.url !== undefined || options.sample !== undefined) {
        throw new UsageError('--url and --sample go with --compat.')
      }
      return options.watch ? watchJobs(cli, options) : codegen(cli, options)
    })
  addSettings(command, callerSettings)
  addExamples(command, [
    ['errand codegen', 'after adding a worker'],
    ['errand codegen --check', 'in CI'],
    ['errand codegen --compat --url https://jobs.example.org', 'before a deployment'],
    ['errand codegen --watch --root ../shop', ''],
  ])
}

async function codegen(cli: Cli, { check = false, ...options }: CodegenOptions): Promise<void> {
  const out = cli.output(options)
  const { root } = openProject(cli.cwd, options.root)
  const { generate, CodegenError } = await import('../../codegen/index.js')
  try {
    const report = await out.during('Building jobs/', (progress) =>
      generate({ root, check, onProgress: (line) => progress.update(line) }),
    )
    if (report.stale !== undefined) throw configError(report.stale)
    out.result(report, (style) => {
      if (report.workers.length === 0) return firstWorker
      return check
        ? `${style.green('✔')} jobs/registry.gen.ts and jobs/context.gen.ts are up to date.`
        : describeBuild(style, report)
    })
  } catch (error) {
    if (!(error instanceof CodegenError) || out.json) throw error
    tellProblems(out, error)
    throw new Told()
  }
}

async function watchJobs(cli: Cli, options: CodegenOptions): Promise<void> {
  const out = cli.output(options)
  const { root } = openProject(cli.cwd, options.root)
  const { watch, CodegenError } = await import('../../codegen/index.js')
  await serveUntilStopped(cli, (opened) =>
    watch({
      root,
      signal: opened.stopping,
      onRebuild(outcome) {
        if (outcome instanceof CodegenError) return tellProblems(out, outcome)
        tellBuild(out, outcome)
        if (outcome.workers.length === 0 && !out.json) out.note(firstWorker)
      },
    }),
  )
}

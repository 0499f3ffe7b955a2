/** `errand build`: turns jobs/ into what a platform deploys. */
import { InvalidArgumentError, type Command } from 'commander'
import { relative, resolve } from 'node:path'
import type { BuildReport } from '../../codegen/index.js'
import { targetNames, type TargetName } from '../../core/targets.js'
import { tellProblems } from '../buildText.js'
import type { Cli } from '../cli.js'
import { count } from '../format.js'
import { addExamples } from '../help.js'
import { Told } from '../problem.js'
import { openProject } from '../project.js'
import type { Style } from '../style.js'
import { jsonOption, readTarget, rootOption } from '../usage.js'

interface BuildOptions {
  target: TargetName[]
  only?: string[]
  minify?: boolean
  coordinator?: boolean
  out?: string
  root?: string
  json?: boolean
}

export function addBuild(program: Command, cli: Cli): void {
  const command = program
    .command('build')
    .description('turn jobs/ into what a platform deploys')
    .requiredOption('--target <targets>', `${targetNames.join(', ')}; several separated by commas`, readTargets)
    .option('--only <workers>', 'these workers alone, such as report.daily,mail.*', readList)
    .option('--minify', 'make the functions smaller')
    .option('--coordinator', 'put the coordinator beside them, as a function: nothing stays on but the database')
    .option('--out <dir>', 'where to put a folder for each target (default: .errand/build)')
    .option(...rootOption)
    .option(...jsonOption)
    .action((options: BuildOptions) => runBuild(cli, options))
  addExamples(command, [
    ['errand build --target node', 'a host for all functions, with a Dockerfile'],
    ['errand build --target vercel', 'then: cd .errand/build/vercel && vercel deploy --prebuilt'],
    ['errand build --target vercel --coordinator', 'functions, coordinator and cron in one deployment'],
    ['errand build --target aws-lambda,cloudflare --minify', ''],
    [`errand build --target cloudflare --only 'mail.*'`, 'some workers here, others elsewhere'],
  ])
}

const readList = (text: string, before: readonly string[] = []): string[] => [
  ...before,
  ...text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== ''),
]

function readTargets(text: string, before: readonly TargetName[] = []): TargetName[] {
  const names = readList(text, before).map(readTarget)
  if (names.length === 0) throw new InvalidArgumentError(`Targets are ${targetNames.join(', ')}.`)
  return [...new Set(names)]
}

async function runBuild(
  cli: Cli,
  { target, only, minify = false, coordinator = false, out: folder, ...options }: BuildOptions,
): Promise<void> {
  const out = cli.output(options)
  const { root } = openProject(cli.cwd, options.root)
  const { build, CodegenError } = await import('../../codegen/index.js')
  try {
    const report = await out.during('Building jobs/', (progress) =>
      build({
        root,
        targets: target,
        minify,
        coordinator,
        ...(only && { only }),
        ...(folder !== undefined && { out: resolve(cli.cwd, folder) }),
        onProgress: (line) => progress.update(line),
      }),
    )
    out.result(report, (style) => describe(style, report, cli.cwd))
  } catch (error) {
    if (!(error instanceof CodegenError) || out.json) throw error
    tellProblems(out, error)
    throw new Told()
  }
}

function describe(style: Style, { targets, durationMs }: BuildReport, cwd: string): string {
  return targets
    .flatMap(({ target, dir, workers, coordinator }, index) => {
      const sizes = workers.map(({ gzipBytes }) => gzipBytes)
      const largest = `largest ${(Math.max(...sizes) / 1_000).toFixed(1)} kB gzipped`
      const time = index === targets.length - 1 ? style.dim(` (${Math.round(durationMs)}ms)`) : ''
      return [
        `${style.green('✔')} ${target}: ${count(workers.length, 'function')}${coordinator ? ' and the coordinator' : ''} in ${style.bold(relative(cwd, dir) || '.')}, ${largest}${time}`,
        style.dim(`  ${nextStep[target]}`),
      ]
    })
    .join('\n')
}

const nextStep: Record<TargetName, string> = {
  node: 'Next: docker build there, or `node server.mjs`. See docs/node.md.',
  vercel: 'Next: `vercel deploy --prebuilt` there. See docs/vercel.md.',
  'aws-lambda': 'Next: upload functions/ to S3 and deploy template.json. See docs/aws-lambda.md.',
  cloudflare: 'Next: `wrangler deploy` in each folder there. See docs/cloudflare.md.',
}

/** `errand codegen --compat`: tells what the workers in jobs/ would break of a coordinator's waiting work. */
import type { CompatProblem, CompatReport } from '../../codegen/index.js'
import { ErrandError } from '../../core/errors.js'
import { tellProblems } from '../buildText.js'
import type { Cli } from '../cli.js'
import { connect, type CallOptions } from '../connection.js'
import { count, plain } from '../format.js'
import { Told } from '../problem.js'
import { openProject } from '../project.js'
import type { Style } from '../style.js'

export interface CompatCommand extends CallOptions {
  root?: string
  sample?: number
}

/** Exit code 1 where anything would break. */
export async function compat(cli: Cli, options: CompatCommand): Promise<void> {
  const out = cli.output(options)
  const { root } = openProject(cli.cwd, options.root)
  const [{ checkCompat, CodegenError }, coordinator] = await Promise.all([
    import('../../codegen/index.js'),
    connect(cli, options, ['observe']),
  ])
  try {
    const report = await out.during('Building the contracts of jobs/', (progress) =>
      checkCompat({
        root,
        sample: options.sample,
        onProgress: (line) => progress.update(line),
        waiting: {
          workers: async () => {
            const { workers } = await coordinator.call((router, call) => router.workers.list.query(undefined, call))
            return workers.map(({ name }) => name)
          },
          schedules: async () =>
            (await coordinator.call((router, call) => router.schedules.list.query(undefined, call))).schedules,
          page: (cursor) =>
            coordinator.call((router, call) =>
              router.compat.waiting.query(cursor === undefined ? {} : { cursor }, call),
            ),
        },
      }),
    )
    out.result(report, (style) => describeCompat(style, report))
    if (!report.fits) throw new Told()
  } catch (error) {
    if (!(error instanceof CodegenError) || out.json) throw isTooOld(error) ? tooOld(error) : error
    tellProblems(out, error)
    throw new Told()
  }
}

/** tRPC's own words for a procedure that is not there. */
const isTooOld = (error: unknown): boolean => error instanceof ErrandError && /No procedure found/i.test(error.message)

const tooOld = (error: unknown): ErrandError =>
  new ErrandError(
    'UNKNOWN_ROUTE',
    'The coordinator cannot show what waits: it is older than this errand. Update it first.',
    {
      cause: error,
    },
  )

function describeCompat(style: Style, { fits, jobs, schedules, problems, notes }: CompatReport): string {
  const looked = `${count(jobs, 'waiting job')} and ${count(schedules, 'schedule')}`
  const head = fits
    ? `${style.green('✔')} ${looked} fit the workers in jobs/.`
    : `${style.red('✖')} Of ${looked}, the workers in jobs/ would break some:`
  return [
    head,
    ...problems.map((problem) => `  ${describeProblem(style, problem)}`),
    ...notes.map((note) => `${style.yellow('!')} ${plain(note)}`),
    ...(fits ? [] : [advice]),
  ].join('\n')
}

const describeProblem = (style: Style, { message, jobs }: CompatProblem): string =>
  `${plain(message)}${jobs.length === 0 ? '' : ` ${style.dim(`(such as ${jobs.join(', ')})`)}`}`

const advice =
  'Give new fields a default, or raise the version of the worker and say in migrate what makes old args fit. A worker that was renamed can stay under its old name until its jobs are done.'

/** Tells people and machines what codegen did or found. */
import type { CodegenError, CodegenReport } from '../codegen/index.js'
import { count } from './format.js'
import type { Output } from './output.js'
import type { Style } from './style.js'

export function tellBuild(out: Output, report: CodegenReport): void {
  out.result({ event: 'built', ...report }, (style) => describeBuild(style, report))
}

/** All problems, each on a line that editors and terminals turn into a link. */
export function tellProblems(out: Output, { problems }: CodegenError): void {
  if (out.json) return out.result({ event: 'problems', problems }, String)
  const style = out.stderrStyle
  const lines = problems.map(
    ({ file, line, column, message }) => `  ${style.cyan(`${file}:${line}:${column}`)} ${message}`,
  )
  out.note([`${style.red('✖')} jobs/ cannot be built: ${count(problems.length, 'problem')}`, ...lines].join('\n'))
}

export function describeBuild(
  style: Style,
  { workers, changed, removed, warnings, durationMs }: CodegenReport,
): string {
  const parts = [
    count(workers.length, 'worker'),
    ...(changed.length === 0 ? [] : [`changed: ${someOf(changed)}`]),
    ...(removed.length === 0 ? [] : [`removed: ${someOf(removed)}`]),
    ...(changed.length + removed.length > 0 ? [] : ['nothing changed']),
  ]
  const head = `${style.green('✔')} jobs/ is built: ${parts.join('; ')} ${style.dim(`(${Math.round(durationMs)}ms)`)}`
  return [head, ...warnings.map((warning) => `${style.yellow('!')} ${warning}`)].join('\n')
}

const maxListed = 8

export const someOf = (names: readonly string[]): string =>
  names.length <= maxListed
    ? names.join(', ')
    : `${names.slice(0, maxListed).join(', ')} and ${names.length - maxListed} more`

/** The next step where there is no worker yet. */
export const firstWorker = `There are no workers yet. Write the first one, such as jobs/hello.ts:

    import { defineJob } from 'errand'
    import { z } from 'zod'

    export default defineJob({
      args: z.object({ name: z.string() }),
      run: (args) => \`Hello, \${args.name}!\`,
    })
`

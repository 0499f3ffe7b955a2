/** One run of one workload, by a build's own bench, in a process of its own. */
import { join } from 'node:path'
import type { Row } from '../run.js'
import type { Build } from './builds.js'
import { lastWords, run } from './command.js'
import type { FigureValue } from './judge.js'

/** Throws where the build's bench measured nothing, with what it said. */
export async function measure(
  { name, dir }: Build,
  workload: string,
  options: readonly string[],
  signal: AbortSignal,
): Promise<FigureValue[]> {
  const args = [join(dir, 'dist', 'bench', 'main.js'), '--workload', workload, '--runs', '1', '--json', ...options]
  const ended = await run(process.execPath, args, { cwd: dir, signal })
  const figures = ended.code === 0 ? figuresIn(ended.stdout) : []
  if (figures.length > 0) return figures
  throw new Error(`the bench of ${name} measured no ${workload}. Its last words:\n${lastWords(ended)}`)
}

/** The rows that `--json` prints. What else stands there was printed by the processes that it measures. */
export function figuresIn(stdout: string): FigureValue[] {
  const rows = /^\[\n.*^\]$/ms.exec(stdout)?.[0] ?? '[]'
  // the value as it was measured: medians are rounded
  return (JSON.parse(rows) as Row[]).map(({ workload, unit, values }) => ({ workload, unit, value: values[0]! }))
}

/** What codegen and the types cost in projects of 10, 100 and 1,000 workers. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { compiler, readText, startLanguageServer } from '../codegen/languageServer.js'
import { codegenRun, watcher } from '../codegen/processes.js'
import { hasResultSchema, makeSizedProject, type SizedProject } from '../codegen/project.js'
import { openAll } from '../harness/closers.js'
import { treeOf, usageOf } from '../harness/machine.js'
import { openRole } from '../harness/role.js'
import { percentile } from '../harness/statistics.js'
import { now, sleep, timed, within } from '../harness/time.js'
import type { Figure, Workload } from './workload.js'

const roles = new URL('../codegen/processes.js', import.meta.url).href
const limitMs = 120_000

export const codegenSize: Workload = {
  name: 'codegen',
  title: 'Codegen and types by the number of workers',
  only: ['errand'],
  async measure(_system, bench, { workers }) {
    const figures: Figure[] = []
    for (const size of workers) {
      const project = await makeSizedProject(await bench.folder(`sized-${size}`), size)
      const measured = await measureProject(project)
      bench.log(
        `  ${size} workers: ${measured.map(({ what, value, unit }) => `${what} ${value.toFixed(0)} ${unit}`).join(', ')}`,
      )
      figures.push(
        ...measured.map(({ what, value, unit }) => ({ workload: `codegen of ${size}, ${what}`, value, unit })),
      )
    }
    return figures
  },
}

interface Measured {
  what: string
  value: number
  unit: 'ms' | 'MB'
}

async function measureProject(project: SizedProject): Promise<Measured[]> {
  const full = await generateCold(project)
  const again = await generateCold(project)
  const edit = await editInWatch(project, true)
  const inferredEdit = await editInWatch(project, false)
  const check = await checkApp(project)
  const completion = await completeInApp(project)
  return [
    { what: 'full', value: full.ms, unit: 'ms' },
    { what: 'peak memory', value: full.peakMb, unit: 'MB' },
    { what: 'no change', value: again.ms, unit: 'ms' },
    { what: 'one edit', value: edit, unit: 'ms' },
    { what: 'one edit, result inferred', value: inferredEdit, unit: 'ms' },
    { what: 'tsc', value: check, unit: 'ms' },
    { what: 'first completion', value: completion.firstMs, unit: 'ms' },
    { what: 'completion', value: completion.ms, unit: 'ms' },
  ]
}

const sampleMs = 100

/** The peak is that of all processes together: esbuild is one of its own. */
const generateCold = ({ root }: SizedProject): Promise<{ ms: number; peakMb: number }> =>
  openAll(async (closers) => {
    const role = await openRole(roles, codegenRun, {})
    let peakMb = 0
    let running = true
    const sampling = (async () => {
      while (running) {
        peakMb = Math.max(peakMb, usageOf(treeOf(role.pid)).rssMb)
        await sleep(sampleMs)
      }
    })()
    closers.add(role)
    closers.add({
      close() {
        running = false
        return sampling
      },
    })
    const ms = await within(limitMs, 'codegen', role.call('generate', { root }))
    await closers.close()
    return { ms, peakMb }
  })

const edits = 5

/**
 * From the writing of the file to the end of the build, in the middle of several edits. Each changes the schema and
 * `run`.
 */
const editInWatch = (project: SizedProject, withResult: boolean): Promise<number> =>
  openAll(async (closers) => {
    const { root, fileOf, textOf } = project
    const workers = project.workers.filter((worker) => hasResultSchema(worker) === withResult)
    const role = closers.add(await openRole(roles, watcher, { root }))
    await within(limitMs, 'the first build', role.call('rebuilt', { count: 1 }))
    const times: number[] = []
    for (let edit = 1; edit <= edits; edit++) {
      const worker = workers[(edit * 7) % workers.length]!
      await sleep(300)
      const startedAt = now()
      await writeFile(join(root, fileOf(worker)), textOf(worker, edit))
      times.push((await within(limitMs, 'an edit', role.call('rebuilt', { count: edit + 1 }))) - startedAt)
    }
    await closers.close()
    return percentile(times, 0.5)
  })

/** The whole command, in the middle of three. */
async function checkApp({ root }: SizedProject): Promise<number> {
  const times: number[] = []
  for (let run = 0; run < 3; run++) {
    const { startedAt, endedAt } = await timed(() => promisify(execFile)(process.execPath, [compiler, '-p', root]))
    times.push(endedAt - startedAt)
  }
  return percentile(times, 0.5)
}

const completions = 10

/** Inside the quotes of `enqueue('')`, right after typing. */
const completeInApp = ({ root, app, workers }: SizedProject): Promise<{ firstMs: number; ms: number }> =>
  openAll(async (closers) => {
    const server = closers.add(await startLanguageServer(root))
    const calling = `${readText(root, app)}\nexport const next = () => errand.enqueue('`
    const textOf = (typed: string) => `${calling}${typed}')\n`
    const complete = async (typed: string) => {
      const { labels, ms } = await within(
        limitMs,
        'a completion',
        server.complete(app, textOf(typed), calling.length + typed.length),
      )
      const missing = workers.filter((worker) => !labels.some((label) => label.includes(worker)))
      if (missing.length > 0) throw new Error(`${missing.length} of ${workers.length} workers are not offered`)
      return ms
    }
    server.open(app, textOf(''))
    const firstMs = await complete('')
    const times: number[] = []
    for (let each = 1; each <= completions; each++) {
      const typed = 'area'.slice(0, each % 5)
      server.change(app, textOf(typed))
      times.push(await complete(typed))
    }
    await closers.close()
    return { firstMs, ms: percentile(times, 0.5) }
  })

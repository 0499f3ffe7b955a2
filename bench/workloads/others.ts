/**
 * W6: whether a thousand jobs are drained as fast beside a million others that wait, are scheduled or are finished as
 * with none. The drains of one kind share a session, whose first drain only warms it up.
 */
import { percentile } from '../harness/statistics.js'
import { perSecond, within } from '../harness/time.js'
import type { OthersKind, Session } from '../systems/system.js'
import { limitMs, withSession, type Figure, type Workload } from './workload.js'

const jobs = 1_000
const drainsOf = (quick: boolean): number => (quick ? 3 : 5)

export const others: Workload = {
  name: 'W6',
  title: 'Drain of 1,000 beside many others, ratio to none',
  async measure(system, bench, scale) {
    const drains = drainsOf(scale.quick)
    const measureBeside = (kind?: OthersKind) =>
      withSession(system, bench, 'others', async (session) => {
        if (kind) await within(10 * 60_000, 'the others', session.addOthers!(kind, scale.others))
        return { rate: await medianRate(session, drains), settings: { jobs, drains, ...session.settings } }
      })
    const { rate: none, settings } = await measureBeside()
    const figures: Figure[] = [{ workload: 'W6 none', value: none, unit: 'jobs/s', settings }]
    for (const kind of ['waiting', 'scheduled', 'finished'] as const) {
      if (system.lacks?.[`W6 ${kind}`]) continue
      const { rate } = await measureBeside(kind)
      const settings = { jobs, drains, others: scale.others }
      figures.push({ workload: `W6 ${kind}`, value: rate / none, unit: 'ratio', settings })
    }
    return figures
  },
}

/**
 * From the first look for jobs to the end of the last of our handlers: the others that wait go on being run after that.
 */
async function medianRate(session: Session, drains: number): Promise<number> {
  const rates: number[] = []
  for (let each = 0; each <= drains; each++) {
    await session.bulk(jobs, { worker: 'sample' })
    const working = await session.start()
    const { firstAt, lastAt, distinct } = await within(limitMs, 'W6', working.handled(jobs))
    if (distinct !== jobs) throw new Error(`${distinct} of ${jobs} jobs were handled`)
    await working.stop()
    await working.clear()
    if (each > 0) rates.push(perSecond(jobs, { startedAt: Math.min(working.readyAt, firstAt), endedAt: lastAt }))
    await session.verify?.({ worker: 'sample', succeeded: jobs * (each + 1) })
  }
  return percentile(rates, 0.5)
}

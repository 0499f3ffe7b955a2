/** Moments as other people's programs count them, by every door. */
import { describe, expect, it } from 'vitest'
import { rawServer } from '../../support/rawHttp.js'
import { workers } from '../../client/workers.js'

const tick = (fields: object) => JSON.stringify({ worker: 'tick', ...fields })
const errorOf = (body: any) => body.error.json?.data.errand ?? body.error // oxlint-disable-line typescript/no-explicit-any

describe('a moment as a number', () => {
  const wanted = 'Send it as ISO 8601: "2030-01-01T00:00:00.000Z".'
  it.each([
    [1_893_456_000, 'seconds'],
    ['1893456000', 'seconds'],
    ['1893456000.0', 'seconds'],
    [1_893_456_000_000, 'milliseconds'],
    ['1893456000000', 'milliseconds'],
    ['1893456000000000', 'microseconds'],
    ['1893456000000000000', 'nanoseconds'],
  ])('is told what is wanted, and what was meant: %s', async (runAt, unit) => {
    await using server = await rawServer(workers)
    const sentence = `runAt: ${runAt} looks like ${unit} since 1970. ${wanted}`
    const job = await server.ask({ method: 'POST', path: '/job', body: tick({ runAt }) })
    expect([job.status, job.body.error.message]).toEqual([400, expect.stringContaining(sentence)])
    const trpc = await server.ask({ method: 'POST', path: '/trpc/enqueue', body: `{"json":${tick({ runAt })}}` })
    expect(errorOf(trpc.body).message).toContain(sentence)
    const many = await server.ask({ method: 'POST', path: '/jobs', body: `{"jobs":[${tick({ runAt })}]}` })
    expect(many.body.outcomes[0].error.message).toContain(sentence)
    const preview = { cron: '* * * * *', from: runAt }
    const previewed = await server.ask({ method: 'POST', path: '/schedules/preview', body: JSON.stringify(preview) })
    expect(previewed.body.error.message).toContain(`from: ${runAt} looks like ${unit} since 1970. ${wanted}`)
  })

  it.each([5_000, -1, 1.5, null, true, [], {}])('is told what is wanted where nothing was meant: %s', async (runAt) => {
    await using server = await rawServer(workers)
    const { status, body } = await server.ask({ method: 'POST', path: '/job', body: tick({ runAt }) })
    expect([status, body.error.message]).toEqual([400, expect.stringContaining('ISO 8601, such as')])
  })

  it('leaves years and days as they are', async () => {
    await using server = await rawServer(workers)
    for (const runAt of ['2031', '20310101', '2031-01-01']) {
      const { body } = await server.ask({ method: 'POST', path: '/job', body: tick({ runAt }) })
      expect(body).toMatchObject({ runAt: '2031-01-01T00:00:00.000Z' })
    }
  })
})

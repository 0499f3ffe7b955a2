import { expect, it } from 'vitest'
import failWhale from '../../jobs/failWhale.js'
import { testErrand } from '../support/errand.js'

it('failWhale fails three times, waits as its backoff says, and keeps all receipts', async () => {
  await using errand = await testErrand({ failWhale })
  const id = await errand.enqueue('failWhale', { wish: 'dance' })
  await errand.run()
  const waits: number[] = []
  for (let job = await errand.get(id); job.state === 'scheduled'; job = await errand.get(id)) {
    const waitMs = Date.parse(job.runAt) - errand.clock.now().getTime()
    waits.push(waitMs)
    await errand.clock.advance(`${waitMs}ms`)
    await errand.run()
  }
  expect(waits).toEqual([500, 1_000])

  const { state, receipts } = await errand.get(id)
  expect(state).toBe('failed')
  expect(receipts.map(({ attempt, status }) => ({ attempt, status }))).toEqual([
    { attempt: 1, status: 'failure' },
    { attempt: 2, status: 'failure' },
    { attempt: 3, status: 'failure' },
  ])
  expect(receipts[2]?.error).toMatchObject({
    name: 'Error',
    code: 'WHALE_DOWN',
    message: 'The whale fell into the sea, attempt 3 of 3.',
    cause: { message: 'too heavy to dance' },
  })
  expect(receipts[0]?.error?.stack).toContain('jobs/failWhale.ts')
})

import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { defaultBounds } from '../../../server/api/admission.js'
import { createIntake } from '../../../server/api/intake.js'
import { readText } from '../../../server/api/requestBody.js'
import { requestIntake } from '../../../server/api/requestIntake.js'
import { bytewiseStream, heapGrowthOf } from '../../support/bytewise.js'
import { manualClock } from '../../support/clock.js'

const request = (length: number) =>
  new Request('http://coordinator.test/', {
    method: 'POST',
    body: bytewiseStream(length),
    duplex: 'half',
  } as RequestInit)

it('keeps of a body that comes byte by byte its bytes and no more', async () => {
  const text = readText(request(1_000_000), 2_000_000)
  expect(await heapGrowthOf(text)).toBeLessThan(60_000_000)
  expect(await text).toHaveLength(1_000_000)
})

it('refuses one that is larger than its limit', async () => {
  await expect(readText(request(1_001), 1_000)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
})

it('leaves a turn of the event loop between large ones that are here at once, and has a small one wait for none', async () => {
  const intake = createIntake({ clock: manualClock(), bounds: defaultBounds })
  const read: string[] = []
  const sent = (name: string, length: number) => {
    const request = new Request('http://coordinator.test/', { method: 'POST', body: 'x'.repeat(length) })
    return readText(request, 1_000_000, requestIntake(intake, request)).then(() => read.push(name))
  }
  const all = Promise.all([...Array.from({ length: 5 }, () => sent('large', 500_000)), sent('small', 100)])
  const inTurns: number[] = []
  while (read.length < 6) {
    const before = read.filter((name) => name === 'large').length
    await turn()
    inTurns.push(read.filter((name) => name === 'large').length - before)
  }
  await all
  expect(Math.max(...inTurns)).toBe(1)
  expect(read[0]).toBe('small')
})

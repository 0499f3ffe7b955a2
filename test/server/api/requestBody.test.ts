import { expect, it } from 'vitest'
import { readText } from '../../../server/api/requestBody.js'
import { bytewiseStream, heapGrowthOf } from '../../support/bytewise.js'

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

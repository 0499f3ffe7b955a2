import { Fatal, RetryAfter } from 'errand'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startShopApi, type ApiLimit } from '../../demo/shopApi.js'
import syncOrder from '../../jobs/shop/syncOrder.js'
import { testErrand } from '../support/errand.js'
import { attemptOf, errorOf, giveSettings, serve, startApi } from './support.js'

const order = { shop: 'a/b', orderId: 7, placedAt: new Date('2030-01-01T09:00:00Z') }

/** What the worker makes of an answer. */
const failureFor = async (status: number, headers: Record<string, string> = {}) => {
  giveSettings({ SHOP_API_URL: (await startApi(status, headers)).url })
  return errorOf(syncOrder.run(order, attemptOf().context))
}

const shopApi = async (limit: ApiLimit) => {
  const api = await startShopApi(limit)
  onTestFinished(() => api.close())
  giveSettings({ SHOP_API_URL: api.url })
  return api
}

/** As it goes over the wire: a Date rides in argsMeta. */
const wireArgs = (shop: string, orderId: number) =>
  [{ shop, orderId, placedAt: '2030-01-01T09:00:00.000Z' }, { argsMeta: { values: { placedAt: ['Date'] } } }] as const

describe('shop.syncOrder', () => {
  it("puts the order at the shop's address", async () => {
    const { url, requests } = await startApi(200)
    giveSettings({ SHOP_API_URL: `${url}/` })
    expect(await syncOrder.run(order, attemptOf().context)).toEqual({ synced: true })
    expect(requests).toMatchObject([
      { method: 'PUT', path: '/shops/a%2Fb/orders/7', body: '{"placedAt":"2030-01-01T09:00:00.000Z"}' },
    ])
  })

  it('obeys the seconds of a Retry-After, on a 429 and on a 503', async () => {
    const refused = await failureFor(429, { 'retry-after': '17' })
    expect(refused).toBeInstanceOf(RetryAfter)
    expect(refused).toMatchObject({ delay: '17s' })
    expect(await failureFor(503, { 'retry-after': '120' })).toMatchObject({ name: 'RetryAfter', delay: '120s' })
  })

  it('obeys the date of a Retry-After', async () => {
    const past = new Date(Date.now() - 5_000).toUTCString()
    expect(await failureFor(429, { 'retry-after': past })).toMatchObject({ delay: '0s' })
    const future = new Date(Date.now() + 3_600_000).toUTCString()
    const { delay } = (await failureFor(429, { 'retry-after': future })) as RetryAfter
    expect(Number.parseInt(delay, 10)).toBeGreaterThan(3_500)
    expect(Number.parseInt(delay, 10)).toBeLessThanOrEqual(3_600)
  })

  it('waits a day at the most, whatever the header says', async () => {
    expect(await failureFor(429, { 'retry-after': '99999999999999' })).toMatchObject({ delay: '86400s' })
  })

  it.each([400, 401, 404, 422])('gives up on a %d', async (status) => {
    const error = await failureFor(status)
    expect(error).toBeInstanceOf(Fatal)
    expect(error.message).toContain(String(status))
  })

  it.each([408, 425, 429, 500, 503])('leaves a %d without Retry-After to the backoff', async (status) => {
    const error = await failureFor(status, { 'retry-after': 'soon' })
    expect(error.message).toContain(String(status))
    expect(error).not.toBeInstanceOf(Fatal)
    expect(error).not.toBeInstanceOf(RetryAfter)
  })

  it('breaks off at its deadline when the API says nothing', async () => {
    const { context, abort } = attemptOf()
    giveSettings({ SHOP_API_URL: await serve(() => abort()) })
    expect((await errorOf(syncOrder.run(order, context))).message).toBe('the deadline has passed')
  })

  it('names the setting when it is missing', async () => {
    giveSettings({ SHOP_API_URL: undefined })
    expect((await errorOf(syncOrder.run(order, attemptOf().context))).message).toContain('SHOP_API_URL is missing')
  })

  it('comes back when the API said, and not before', async () => {
    const { calls } = await shopApi({ perSecond: 0.1, bucket: 1 })
    await using errand = await testErrand({ 'shop.syncOrder': syncOrder })
    await errand.enqueue('shop.syncOrder', ...wireArgs('north', 1))
    const refused = await errand.enqueue('shop.syncOrder', ...wireArgs('north', 2))
    await errand.run()
    expect(calls.map(({ status }) => status)).toEqual([200, 429])
    const { retryAfter } = calls[1]!
    const job = await errand.get(refused)
    expect(job).toMatchObject({ state: 'scheduled', receipts: [{ status: 'failure', error: { name: 'RetryAfter' } }] })
    expect(Date.parse(job.runAt)).toBe(errand.clock.now().getTime() + retryAfter! * 1_000)
  })

  it('starts 40 orders of a shop at once, then two each second, and does not let one shop wait for another', async () => {
    const { calls } = await shopApi({ perSecond: 2, bucket: 1_000 })
    await using errand = await testErrand({ 'shop.syncOrder': syncOrder })
    for (let orderId = 1; orderId <= 45; orderId++)
      await errand.enqueue('shop.syncOrder', ...wireArgs('north', orderId))
    await errand.enqueue('shop.syncOrder', ...wireArgs('south', 1))
    await errand.run()
    const callsOf = (shop: string) => calls.filter((call) => call.shop === shop).length
    expect(callsOf('north')).toBe(40)
    expect(callsOf('south')).toBe(1)
    await errand.clock.advance('1s')
    await errand.run()
    expect(callsOf('north')).toBe(42)
    await errand.clock.advance('2s')
    await errand.run()
    expect(callsOf('north')).toBe(45)
  })
})

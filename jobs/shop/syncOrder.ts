/**
 * Tells a shop's API about an order.
 *
 * Shows: a throttle for each key, and an API's own rate limit obeyed.
 *
 * The API allows each shop so many calls and answers 429 beyond. The throttle keeps our calls below that, shop by shop:
 * jobs beyond the rate wait, none is dropped, and a busy shop does not hold up the others. Still a 429 can come,
 * because we may not be the only one who calls for a shop; then the job obeys its Retry-After.
 *
 * Settings: SHOP_API_URL, such as https://api.example.org.
 */
import { defineJob } from 'errand'
import { z } from 'zod'
import { expectSuccess } from '../_answer.js'
import { setting } from '../_setting.js'

export default defineJob({
  args: z.object({ shop: z.string().min(1), orderId: z.number().int(), placedAt: z.date() }),
  // a 429 uses up an attempt, so there are more of them than for errors alone
  retry: { attempts: 8, backoff: { kind: 'exponential', base: '2s', max: '1h', jitter: true } },
  timeout: '30s',
  // the rate is the API's own. The burst stays below the API's, because calls do not all travel equally fast:
  // one that dawdles and one that hurries arrive closer together than they left
  throttle: { limit: 2, per: '1s', burst: 40, key: (args) => args.shop },

  async run({ shop, orderId, placedAt }, ctx) {
    // PUT, because a job may run more than once: the same order put again is still one order
    const response = await fetch(orderUrl(shop, orderId), {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ placedAt: placedAt.toISOString() }),
      signal: ctx.signal,
    })
    await expectSuccess(response, `Order ${orderId} of shop ${shop}`)
    await response.body?.cancel()
    return { synced: true }
  },
})

function orderUrl(shop: string, orderId: number): string {
  const api = setting('SHOP_API_URL', 'https://api.example.org').replace(/\/+$/, '')
  return `${api}/shops/${encodeURIComponent(shop)}/orders/${orderId}`
}

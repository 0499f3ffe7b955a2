/**
 * Somebody else who calls the same API for the same shop and leaves nothing of its budget. Our throttle cannot know of
 * them, so this is the one way in which our calls come to be answered with 429.
 *
 * They call in the moment before each of ours, however busy the machine is: a rival that called all the time, by HTTP,
 * left a moment's budget now and then where six other programs ran beside the demo.
 */
import type { ShopApi } from './shopApi.js'

export const rivalName = 'somebody-else'

export interface Rival {
  /** Leaves. They leave by themselves once a call of ours was refused, because one is enough to see it obeyed. */
  stop(): void
}

export function startRival(api: ShopApi, shop: string): Rival {
  const oursRefused = () =>
    api.calls.some((call) => call.status === 429 && call.shop === shop && call.caller !== rivalName)
  const stop = api.beforeCalls(shop, () => {
    if (oursRefused()) return stop()
    for (let order = 1; api.call(shop, String(order), rivalName).status === 200; order++);
  })
  return { stop }
}

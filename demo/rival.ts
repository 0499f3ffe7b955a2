/**
 * Somebody else who calls the same API for the same shop and leaves nothing of its budget. Our throttle cannot know of them, so this is the
 * one way in which our calls come to be answered with 429.
 */
import type { ShopApi } from './shopApi.js'

export const rivalName = 'somebody-else'

export interface Rival {
  /** Resolves when the budget is used up: a call was refused. */
  usedUp: Promise<void>
  /** Leaves. They leave by themselves once a call of ours was refused, because one is enough to see it obeyed. */
  stop(): Promise<void>
}

export function startRival(api: ShopApi, shop: string): Rival {
  let stopped = false
  let tellUsedUp: () => void
  const usedUp = new Promise<void>((resolve) => (tellUsedUp = resolve))
  const oursRefused = () =>
    api.calls.some((call) => call.status === 429 && call.shop === shop && call.caller !== rivalName)

  const call = async () => {
    for (let order = 1; !stopped && !oursRefused(); order++) {
      const url = `${api.url}/shops/${shop}/orders/${order}`
      const { status } = await fetch(url, { method: 'PUT', headers: { 'user-agent': rivalName } })
      if (status === 429) tellUsedUp()
    }
  }
  // an API that is gone shows in what follows
  const calling = call().catch(() => {})
  return {
    usedUp: Promise.race([usedUp, calling]),
    async stop() {
      stopped = true
      await calling
    },
  }
}

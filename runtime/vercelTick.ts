/**
 * `import … from 'errand/runtime/vercel-tick'`: the function that Vercel's cron calls each minute. It hands the tick on
 * to the coordinator, because Vercel's crons can call their own deployment only.
 *
 * Settings: ERRAND_URL and ERRAND_API_KEY (role `operate`) of the coordinator, and CRON_SECRET, which Vercel sends with
 * each of its calls.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { tickPath } from '../core/views/tick.js'
import { refusalAnswer, toResponse } from './refusal.js'

export type Settings = Readonly<Record<string, string | undefined>>

/** Gives the coordinator's own answer, so that Vercel's log of crons tells whether ticks succeed. */
export const createTickHandler = (settings: Settings, post: typeof fetch = fetch) => ({
  async fetch(request: Request): Promise<Response> {
    const { ERRAND_URL: url, ERRAND_API_KEY: apiKey, CRON_SECRET: secret } = settings
    if (!url || !secret) return misconfigured(url ? 'CRON_SECRET' : 'ERRAND_URL')
    if (!isSame(request.headers.get('authorization') ?? '', `Bearer ${secret}`)) {
      return toResponse(refusalAnswer({ status: 401, code: 'UNAUTHORIZED', message: 'Only the cron may call this.' }))
    }
    const answer = await post(`${url.replace(/\/+$/, '')}${tickPath}`, {
      method: 'POST',
      headers: apiKey ? { authorization: `Bearer ${apiKey}` } : {},
      signal: request.signal,
    })
    return new Response(await answer.text(), { status: answer.status })
  },
})

/** Takes the same time for any difference. */
const isSame = (given: string, expected: string): boolean => timingSafeEqual(digest(given), digest(expected))
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

const misconfigured = (name: string): Response =>
  toResponse(refusalAnswer({ status: 500, code: 'CONFIG', message: `${name} is not set in this Vercel project.` }))

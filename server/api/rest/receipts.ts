/**
 * Takes what functions post: receipts, and what attempts do while they run. These routes need no API key: the token in
 * their address is good for one attempt. It is checked before the body, as a key is elsewhere.
 */
import type { Context, Hono } from 'hono'
import { childRequest } from '../../../core/requests/childRequest.js'
import { progressRequest } from '../../../core/requests/progress.js'
import { maxResultBytes } from '../../../core/payload/resultSize.js'
import { attemptResult } from '../../../core/requests/attemptResult.js'
import { enqueueChild } from '../../jobs/children.js'
import { maxAnswerBytes } from '../../../core/functions/limits.js'
import { attemptNamed, heartbeat, receiveEnded, receivePosted, type NamedAttempt } from '../../jobs/receive.js'
import { recordProgress } from '../../jobs/progress.js'
import { toldBytes } from '../requestBody.js'
import { enqueued } from '../../../core/answers/jobs.js'
import { answered } from '../router/answer.js'
import { movedDeadline, recorded } from './byHand.js'
import { admit, bodyOf, limitBody, readBody, type RestOptions } from './request.js'

/** The kept part of a log takes a quarter of this. */
const maxProgressBytes = 64 * 1024

export function addReceiptRoutes(app: Hono, { deps, maxBodyBytes }: RestOptions): void {
  const attemptOf = ({ req }: Context): NamedAttempt => attemptNamed(deps, req.param('id')!, req.query('token'))

  app.post('/job/:id/receipt', limitBody(maxAnswerBytes), async (context) => {
    const attempt = attemptOf(context)
    const { raw } = context.req
    using _turn = await deps.intake.receipts.begin(toldBytes(raw) ?? maxResultBytes, raw)
    const { duplicate } = await receivePosted(deps, attempt, await readBody(attemptResult, context))
    return context.json(answered(recorded, duplicate ? { recorded: true, duplicate: true } : { recorded: true }))
  })

  app.post('/job/:id/progress', limitBody(maxProgressBytes), async (context) => {
    const attempt = attemptOf(context)
    await recordProgress(deps, attempt, await readBody(progressRequest, context))
    return context.json(answered(recorded, { recorded: true }))
  })

  app.post('/job/:id/enqueue', limitBody(maxBodyBytes), async (context) => {
    const attempt = attemptOf(context)
    using _place = admit({ deps }, context, 'single')
    const job = await enqueueChild(deps, attempt, await readBody(childRequest, context))
    return context.json(answered(enqueued, job), job.existing ? 200 : 201)
  })

  app.post('/job/:id/heartbeat', async (context) => {
    const attempt = attemptOf(context)
    // nothing is said in it, but some clients send an empty object
    await bodyOf(context)
    return context.json(answered(movedDeadline, await heartbeat(deps, attempt)))
  })

  app.post('/job/:id/ended', async (context) => {
    const attempt = attemptOf(context)
    await bodyOf(context)
    await receiveEnded(deps, attempt)
    return context.json(answered(recorded, { recorded: true }))
  })
}

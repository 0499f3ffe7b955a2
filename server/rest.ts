/** Plain HTTP, as DESIGN section 4 fixes it, so that anything can enqueue and anything can be a function. Each route reads, calls one step, and answers. */
import type { Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { z } from 'zod'
import { ErrandError } from '../core/errors.js'
import { postJobRequest, receiptBody } from '../core/wire.js'
import type { Guard, Role } from './auth.js'
import type { Deps } from './deps.js'
import { enqueue } from './enqueue.js'
import { maxAnswerBytes } from './invoke.js'
import { cancelJob, getJob } from './operate.js'
import { heartbeat, receivePosted } from './receive.js'
import { putSchedule } from './schedule.js'
import { badRequest } from './wireError.js'

export interface RestOptions {
  deps: Deps
  guard: Guard
  /** The largest body of a request to enqueue, in bytes. */
  maxBodyBytes: number
}

export function addRestRoutes(app: Hono, { deps, guard, maxBodyBytes }: RestOptions): void {
  const allow = (context: Context, ...roles: Role[]) => guard.require(context.req.header('authorization'), roles)

  app.post('/job', limitBody(maxBodyBytes), async (context) => {
    allow(context, 'enqueue')
    const request = parse(postJobRequest, await readJson(context))
    if (request.cron === undefined) {
      const { runAt, ...job } = await enqueue(deps, request)
      return context.json({ ...job, runAt: runAt.toISOString() }, job.existing ? 200 : 201)
    }
    const { worker, args, argsMeta, cron, timezone, priority, key } = request
    const { scheduleId, nextRunAt } = await putSchedule(deps, {
      id: key,
      worker,
      args,
      argsMeta,
      cron,
      timezone,
      priority,
    })
    return context.json({ scheduleId, nextRunAt: nextRunAt?.toISOString() ?? null }, 201)
  })

  app.get('/job/:id', async (context) => {
    allow(context, 'observe', 'enqueue')
    return context.json(await getJob(deps, context.req.param('id')))
  })

  app.delete('/job/:id', async (context) => {
    allow(context, 'operate')
    return context.json(await cancelJob(deps, context.req.param('id')))
  })

  // these two need no API key: the token in their address is good for one attempt
  app.post('/job/:id/receipt', limitBody(maxAnswerBytes), async (context) => {
    const body = parse(receiptBody, await readJson(context))
    const { duplicate } = await receivePosted(deps, context.req.param('id'), context.req.query('token'), body)
    return context.json(duplicate ? { recorded: true, duplicate: true } : { recorded: true })
  })

  app.post('/job/:id/heartbeat', limitBody(1024), async (context) => {
    const { deadline } = await heartbeat(deps, context.req.param('id'), context.req.query('token'))
    return context.json({ deadline: deadline.toISOString() })
  })
}

const limitBody = (maxSize: number) =>
  bodyLimit({
    maxSize,
    onError: () => {
      throw new ErrandError(
        'PAYLOAD_TOO_LARGE',
        `The body is larger than ${maxSize} bytes. Store large data elsewhere and send its address.`,
        {
          details: { maxBytes: maxSize },
        },
      )
    },
  })

/** JSON only: a web page of another origin can post text to a loopback address without asking, but not JSON. */
async function readJson(context: Context): Promise<unknown> {
  if (!/^application\/([\w.+-]+\+)?json\b/i.test(context.req.header('content-type') ?? '')) {
    throw new ErrandError(
      'UNSUPPORTED_MEDIA_TYPE',
      'The body must be JSON. Send it with `Content-Type: application/json`.',
    )
  }
  const text = await context.req.text()
  try {
    return JSON.parse(text)
  } catch {
    throw new ErrandError('BAD_REQUEST', 'The body is malformed JSON.', {
      issues: [{ path: [], code: 'malformed_json', message: 'is malformed JSON' }],
    })
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body)
  if (!parsed.success) throw badRequest(parsed.error)
  return parsed.data
}

/** Describes the REST routes, from the same schemas that check them. */
import { enqueueManyLimit } from '../../../core/limits.js'
import { z } from 'zod'
import { listAuditRequest } from '../../../core/requests/audit.js'
import { waitingRequest } from '../../../core/requests/compat.js'
import { cancelManyRequest, replayManyRequest, replayRequest, retryManyRequest } from '../../../core/requests/bulk.js'
import { pauseRequest, pauseTarget } from '../../../core/requests/pauses.js'
import {
  dstGapPolicies,
  missedPolicies,
  dstOverlapPolicies,
  overlapPolicies,
} from '../../../core/job/schedulePolicies.js'
import { previewRequest, scheduleChange, scheduleRequest } from '../../../core/requests/schedules.js'
import { tickRequest } from '../../../core/requests/tickRequest.js'
import { enqueueManyRequest, enqueueRequest, listJobsRequest, postJobRequest } from '../../../core/requests/wire.js'
import { createKeyRequest } from '../../../core/requests/apiKeys.js'
import { roles as allRoles, type Role } from '../../../core/roles.js'
import { deploymentPaths } from './deploymentPaths.js'
import { groupPaths } from './groupPaths.js'
import { finalStates, jobStates } from '../../../core/states.js'
import { childRequest } from '../../../core/requests/childRequest.js'
import { progressRequest } from '../../../core/requests/progress.js'
import { attemptResult } from '../../../core/requests/attemptResult.js'

const schemaOf = (schema: z.ZodType): unknown => {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return json
}

const json = (schema: unknown) => ({ content: { 'application/json': { schema } } })
const text = { type: 'string' } as const
const time = { type: 'string', format: 'date-time' } as const

const errorBody = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: { code: text, message: text, issues: { type: 'array', items: { type: 'object' } } },
    },
  },
}
const problem = (description: string) => ({ description, ...json(errorBody) })

/** Of requests that bring jobs. */
const overloaded = {
  503: {
    ...problem('OVERLOADED: as much waits to be written as the coordinator holds. Nothing was stored; send it again.'),
    headers: {
      'Retry-After': { description: 'After so many seconds.', schema: { type: 'integer', minimum: 1 } },
    },
  },
}

/** Progress and log of an attempt: in the job while it runs, then in its receipt. */
const told = {
  progress: {
    type: 'object',
    properties: { fraction: { type: 'number', minimum: 0, maximum: 1 }, note: text, at: time },
  },
  log: {
    type: 'array',
    items: { type: 'object', properties: { at: time, message: text, fields: { type: 'object' } } },
  },
  logDropped: { type: 'integer', description: 'How many older lines were dropped.' },
}

const receipt = {
  type: 'object',
  required: ['attempt', 'status', 'startedAt', 'finishedAt'],
  properties: {
    attempt: { type: 'integer', minimum: 1 },
    status: { enum: ['success', 'failure'] },
    late: { const: true, description: 'It came after its attempt had been cancelled, and changed nothing.' },
    result: {},
    error: { type: 'object', properties: { name: text, message: text, code: text, stack: text, cause: {} } },
    ...told,
    startedAt: time,
    finishedAt: time,
  },
}

const pause = {
  type: 'object',
  required: ['scope', 'by', 'at'],
  properties: { scope: { enum: ['all', 'worker', 'key'] }, worker: text, key: text, by: text, at: time, reason: text },
}

/** A pause with more fields. */
const pauseAnd = (fields: Record<string, unknown>) => ({ ...pause, properties: { ...pause.properties, ...fields } })

const job = {
  type: 'object',
  properties: {
    id: text,
    worker: text,
    state: { enum: jobStates },
    attempt: { type: 'integer' },
    maxAttempts: { type: 'integer' },
    snoozes: { type: 'integer', description: 'How often the job snoozed; absent where it never did.' },
    priority: { type: 'integer' },
    runAt: time,
    createdAt: time,
    finishedAt: time,
    ...told,
    replayOf: text,
    paused: pause,
    groupId: text,
    callbackOfGroupId: text,
    deployment: { type: 'integer', minimum: 1 },
    pinned: { const: true },
    workerKnown: { type: 'boolean' },
    args: { type: 'object' },
    argsMeta: {},
    argsVersion: { type: 'integer', minimum: 1 },
    receipts: { type: 'array', items: receipt },
  },
}

const key = {
  type: 'object',
  properties: {
    name: text,
    role: { enum: allRoles },
    workers: { type: 'array', items: text },
    args: { type: 'boolean' },
    source: { enum: ['stored', 'setting'] },
    createdAt: time,
    createdBy: text,
    lastUsedAt: time,
  },
}

const count = { type: 'integer', minimum: 0 } as const
const tickSummary = {
  type: 'object',
  properties: {
    staged: count,
    fired: count,
    reaped: count,
    purged: count,
    started: count,
    finished: count,
    more: { type: 'boolean', description: 'Whether jobs that may start were left behind.' },
    nextAt: { type: ['string', 'null'], format: 'date-time' },
  },
}

const auditPage = {
  type: 'object',
  properties: {
    entries: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          id: text,
          at: time,
          by: { type: 'object', properties: { name: text, role: text } },
          action: text,
          target: { type: 'object' },
          outcome: text,
        },
      },
    },
    cursor: { type: ['string', 'null'] },
  },
}

/** A query parameter for each field of a request. */
const queryOf = (schema: z.ZodObject) =>
  Object.entries(schema.shape).map(([name, field]) => ({ name, in: 'query', schema: schemaOf(field) }))

const maybeTime = { type: ['string', 'null'], format: 'date-time' } as const
const scheduled = { type: 'object', properties: { scheduleId: text, nextRunAt: maybeTime } }

const scheduleRule = {
  cron: text,
  every: text,
  timezone: text,
  dstGap: { enum: dstGapPolicies },
  dstOverlap: { enum: dstOverlapPolicies },
  spread: text,
}

const schedule = {
  type: 'object',
  properties: {
    id: text,
    worker: text,
    ...scheduleRule,
    missed: { enum: missedPolicies },
    overlap: { enum: overlapPolicies },
    args: { type: 'object' },
    argsMeta: {},
    argsVersion: { type: 'integer', minimum: 1 },
    priority: { type: 'integer' },
    nextRunAt: maybeTime,
    pausedAt: time,
    lastRunAt: maybeTime,
    waiting: { type: 'integer', minimum: 0 },
    source: { enum: ['code', 'api'] },
    createdAt: time,
  },
}

const schedulePreview = {
  type: 'object',
  properties: {
    ...scheduleRule,
    occurrences: { type: 'array', items: { type: 'object', properties: { at: time, local: time } } },
  },
}

const scheduleIdParameter = { name: 'id', in: 'path', required: true, schema: text }
const jobIdParameter = { name: 'id', in: 'path', required: true, schema: text }
const tokenParameter = { name: 'token', in: 'query', required: true, schema: text }
/** The roles that may call it; `operate` may call everything. */
const roles = (...names: Exclude<Role, 'operate'>[]): { apiKey: Role[] }[] => [{ apiKey: [...names, 'operate'] }]

const enqueued = {
  type: 'object',
  properties: { id: text, state: { enum: jobStates }, runAt: time, existing: { const: true } },
}

/** The items are checked one by one, so their schema is not part of the request's own. */
const manyJobs = {
  ...(schemaOf(enqueueManyRequest) as object),
  properties: {
    jobs: { type: 'array', maxItems: enqueueManyLimit, items: schemaOf(enqueueRequest) },
    atomic: { type: 'boolean', default: false },
  },
}

const bulkRoute = (summary: string, schema: z.ZodType) => ({
  post: {
    summary,
    security: roles(),
    requestBody: { required: true, ...json(schemaOf(schema)) },
    responses: {
      200: {
        description: 'With `dryRun` a count and the token for the operation; with the token what became of a page.',
        ...json({
          oneOf: [
            { type: 'object', properties: { count: { type: 'integer' }, token: text } },
            {
              type: 'object',
              properties: {
                matched: { type: 'integer' },
                done: { type: 'integer' },
                skipped: {
                  type: 'array',
                  items: { type: 'object', properties: { id: text, code: text, message: text } },
                },
                cursor: { type: ['string', 'null'] },
              },
            },
          ],
        }),
      },
      400: problem('Neither or both of dryRun and token; a token that is too old, or of another filter.'),
    },
  },
})

export const openapi = {
  openapi: '3.1.0',
  info: { title: 'Errand coordinator', version: '1' },
  components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
  paths: {
    '/job': {
      post: {
        summary: 'Enqueue a job, or with `cron` or `every` make a schedule',
        security: roles('enqueue'),
        requestBody: { required: true, ...json(schemaOf(postJobRequest)) },
        responses: {
          201: {
            description: 'The job, or the schedule, is stored.',
            ...json({
              oneOf: [enqueued, scheduled],
            }),
          },
          400: problem('Args do not fit, an unknown field, two fields that exclude each other, a bad time.'),
          404: problem('No worker has this name; the message names the nearest.'),
          409: problem('The key is taken; `error.id` is the job that holds it.'),
          413: problem('The body is too large.'),
          ...overloaded,
        },
      },
    },
    '/workers': {
      get: {
        summary: 'The names of the deployed workers',
        security: roles('observe'),
        responses: { 200: { description: 'In the order of the alphabet.', ...json({ type: 'array', items: text }) } },
      },
    },
    '/jobs': {
      get: {
        summary: 'Jobs, newest first',
        security: roles('observe'),
        parameters: queryOf(listJobsRequest),
        responses: {
          200: {
            description: 'A page of jobs, without their receipts; `cursor` is null on the last one.',
            ...json({
              type: 'object',
              properties: { jobs: { type: 'array', items: job }, cursor: { type: ['string', 'null'] } },
            }),
          },
        },
      },
      post: {
        summary: 'Enqueue many jobs, each on its own, or with `atomic` all or none',
        security: roles('enqueue'),
        requestBody: { required: true, ...json(manyJobs) },
        responses: {
          200: {
            description: 'An outcome for each item, in order.',
            ...json({
              type: 'object',
              properties: {
                outcomes: {
                  type: 'array',
                  items: {
                    oneOf: [
                      { ...enqueued, properties: { ok: { const: true }, ...enqueued.properties } },
                      { type: 'object', properties: { ok: { const: false }, ...errorBody.properties } },
                    ],
                  },
                },
              },
            }),
          },
          400: problem(
            'The request cannot be read; or, with `atomic`, some item cannot be enqueued: `issues` names it.',
          ),
          413: problem('The body is too large.'),
          ...overloaded,
        },
      },
    },
    '/jobs/{id}': {
      get: {
        summary: 'A job with the receipts of all its attempts',
        security: roles('enqueue', 'observe'),
        parameters: [jobIdParameter],
        responses: { 200: { description: 'The job.', ...json(job) }, 404: problem('No such job.') },
      },
      delete: {
        summary: 'Cancel a job',
        security: roles(),
        parameters: [jobIdParameter],
        responses: {
          200: {
            description: 'Cancelled, now or before.',
            ...json({ type: 'object', properties: { id: text, state: text } }),
          },
          404: problem('No such job.'),
          409: problem('The job has succeeded or failed.'),
        },
      },
    },
    '/jobs/{id}/why': {
      get: {
        summary: 'Why a job does not run now, in words and as data',
        security: roles('observe'),
        parameters: [jobIdParameter],
        responses: {
          200: {
            description: 'What keeps it, first what would have to go first.',
            ...json({
              type: 'object',
              properties: {
                id: text,
                worker: text,
                state: { enum: jobStates },
                running: { type: 'boolean' },
                reasons: {
                  type: 'array',
                  items: { type: 'object', required: ['kind', 'message'], properties: { kind: text, message: text } },
                },
              },
            }),
          },
          404: problem('No such job.'),
        },
      },
    },
    '/jobs/{id}/retry': {
      post: {
        summary: 'Run a final job once more; its receipts stay',
        security: roles(),
        parameters: [jobIdParameter],
        requestBody: { required: true, ...json({ type: 'object', additionalProperties: false }) },
        responses: {
          200: { description: 'Queued.', ...json({ type: 'object', properties: { id: text, state: text } }) },
          404: problem('No such job.'),
          409: problem('WRONG_STATE: it is not final. KEY_TAKEN: another job holds its key.'),
        },
      },
    },
    '/jobs/{id}/replay': {
      post: {
        summary: 'Make a new job from a final one, with its args or others',
        security: roles(),
        parameters: [jobIdParameter],
        requestBody: { required: true, ...json(schemaOf(replayRequest)) },
        responses: {
          201: {
            description: 'The new job.',
            ...json({
              type: 'object',
              properties: { id: text, state: { enum: jobStates }, runAt: time, replayOf: text },
            }),
          },
          400: problem('The args do not fit the schema of today.'),
          404: problem('No such job, or no worker of its name.'),
          409: problem('WRONG_STATE: it is not final. KEY_TAKEN: another job holds its key.'),
        },
      },
    },
    '/jobs/retry': bulkRoute('Retry the jobs of a filter, page by page', retryManyRequest),
    '/jobs/replay': bulkRoute('Replay the jobs of a filter, page by page', replayManyRequest),
    '/jobs/cancel': bulkRoute('Cancel the jobs of a filter, page by page', cancelManyRequest),
    '/jobs/{id}/receipt': {
      get: {
        summary: 'How the job ended; held open until it has, or the time is over',
        security: roles('enqueue', 'observe'),
        parameters: [
          jobIdParameter,
          {
            name: 'timeout',
            in: 'query',
            description: 'A duration such as 10s, at most 25s.',
            schema: { ...text, default: '25s' },
          },
        ],
        responses: {
          200: {
            description: 'The job is final. A job that was cancelled has no receipt here.',
            ...json({
              type: 'object',
              required: ['id', 'state', 'finishedAt'],
              properties: { id: text, state: { enum: finalStates }, finishedAt: time, receipt },
            }),
          },
          202: {
            description: 'Not yet. Ask again.',
            ...json({ type: 'object', properties: { id: text, state: { enum: jobStates } } }),
          },
          404: problem('No such job, or no more.'),
          429: problem('TOO_MANY_REQUESTS: this key has as many requests open that wait as it may. Ask again later.'),
          503: problem('OVERLOADED: so many requests wait that no more are taken. Ask again later.'),
        },
      },
    },
    '/job/{id}/receipt': {
      post: {
        summary: 'The receipt of one attempt, or that it snoozes',
        parameters: [jobIdParameter, tokenParameter],
        requestBody: { required: true, ...json(schemaOf(attemptResult)) },
        responses: {
          200: { description: 'Recorded; `duplicate: true` when it was before.' },
          401: problem('The token is not one of this job.'),
          404: problem('No such job.'),
          409: problem('The attempt is over, or not this one.'),
        },
      },
    },
    '/job/{id}/progress': {
      post: {
        summary: 'What an attempt tells while it runs: its progress, and the lines of its log',
        parameters: [jobIdParameter, tokenParameter],
        requestBody: { required: true, ...json(schemaOf(progressRequest)) },
        responses: {
          200: { description: 'Kept with the job until the receipt comes. The deadline stays as it is.' },
          401: problem('The token is not one of this job.'),
          409: problem('The attempt is over.'),
        },
      },
    },
    '/job/{id}/enqueue': {
      post: {
        summary: 'Enqueue a child job; the same `call` again answers with the job that it made',
        parameters: [jobIdParameter, tokenParameter],
        requestBody: { required: true, ...json(schemaOf(childRequest)) },
        responses: {
          200: { description: 'The job was there before.', ...json(enqueued) },
          201: { description: 'The job is stored.', ...json(enqueued) },
          400: problem('Args do not fit, an unknown field, two fields that exclude each other, a bad time.'),
          401: problem('The token is not one of this job.'),
          404: problem('No worker has this name; the message names the nearest.'),
          409: problem('The attempt is over, or the key is taken.'),
          413: problem('The body is too large.'),
          ...overloaded,
        },
      },
    },
    '/job/{id}/heartbeat': {
      post: {
        summary: "Move the attempt's deadline",
        parameters: [jobIdParameter, tokenParameter],
        responses: {
          200: { description: 'The new deadline.', ...json({ type: 'object', properties: { deadline: time } }) },
          401: problem('The token is not one of this job.'),
          409: problem('The attempt is over.'),
        },
      },
    },
    '/job/{id}/ended': {
      post: {
        summary:
          "Tell that a function works on the attempt no more, where its answer was not heard; frees the attempt's slot",
        parameters: [jobIdParameter, tokenParameter],
        responses: {
          200: { description: 'Its slot is free.' },
          401: problem('The token is not one of this job.'),
          404: problem('There is no such job.'),
        },
      },
    },
    '/pauses': {
      get: {
        summary: 'What is paused, oldest first',
        security: roles('observe'),
        responses: {
          200: {
            description: 'All pauses.',
            ...json({
              type: 'object',
              properties: { pauses: { type: 'array', items: pauseAnd({ waiting: { type: 'integer' } }) } },
            }),
          },
        },
      },
      post: {
        summary: 'Pause everything, a worker, or a key',
        security: roles(),
        requestBody: { required: true, ...json(schemaOf(pauseRequest)) },
        responses: {
          201: { description: 'The pause; the earlier one where there was one already.', ...json(pause) },
          404: problem('No worker has this name; the message names the nearest.'),
        },
      },
      delete: {
        summary: 'Resume everything, a worker, or a key',
        security: roles(),
        parameters: queryOf(pauseTarget),
        responses: {
          200: { description: 'The pause that has ended.', ...json(pauseAnd({ released: { type: 'integer' } })) },
          404: problem('It is not paused.'),
        },
      },
    },
    '/keys': {
      get: {
        summary: 'The API keys by name, less the keys',
        security: roles(),
        responses: {
          200: {
            description: 'All.',
            ...json({ type: 'object', properties: { keys: { type: 'array', items: key } } }),
          },
        },
      },
      post: {
        summary: 'Create an API key; the first one must be for the role operate',
        security: roles(),
        requestBody: { required: true, ...json(schemaOf(createKeyRequest)) },
        responses: {
          201: {
            description: 'The key, shown this once.',
            ...json({ ...key, properties: { ...key.properties, key: text, first: { const: true } } }),
          },
          400: problem('An unknown field, a bad name, a pattern of workers that cannot be read.'),
          409: problem('NAME_TAKEN, or OPERATE_KEY_NEEDED.'),
        },
      },
    },
    '/keys/{name}': {
      delete: {
        summary: 'Revoke an API key',
        security: roles(),
        parameters: [{ name: 'name', in: 'path', required: true, schema: text }],
        responses: {
          200: { description: 'Revoked; within seconds on every coordinator.' },
          404: problem('No such key.'),
          409: problem('OPERATE_KEY_NEEDED: it is the last one of that role. WRONG_STATE: it is in ERRAND_API_KEYS.'),
        },
      },
    },
    ...deploymentPaths({ schemaOf, json, problem, roles }),
    ...groupPaths({ schemaOf, json, problem, overloaded, queryOf, roles, job }),
    '/audit': {
      get: {
        summary: 'What operators did, newest first',
        security: roles(),
        parameters: queryOf(listAuditRequest),
        responses: { 200: { description: 'A page of entries.', ...json(auditPage) } },
      },
    },
    '/schedules': {
      get: {
        summary: 'All schedules, those made in code too',
        security: roles('observe'),
        responses: { 200: { description: 'The schedules.', ...json({ type: 'array', items: schedule }) } },
      },
      post: {
        summary: 'Make a schedule, or give the one of that `id` a new rule',
        security: roles('enqueue'),
        requestBody: { required: true, ...json(schemaOf(scheduleRequest)) },
        responses: {
          201: { description: 'The schedule is stored.', ...json(scheduled) },
          400: problem('Args do not fit, an unknown field, a rule that cannot be read.'),
          404: problem('No worker has this name; the message names the nearest.'),
          413: problem('The body is too large.'),
          ...overloaded,
        },
      },
    },
    '/schedules/preview': {
      post: {
        summary: 'When a schedule fires next, or when a rule that is not stored would',
        security: roles('observe'),
        requestBody: { required: true, ...json(schemaOf(previewRequest)) },
        responses: {
          200: { description: 'The rule with its defaults, and its occurrences.', ...json(schedulePreview) },
          400: problem('A rule or a time that cannot be read.'),
          404: problem('No such schedule.'),
        },
      },
    },
    '/schedules/{id}': {
      get: {
        summary: 'A schedule',
        security: roles('observe'),
        parameters: [scheduleIdParameter],
        responses: { 200: { description: 'The schedule.', ...json(schedule) }, 404: problem('No such schedule.') },
      },
      patch: {
        summary: 'Change a part of a schedule; null takes a field back to its default',
        security: roles(),
        parameters: [scheduleIdParameter],
        requestBody: { required: true, ...json(schemaOf(scheduleChange)) },
        responses: {
          200: { description: 'The schedule as it is now.', ...json(schedule) },
          400: problem('Args do not fit, an unknown field, a rule that cannot be read.'),
          404: problem('No such schedule.'),
          409: problem('It is made in code.'),
        },
      },
      delete: {
        summary: 'Remove a schedule; the jobs it made stay',
        security: roles(),
        parameters: [scheduleIdParameter],
        responses: {
          200: { description: 'It is gone.' },
          404: problem('No such schedule.'),
          409: problem('It is made in code.'),
        },
      },
    },
    '/compat/waiting': {
      get: {
        summary: 'The args of every job that may still run, page by page, to try new contracts on',
        security: roles('observe'),
        parameters: queryOf(waitingRequest),
        responses: {
          200: {
            description: 'A page; the last one has no `cursor`.',
            ...json({
              type: 'object',
              properties: {
                jobs: {
                  type: 'array',
                  items: {
                    type: 'object',
                    properties: {
                      id: text,
                      worker: text,
                      args: text,
                      argsMeta: text,
                      argsVersion: { type: 'integer' },
                    },
                  },
                },
                cursor: { type: ['string', 'null'] },
              },
            }),
          },
        },
      },
    },
    '/schedules/{id}/pause': {
      post: {
        summary: 'Pause a schedule, also one made in code',
        security: roles(),
        parameters: [scheduleIdParameter],
        responses: { 200: { description: 'The schedule.', ...json(schedule) }, 404: problem('No such schedule.') },
      },
    },
    '/schedules/{id}/resume': {
      post: {
        summary: 'Resume a schedule with its next occurrence; those of the pause are left out',
        security: roles(),
        parameters: [scheduleIdParameter],
        responses: { 200: { description: 'The schedule.', ...json(schedule) }, 404: problem('No such schedule.') },
      },
    },
    '/schedules/{id}/run': {
      post: {
        summary: 'Make a job of a schedule at once; its occurrences stay as they are',
        security: roles(),
        parameters: [scheduleIdParameter],
        responses: {
          201: { description: 'The job is stored.', ...json(enqueued) },
          200: { description: 'The job that holds its key.', ...json(enqueued) },
          404: problem('No such schedule, or its worker is not deployed.'),
          409: problem('The key is taken; `error.id` is the job that holds it.'),
        },
      },
    },
    '/tick': {
      post: {
        summary: 'Make every step of the jobs once, for the cron of a coordinator that does not stay on',
        security: roles(),
        requestBody: { required: false, ...json(schemaOf(tickRequest)) },
        responses: {
          200: { description: 'What was done.', ...json(tickSummary) },
          500: problem('TICK_FAILED: some steps failed, and `error.failed` names them; the others had their turn.'),
        },
      },
    },
    '/healthz': { get: { summary: 'The process runs', responses: { 200: { description: 'Yes.' } } } },
    '/readyz': {
      get: { summary: 'The database answers', responses: { 200: { description: 'Yes.' }, 503: problem('No.') } },
    },
    '/metrics': {
      get: { summary: 'Prometheus metrics', security: roles('observe'), responses: { 200: { description: 'Text.' } } },
    },
  },
}

/** The routes of groups, as the API's description has them. */
import type { z } from 'zod'
import { groupJobsRequest, groupMembersLimit, groupRequest } from '../../../core/requests/groups.js'
import { groupPolicies } from '../../../core/views/groupTypes.js'
import type { Role } from '../../../core/roles.js'
import { enqueueRequest } from '../../../core/requests/wire.js'

/** Parts that all descriptions share. */
export interface Parts {
  schemaOf: (schema: z.ZodType) => unknown
  json: (schema: unknown) => object
  problem: (description: string) => object
  /** The answer to a request with jobs where too many wait. */
  overloaded: object
  queryOf: (schema: z.ZodObject) => object[]
  roles: (...names: Exclude<Role, 'operate'>[]) => { apiKey: Role[] }[]
  /** A job, as it is shown. */
  job: object
}

const text = { type: 'string' } as const
const time = { type: 'string', format: 'date-time' } as const
const count = { type: 'integer', minimum: 0 } as const
const state = { enum: ['open', 'stuck', 'closed', 'cancelled'] } as const

const end = {
  id: text,
  state,
  then: { type: 'object', properties: { worker: text, jobId: text } },
  problem: {
    type: 'object',
    properties: { code: text, message: text, issues: { type: 'array', items: { type: 'object' } } },
  },
  closedAt: time,
}

const group = {
  type: 'object',
  properties: {
    ...end,
    policy: { enum: groupPolicies },
    total: count,
    open: count,
    counts: { type: 'object', additionalProperties: count },
    groups: { type: 'array', items: { type: 'object', properties: { id: text, state, total: count } } },
    parentId: text,
    createdAt: time,
  },
}

const made = { type: 'object', properties: { id: text, state, total: count } }
const id = { name: 'id', in: 'path', required: true, schema: text }

export function groupPaths({ schemaOf, json, problem, overloaded, queryOf, roles, job }: Parts) {
  const request = schemaOf(groupRequest) as { properties: object }
  // the items are checked one by one, so their schema is not part of the request's own
  const item = { anyOf: [schemaOf(enqueueRequest), { type: 'object', required: ['group'], properties: { group: {} } }] }
  const jobs = { type: 'array', maxItems: groupMembersLimit, items: item }
  const unknown = problem('No such group.')
  return {
    '/groups': {
      post: {
        summary: 'Make a group of jobs, all or none, with a callback that runs once when all are final',
        security: roles('enqueue'),
        requestBody: { required: true, ...json({ ...request, properties: { ...request.properties, jobs } }) },
        responses: {
          201: { description: 'The group and all its jobs are stored.', ...json(made) },
          400: problem('The request cannot be read, or some item cannot be enqueued: `issues` names it.'),
          413: problem('The body is too large.'),
          ...overloaded,
        },
      },
    },
    '/groups/{id}': {
      get: {
        summary: 'A group: how many of its members are in each state, and what became of its callback',
        security: roles('observe', 'enqueue'),
        parameters: [id],
        responses: { 200: { description: 'The group.', ...json(group) }, 404: unknown },
      },
      delete: {
        summary: 'Cancel what is left of a group; it gets no callback',
        security: roles(),
        parameters: [id],
        responses: {
          200: { description: 'Cancelled, now or before.', ...json(made) },
          404: unknown,
          409: problem('The group is closed.'),
        },
      },
    },
    '/groups/{id}/jobs': {
      get: {
        summary: 'The jobs of a group, in the order in which they were given',
        security: roles('observe', 'enqueue'),
        parameters: [id, ...queryOf(groupJobsRequest.omit({ id: true }))],
        responses: {
          200: {
            description: 'A page of jobs.',
            ...json({
              type: 'object',
              properties: { jobs: { type: 'array', items: job }, cursor: { type: ['string', 'null'] } },
            }),
          },
          404: unknown,
        },
      },
    },
    '/groups/{id}/retry': {
      post: {
        summary: 'Try again to make the callback of a group that is stuck',
        security: roles(),
        parameters: [id],
        responses: {
          200: { description: 'How the group is now.', ...json({ type: 'object', properties: end }) },
          404: unknown,
          409: problem('The group is not stuck.'),
        },
      },
    },
  }
}

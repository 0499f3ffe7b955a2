/** The routes of deployments, as the API's description has them. */
import { activateRequest, registerRequest, rollbackRequest } from '../../../core/requests/deployments.js'
import { targetNames } from '../../../core/targets.js'
import type { Parts } from './groupPaths.js'

const text = { type: 'string' } as const
const time = { type: 'string', format: 'date-time' } as const
const number = { type: 'integer', minimum: 1 } as const
const names = { type: 'array', items: text } as const

const deployment = {
  type: 'object',
  properties: {
    id: number,
    live: { type: 'boolean' },
    functions: text,
    workers: number,
    targets: { type: 'array', items: { enum: targetNames } },
    note: text,
    createdAt: time,
    createdBy: text,
    retiredAt: time,
  },
}

const orNull = { anyOf: [number, { type: 'null' }] }
const switched = {
  type: 'object',
  properties: {
    id: orNull,
    previous: orNull,
    already: { const: true },
    answered: { type: 'integer', minimum: 0 },
    added: names,
    changed: names,
    gone: names,
  },
}

const id = { name: 'id', in: 'path', required: true, schema: number }

export function deploymentPaths({
  schemaOf,
  json,
  problem,
  roles,
}: Pick<Parts, 'schemaOf' | 'json' | 'problem' | 'roles'>) {
  const security = roles('deploy')
  const unknown = problem('No such deployment.')
  const refused = problem(
    'PROBE_FAILED: functions do not answer, and `error.functions` names them. DEPLOYED_MEANWHILE: somebody else has switched. WRONG_STATE.',
  )
  const answers = { 200: { description: 'It is live.', ...json(switched) }, 404: unknown, 409: refused }
  return {
    '/deployments': {
      get: {
        summary: 'The deployments, newest first',
        security,
        responses: {
          200: {
            description: 'The latest hundred.',
            ...json({ type: 'object', properties: { deployments: { type: 'array', items: deployment } } }),
          },
        },
      },
      post: {
        summary: 'Register what was built. The coordinator runs its contracts; nothing goes live',
        security,
        requestBody: { required: true, ...json(schemaOf(registerRequest)) },
        responses: {
          201: { description: 'The deployment.', ...json(deployment) },
          400: problem('The contracts cannot be loaded, or a worker has no address.'),
          413: problem('The body is too large.'),
        },
      },
    },
    '/deployments/{id}/activate': {
      post: {
        summary: 'Ask each function whether it is there, and make the deployment live in one switch',
        security,
        parameters: [id],
        requestBody: { required: false, ...json(schemaOf(activateRequest.omit({ id: true }))) },
        responses: answers,
      },
    },
    '/deployments/rollback': {
      post: {
        summary: 'Make the deployment live that was before, or the one of that number',
        security,
        requestBody: { required: false, ...json(schemaOf(rollbackRequest)) },
        responses: answers,
      },
    },
    '/deployments/deactivate': {
      post: {
        summary: 'Work by the contracts and the setting that coordinators have themselves',
        security,
        responses: { 200: { description: 'None is live.', ...json(switched) }, 409: refused },
      },
    },
    '/deployments/{id}': {
      delete: {
        summary: 'Retire a deployment: jobs that are pinned to it run on the live one',
        security,
        parameters: [id],
        responses: {
          200: { description: 'Retired.', ...json(deployment) },
          404: unknown,
          409: problem('It is live.'),
        },
      },
    },
  }
}

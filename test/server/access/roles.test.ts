/**
 * Every procedure and every route by every role: read off the router and the app, so that a new one is in here by
 * itself.
 */
import { describe, expect, it } from 'vitest'
import { createApp } from '../../../server/api/app.js'
import { createGuard } from '../../../server/access/auth.js'
import { createGroupWaits } from '../../../server/groups/wait.js'
import { describeApi } from '../../../server/api/rest/description.js'
import { router } from '../../../server/api/router/index.js'
import { createWaits } from '../../../server/operations/wait.js'
import { roles, type Role } from '../../../core/roles.js'
import { testErrand, type TestErrand } from '../../support/errand.js'
import { workers } from '../../client/workers.js'

const openapi = JSON.parse(describeApi()) as { paths: Record<string, Record<string, any>> } // oxlint-disable-line typescript/no-explicit-any

const keyOf = (role: Role) => `the-key-of-role-${role}`
// what waits is shown to those only who see args
const apiKeys = roles.map((role) => ({ role, key: keyOf(role), ...(role === 'observe' ? { args: true } : {}) }))

interface Door {
  method: string
  path: string
  /** Undefined: open to everyone, on purpose. */
  roles: readonly Role[] | undefined
}

/** The code of the error that the door answers with, or `ok`. */
async function knock({ coordinator }: TestErrand, { method, path }: Door, role?: Role): Promise<string> {
  const headers = {
    'content-type': 'application/json',
    ...(role === undefined ? {} : { authorization: `Bearer ${keyOf(role)}` }),
  }
  const body = method === 'POST' || method === 'PUT' || method === 'PATCH' ? '{}' : null
  const response = await coordinator.fetch(new Request(`http://coordinator.test${path}`, { method, headers, body }))
  if (response.headers.get('content-type') === 'text/event-stream') {
    // a stream begins before it tells what is wrong
    return /"errand":\{"code":"(\w+)"/.exec(await response.text())?.[1] ?? 'ok'
  }
  if (response.ok) return 'ok'
  const answer: any = await response.json() // oxlint-disable-line typescript/no-explicit-any
  return (answer.error.json?.data.errand ?? answer.error).code
}

/** Who passes the door: strangers first, then each role. */
async function passing(errand: TestErrand, door: Door): Promise<unknown> {
  const codes = await Promise.all([undefined, ...roles].map((role) => knock(errand, door, role)))
  return { door, codes: codes.map((code) => (code === 'UNAUTHORIZED' || code === 'FORBIDDEN' ? code : 'passes')) }
}

const meant = (door: Door): unknown => {
  const { roles: allowed } = door
  if (allowed === undefined) return { door, codes: ['passes', ...roles.map(() => 'passes')] }
  const byRole = roles.map((role) => (role === 'operate' || allowed.includes(role) ? 'passes' : 'FORBIDDEN'))
  return { door, codes: ['UNAUTHORIZED', ...byRole] }
}

const procedures = Object.entries(router._def.procedures).map(([path, procedure]) => {
  const { type, meta } = (procedure as unknown as { _def: { type: string; meta?: { roles: readonly Role[] } } })._def
  return { path, type, roles: meta?.roles }
})

describe('procedures', () => {
  it('each name their roles', () => {
    expect(procedures.length).toBeGreaterThan(10)
    expect(procedures.filter(({ roles }) => roles === undefined)).toEqual([])
  })

  it('change something for others than operators only where jobs are asked for, and where functions are deployed', () => {
    const open = procedures.filter(({ type, roles }) => type === 'mutation' && roles?.length !== 0)
    const toDeploy = ['register', 'activate', 'rollBack', 'deactivate', 'retire'].map((name) => `deployments.${name}`)
    const toEnqueue = ['enqueue', 'enqueueMany', 'group', 'schedule']
    expect(open.map(({ path, roles }) => [path, roles])).toEqual([
      ...toEnqueue.map((path) => [path, ['enqueue']]),
      ...toDeploy.map((path) => [path, ['deploy']]),
    ])
  })

  it('let in those roles and operate, and nobody else', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    for (const { path, type, roles } of procedures) {
      const method = type === 'mutation' ? 'POST' : 'GET'
      const door = { method, path: `/trpc/${path}${method === 'GET' ? '?input=%7B%7D' : ''}`, roles }
      expect(await passing(errand, door)).toEqual(meant(door))
    }
  })
})

/** As the API's description has it. */
function describedRoles(method: string, path: string): Door['roles'] {
  const paths = openapi.paths as Record<string, Record<string, { security: { apiKey?: Role[] }[] }>>
  const of = (path: string) => paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]
  // a job's other paths, which the first design had, are described under the ones that are documented
  const described = of(path) ?? of(path.replace(/^\/job\//, '/jobs/'))
  if (!described) throw new Error(`${method} ${path} is not in the description.`)
  return described.security[0]?.apiKey
}

describe('routes', () => {
  it('let in the roles that their description names, and nobody else', async () => {
    await using errand = await testErrand(workers, { apiKeys })
    const { deps } = errand.coordinator
    const waits = createWaits(deps)
    const groupWaits = createGroupWaits(deps)
    const guard = createGuard({ apiKeys, ring: deps.keyRing, keysRequired: false })
    const runOnce = () => errand.coordinator.runOnce()
    const app = createApp({ deps, runOnce, waits, groupWaits, guard, maxBodyBytes: 1, isReady: () => true })
    // OPTIONS says by which methods there is a door, and opens none
    const routes = app.routes.filter(
      ({ method, path }) => method !== 'ALL' && method !== 'OPTIONS' && path !== '/openapi.json',
    )
    const doors = new Map(routes.map(({ method, path }) => [`${method} ${path}`, { method, path }]))
    expect(doors.size).toBeGreaterThan(7)
    // where no key is asked for, the address has a token
    const token = deps.signer.receiptToken('some', 'claim')
    for (const { method, path } of doors.values()) {
      const roles = describedRoles(method, path)
      const query = roles === undefined ? `?token=${token}` : ''
      const door = { method, path: path.replaceAll(/:\w+/g, 'some') + query, roles }
      expect(await passing(errand, door)).toEqual(meant(door))
    }
    waits.stop()
    groupWaits.stop()
  })

  it('are open to everyone only where no key could be asked for', () => {
    const open = Object.entries(openapi.paths).flatMap(([path, methods]) =>
      Object.entries(methods as Record<string, { security: { apiKey?: unknown }[] }>)
        .filter(
          ([, { security }]) => !security.some(({ apiKey }) => apiKey) || security.some((none) => !('apiKey' in none)),
        )
        .map(([method]) => `${method} ${path}`),
    )
    expect(open).toEqual([
      'post /job/{id}/receipt',
      'post /job/{id}/progress',
      'post /job/{id}/enqueue',
      'post /job/{id}/heartbeat',
      'post /job/{id}/ended',
      'get /healthz',
      'get /readyz',
      'get /openapi.json',
    ])
  })
})

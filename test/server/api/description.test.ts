/** `/openapi.json`: that tools can read it, that it names every route, and that it shows workers to those who may see them. */
import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { errorCodes } from '../../../core/errorCodes.js'
import { describeApi } from '../../../server/api/rest/description.js'
import { routesByHand } from '../../../server/api/rest/byHand.js'
import { rows } from '../../../server/api/router/rows.js'
import { testErrand } from '../../support/errand.js'

const send = defineJob({
  args: z.object({
    to: z.email(),
    at: z.date().optional(),
    items: z.array(z.object({ sku: z.string().min(3), count: z.int().min(1) })).min(1),
  }),
  run: () => null,
})
interface Tree {
  label: string
  children: Tree[]
}
const tree: z.ZodType<Tree> = z.object({ label: z.string(), children: z.lazy(() => z.array(tree)) })
const grow = defineJob({ args: z.object({ tree }), run: () => null })
const odd = defineJob({ args: z.object({ code: z.string().regex(/^[A-Z]{3}-\d{9}$/) }), run: () => null })
const workers = { 'mail.send': send, grow, odd }

interface Described {
  paths: Record<string, Record<string, any>> // oxlint-disable-line typescript/no-explicit-any
  components: { schemas: Record<string, any> } // oxlint-disable-line typescript/no-explicit-any
}

const look = async (errand: Awaited<ReturnType<typeof testErrand>>, key?: string): Promise<Described> => {
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` }
  const response = await errand.coordinator.fetch(new Request('http://coordinator.test/openapi.json', { headers }))
  return (await response.json()) as Described
}

describe("the API's description", () => {
  it('is valid OpenAPI, with workers and without', async () => {
    await using errand = await testErrand(workers)
    for (const described of [JSON.parse(describeApi()) as object, await look(errand)]) {
      const { valid, errors } = await new Validator().validate(described as Record<string, unknown>)
      expect(errors ?? []).toEqual([])
      expect(valid).toBe(true)
    }
  })

  it('refers to nothing that it lacks', async () => {
    await using errand = await testErrand(workers)
    const described = await look(errand)
    const references = [...JSON.stringify(described).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path!)
    expect(references.length).toBeGreaterThan(20)
    const at = (path: string): unknown =>
      path
        .split('/')
        .reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], described)
    expect(references.filter((path) => at(path) === undefined)).toEqual([])
    const empty = Object.entries(described.components.schemas).filter(([, schema]) => '$ref' in schema)
    expect(empty).toEqual([])
  })

  it('has every route, and each operation once', () => {
    const { paths } = JSON.parse(describeApi()) as Described
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    )
    const meant = [...routesByHand.map(({ http }) => http), ...rows.flatMap(({ meta }) => meta.http ?? [])]
    expect(described.toSorted()).toEqual([...new Set(meant)].toSorted())
    const ids = Object.values(paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId as string),
    )
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('names, of every procedure, what it does, or why it has no route', () => {
    const silent = rows.filter(({ meta }) => (meta.http === undefined) !== (meta.about === undefined))
    expect(silent.map(({ path }) => path)).toEqual([])
    expect(rows.filter(({ meta }) => meta.http === undefined).map(({ path }) => path)).toEqual([
      // POST /job
      'enqueue',
      // GET /jobs/:id/receipt, for one job or several
      'jobs.wait',
      'jobs.ended',
      'jobs.waitMany',
    ])
  })

  it('lets no field of an answer be anything, but args, results, examples and what a worker tells', () => {
    const { components } = JSON.parse(describeApi()) as Described
    const loose: string[] = []
    const walk = (schema: unknown, place: string): void => {
      if (typeof schema !== 'object' || schema === null) return
      const { properties = {}, items, anyOf = [], oneOf = [], ...rest } = schema as Record<string, any> // oxlint-disable-line typescript/no-explicit-any
      const says = Object.keys(rest).filter((key) => key !== 'description' && key !== 'required')
      if (says.length === 0 && anyOf.length + oneOf.length === 0 && !items) loose.push(place)
      if (rest['type'] === 'object' && rest['additionalProperties'] !== false) loose.push(place)
      for (const [name, field] of Object.entries(properties)) walk(field, `${place}.${name}`)
      if (items) walk(items, `${place}[]`)
      for (const part of [...anyOf, ...oneOf]) walk(part, place)
    }
    for (const [id, schema] of Object.entries(components.schemas)) walk(schema, id)
    const known = [
      /^WireError$/, // details of an error, by its code
      /\.(args|argsMeta|result|resultMeta|example)$/,
      /\.log\[\]\.fields$/,
      /^AuditEntry\.target$/,
      /^GroupView\.counts$/,
      /^WorkerPolicies\.(backoff|schedule)$/,
    ]
    expect(loose.filter((place) => !known.some((pattern) => pattern.test(place)))).toEqual([])
  })

  it('names known codes of errors alone', () => {
    const { paths } = JSON.parse(describeApi()) as Described
    for (const methods of Object.values(paths)) {
      for (const { responses } of Object.values(methods)) {
        for (const [status, { description }] of Object.entries(responses as Record<string, { description: string }>)) {
          if (Number(status) < 400) continue
          for (const code of description.split(', ')) {
            expect(errorCodes[code as keyof typeof errorCodes]).toBe(Number(status))
          }
        }
      }
    }
  })

  it('has the args of each worker as JSON Schema, with an example that can be enqueued', async () => {
    await using errand = await testErrand(workers)
    const { paths, components } = await look(errand)
    expect(components.schemas['Args_mail.send']).toMatchObject({
      type: 'object',
      required: ['to', 'items'],
      properties: { to: { type: 'string', format: 'email' } },
    })
    const { examples } = paths['/job']!['post'].requestBody.content['application/json']
    // of a pattern none can be made, so there is none
    expect(Object.keys(examples)).toEqual(['grow', 'mail.send'])
    for (const { value } of Object.values<{ value: unknown }>(examples)) {
      expect(await errand.post('/job', value)).toMatchObject({ status: 201 })
    }
  })

  it('shows workers to callers with a key, and the rest to everybody', async () => {
    const apiKeys = [
      { role: 'operate' as const, key: 'the-key-of-an-operator' },
      { role: 'enqueue' as const, key: 'the-key-of-an-app', workers: ['mail.*'] },
      { role: 'deploy' as const, key: 'the-key-of-a-deploy' },
    ]
    await using errand = await testErrand(workers, { apiKeys })
    const shown = async (key?: string) =>
      Object.keys((await look(errand, key)).components.schemas).filter((id) => id.startsWith('Args_'))
    expect(await shown()).toEqual([])
    expect(await shown('the-key-of-an-operator')).toEqual(['Args_grow', 'Args_mail.send', 'Args_odd'])
    expect(await shown('the-key-of-an-app')).toEqual(['Args_mail.send'])
    expect(await shown('the-key-of-a-deploy')).toEqual([])
    expect(await look(errand, 'no-such-key-at-all')).toMatchObject({ error: { code: 'UNAUTHORIZED' } })
  })
})

/**
 * `GET /openapi.json`: describes the REST routes, by the rows of the router and those that are by hand. Requests and
 * answers are the schemas themselves.
 */
import { z } from 'zod'
import { wireError } from '../../../core/answers/fields.js'
import { errorCodes, type ErrorCode } from '../../../core/errorCodes.js'
import type { Role } from '../../../core/roles.js'
import { rows, type Row } from '../router/rows.js'
import { routesByHand, type RouteByHand } from './byHand.js'
import { readRoute } from './procedureRoutes.js'

/** A worker that enqueues are described for. */
export interface DescribedWorker {
  name: string
  /** JSON Schema. */
  args: object
  example?: unknown
}

type Json = Record<string, unknown>

/** One route, whoever describes it. */
interface Route {
  operationId: string
  method: string
  path: string
  about: string
  opens: RouteByHand['opens']
  /** Of path, query or body. */
  input?: { schema: z.ZodType; in: 'query' | 'body' } | undefined
  answers: RouteByHand['answers']
  errors: readonly ErrorCode[]
}

/** Made once, since it says the same to everybody; as text, because it is added to. */
let withoutWorkers: string | undefined

/** As JSON text. */
export function describeApi(workers: readonly DescribedWorker[] = []): string {
  withoutWorkers ??= JSON.stringify(describeRoutes())
  if (workers.length === 0) return withoutWorkers
  const described = JSON.parse(withoutWorkers) as Described
  describeWorkers(described, workers)
  return JSON.stringify(described)
}

interface Described extends Json {
  paths: Record<string, Json>
  components: { securitySchemes: Json; schemas: Record<string, unknown> }
}

function describeRoutes(): Described {
  const components = newComponents()
  const paths: Record<string, Json> = {}
  for (const route of [...routesByHand.map(routeByHand), ...rows.flatMap(routeOfRow)]) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    ;(paths[path] ??= {})[route.method.toLowerCase()] = operation(route, components)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Errand coordinator',
      version: '1',
      description: 'Enqueue typed background jobs, look at them and operate them.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    components: {
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: 'An API key of the coordinator.' },
        attemptToken: {
          type: 'apiKey',
          in: 'query',
          name: 'token',
          description: 'Stands in the address that a call gives its function as `receipt`. Good for one attempt.',
        },
      },
      schemas: components.schemas,
    },
    paths,
  }
}

const routeByHand = (route: RouteByHand): Route => {
  const { method, path } = readRoute(route.http)
  const { body, query, about, opens, answers, errors = [] } = route
  const words = path.split('/').map((word) => word.replace(/^:|\.json$/g, ''))
  return {
    operationId: camel([...words, method.toLowerCase()]),
    method,
    path,
    about,
    opens,
    input: body ? { schema: body, in: 'body' } : query && { schema: query, in: 'query' },
    answers,
    errors,
  }
}

function routeOfRow({ path: name, meta, input, answer }: Row): Route[] {
  if (meta.http === undefined) return []
  const { method, path } = readRoute(meta.http)
  const schema = answer ? { schema: answer } : {}
  const about = 'Done.'
  return [
    {
      operationId: camel(name.split('.')),
      method,
      path,
      about: meta.about ?? name,
      opens: meta.roles,
      input: input && { schema: input, in: method === 'GET' || method === 'DELETE' ? 'query' : 'body' },
      answers: {
        ...(meta.creates === true ? {} : { 200: { about: meta.creates ? 'It was there before.' : about, ...schema } }),
        ...(meta.creates ? { 201: { about: 'Made.', ...schema } } : {}),
      },
      errors: meta.errors ?? [],
    },
  ]
}

/** A field of the body may have the same name, and takes nothing. */
const pathField = (schema: unknown): object =>
  typeof schema === 'object' && schema !== null && 'type' in schema ? schema : { type: 'string' }

const camel = (words: readonly string[]): string =>
  words
    .filter((word) => word !== '')
    .map((word, index) => (index === 0 ? word : word[0]!.toUpperCase() + word.slice(1)))
    .join('')

function operation(route: Route, components: Components): Json {
  const { operationId, path, about, opens, input, answers } = route
  const named = path.split('/').flatMap((part) => (part.startsWith(':') ? [part.slice(1)] : []))
  const { properties = {}, required = [] } = input ? objectSchema(components.input(input.schema)) : {}
  const parameter = (name: string, place: string, schema: unknown, isRequired: boolean): Json => {
    const { description, ...rest } = schema as Json
    return { name, in: place, required: isRequired, ...(description ? { description } : {}), schema: rest }
  }
  const parameters = [
    ...named.map((name) => parameter(name, 'path', pathField(properties[name]), true)),
    ...(input?.in === 'query'
      ? Object.entries(properties)
          .filter(([name]) => !named.includes(name))
          .map(([name, schema]) => parameter(name, 'query', schema, required.includes(name)))
      : []),
  ]
  return {
    operationId,
    tags: [path.split('/')[1]!.replace(/^job$/, 'jobs')],
    summary: about,
    ...security(opens),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(input?.in === 'body' ? requestBody(input.schema, named, components) : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { about, schema, type = 'application/json' }]) => [
          status,
          {
            description: about,
            content: { [type]: { schema: schema ? components.answer(schema) : { type: 'string' } } },
          },
        ]),
      ),
      ...problems(route, components),
    },
  }
}

/** `operate` may call everything. */
function security(opens: Route['opens']): Json {
  if (opens === 'all') return { security: [] }
  if (opens === 'more') return { security: [{}, { apiKey: ['enqueue', 'observe', 'operate'] }] }
  if (opens === 'token') return { security: [{ attemptToken: [] }] }
  const roles: Role[] = [...opens.filter((role) => role !== 'operate'), 'operate']
  return { security: [{ apiKey: roles }] }
}

/** Without the fields that stand in the path. A route of which nothing is left has none. */
function requestBody(schema: z.ZodType, named: readonly string[], components: Components): Json {
  const body = components.input(schema)
  const { properties, required = [] } = objectSchema(body)
  const needed = required.filter((name) => !named.includes(name))
  if (!properties) return { requestBody: content(true, body) }
  const left = Object.entries(properties).filter(([name]) => !named.includes(name))
  if (left.length === 0) return {}
  const { required: _, ...rest } = body
  const shown = { ...rest, properties: Object.fromEntries(left), ...(needed.length === 0 ? {} : { required: needed }) }
  return { requestBody: content(needed.length > 0, shown) }
}

const content = (required: boolean, schema: Json): Json => ({ required, content: { 'application/json': { schema } } })

const objectSchema = (schema: Json) => schema as { properties?: Record<string, unknown>; required?: string[] }

/** By status: the codes that may come. */
function problems({ method, opens, input, errors }: Route, components: Components): Json {
  const codes: ErrorCode[] = [
    ...errors,
    ...(input === undefined ? [] : (['BAD_REQUEST'] as const)),
    ...(opens === 'all' || opens === 'more' ? [] : (['UNAUTHORIZED', 'UNAVAILABLE'] as const)),
    ...(typeof opens === 'string' ? [] : (['FORBIDDEN'] as const)),
    ...(input?.in === 'body' && method !== 'GET' ? (['PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] as const) : []),
  ]
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codes) byStatus.set(errorCodes[code], [...(byStatus.get(errorCodes[code]) ?? []), code])
  const schema = components.answer(errorAnswer)
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: [...new Set(codes)].toSorted().join(', '),
        ...(status === 503 || status === 429 ? { headers: { 'Retry-After': retryAfter } } : {}),
        content: { 'application/json': { schema } },
      },
    ]),
  )
}

const retryAfter = { description: 'After so many seconds.', schema: { type: 'integer', minimum: 1 } }

/** Of every answer that is no success. With `KEY_TAKEN`, `id` is the job that holds the key. */
const errorAnswer = z.strictObject({ id: z.string().exactOptional(), error: wireError }).meta({ id: 'ErrorAnswer' })

type Components = ReturnType<typeof newComponents>

/** Schemas with an id stand once, under `components`. */
function newComponents() {
  const schemas: Record<string, unknown> = {}
  const described = (schema: z.ZodType, io: 'input' | 'output'): Json => {
    const {
      $schema: _,
      $defs = {},
      ...json
    } = z.toJSONSchema(schema, {
      io,
      unrepresentable: 'any',
      override: ({ zodSchema, jsonSchema }) => {
        if (zodSchema._zod.def.type === 'date') Object.assign(jsonSchema, { type: 'string', format: 'date-time' })
        // said by its format already, and by its type
        if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
        if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
        if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
        const { describedBy } = (z.globalRegistry.get(zodSchema) ?? {}) as { describedBy?: z.ZodType }
        if (describedBy) Object.assign(jsonSchema, described(describedBy, 'input'))
        delete jsonSchema['describedBy']
        delete jsonSchema['isTime']
        delete jsonSchema['id']
      },
    }) as Json & { $defs?: Record<string, unknown> }
    for (const [id, definition] of Object.entries($defs)) schemas[id] ??= withComponents(definition)
    return withComponents(json) as Json
  }
  return {
    schemas,
    input: (schema: z.ZodType) => described(schema, 'input'),
    answer(schema: z.ZodType): Json {
      const id = z.globalRegistry.get(schema)?.id
      if (id === undefined) return described(schema, 'output')
      if (schemas[id] === undefined) {
        const definition = described(schema, 'output')
        // one that is about itself stands among its own definitions
        schemas[id] ??= definition
      }
      return { $ref: `#/components/schemas/${id}` }
    },
  }
}

const withComponents = (schema: unknown): unknown =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as unknown

/** What `POST /job` takes of each worker: its name, and args by its own schema. */
function describeWorkers({ paths, components }: Described, workers: readonly DescribedWorker[]): void {
  const { post } = paths['/job'] as { post: { requestBody: { content: Record<string, Json> } } }
  const examples: Record<string, unknown> = {}
  const byWorker = workers.map(({ name, args, example }) => {
    const id = `Args_${name}`
    components.schemas[id] = underComponents(args, id)
    if (example !== undefined) examples[name] = { value: { worker: name, args: example } }
    return { properties: { worker: { const: name }, args: { $ref: `#/components/schemas/${id}` } } }
  })
  const content = post.requestBody.content['application/json']!
  content['schema'] = { allOf: [content['schema'], { anyOf: byWorker }] }
  if (Object.keys(examples).length > 0) content['examples'] = examples
}

/** Its own definitions stand inside it. */
const underComponents = (schema: object, id: string): unknown =>
  JSON.parse(
    JSON.stringify(schema)
      .replaceAll('"#/$defs/', `"#/components/schemas/${id}/$defs/`)
      .replaceAll('"$ref":"#"', `"$ref":"#/components/schemas/${id}"`),
  )

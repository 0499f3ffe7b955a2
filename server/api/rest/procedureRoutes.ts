/**
 * The REST routes that are read off the router: a procedure with `http` in its meta has one. Its input is put together
 * from the path, the query and the body, once the procedure wants it, which its role stands before.
 */
import type { Context, Hono } from 'hono'
import { TRPCError } from '@trpc/server'
import { z } from 'zod'
import { ErrandError } from '../../../core/errors.js'
import { actorIn } from '../../access/auth.js'
import { answeredTogether } from '../batchAnswers.js'
import { maxInputOf } from '../inputLimit.js'
import { errorOf, type HttpRoute } from '../router/procedure.js'
import { rows, type Row } from '../router/rows.js'
import { maxNoBodyBytes } from '../requestBody.js'
import { requestIntake } from '../requestIntake.js'
import { jobPaths, readJson, type RestOptions } from './request.js'

export function addProcedureRoutes(app: Hono, options: RestOptions): void {
  for (const row of rows) {
    if (row.meta.http === undefined) continue
    const { method, path } = readRoute(row.meta.http)
    const fields = fieldsOf(row.input)
    app.on(method, pathsOf(path), (context) => answerRow(context, row, fields, options))
  }
}

export function readRoute(route: HttpRoute): { method: string; path: string } {
  const [method = '', path = ''] = route.split(' ')
  return { method, path }
}

/** What is about one job has the path as well that the first design gave it. */
const pathsOf = (path: string): string[] =>
  path.startsWith('/jobs/:id') ? jobPaths(path.slice('/jobs/:id'.length)) : [path]

async function answerRow(
  context: Context,
  row: Row,
  fields: Fields,
  { deps, runOnce, waits, groupWaits, guard, maxJobsBytes }: RestOptions,
): Promise<Response> {
  const { raw } = context.req
  const identity = context.get('identity')
  const intake = requestIntake(deps.intake, raw)
  context.set('intake', intake)
  const mayHaveBody = [...fields.keys()].some((name) => !(name in context.req.param()))
  context.set('maxBodyBytes', mayHaveBody ? maxInputOf(row.meta, identity, maxJobsBytes) : maxNoBodyBytes)
  let input: Promise<unknown> | undefined
  const { signal } = raw
  const ctx = { deps, runOnce, waits, groupWaits, guard, identity, intake, answers: answeredTogether(1), signal }
  // of what expects none, nobody else hears that there is one
  if (!row.input && actorIn(identity, row.meta.roles)) await inputOf(context, row, fields)
  try {
    const answer = await row.call({
      ctx,
      path: row.path,
      type: row.type,
      getRawInput: () => (input ??= inputOf(context, row, fields)),
      signal,
      batchIndex: 0,
    })
    // it is for this caller alone, as long as nothing changes
    return context.json(answer, statusOf(row, answer), { 'cache-control': 'no-store' })
  } catch (error) {
    throw error instanceof TRPCError ? (errorOf(error, row.path) ?? error.cause ?? error) : error
  }
}

function statusOf({ meta: { creates } }: Row, answer: unknown): 200 | 201 {
  if (creates === 'unlessExisting') return (answer as { existing?: true }).existing ? 200 : 201
  return creates ? 201 : 200
}

/** The fields of an input: what each may be in a path or a query, where everything is text. */
type Fields = ReadonlyMap<string, 'number' | 'boolean' | 'text'>

function fieldsOf(input: z.ZodType | undefined): Fields {
  if (!input) return new Map()
  const { properties = {} } = z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' })
  const kindOf = (field: (typeof properties)[string]) => {
    if (typeof field !== 'object') return 'text'
    if (field.type === 'integer' || field.type === 'number') return 'number'
    return field.type === 'boolean' ? 'boolean' : 'text'
  }
  return new Map(Object.entries(properties).map(([name, field]) => [name, kindOf(field)]))
}

/** Numbers and booleans as such; what is none stays text, and the schema says what is wanted. */
function readTexts(texts: Record<string, string>, fields: Fields): Record<string, unknown> {
  const read = (name: string, text: string): unknown => {
    const kind = fields.get(name)
    if (kind === 'number' && /^-?\d{1,15}$/.test(text)) return Number(text)
    if (kind === 'boolean' && /^(true|false)$/.test(text)) return text === 'true'
    return text
  }
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, read(name, text)]))
}

async function inputOf(context: Context, { input }: Row, fields: Fields): Promise<unknown> {
  const { req } = context
  const looks = req.method === 'GET' || req.method === 'HEAD'
  const body = looks ? undefined : await readJson(context)
  if (!input) return body
  const named = readTexts(req.param(), fields)
  // what a DELETE says stands in the query, because its body is lost on some ways
  if (looks || req.method === 'DELETE') return { ...readTexts(req.query(), fields), ...named }
  if (body === undefined) return named
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body
  for (const [name, value] of Object.entries(named)) {
    if (Object.hasOwn(body, name) && (body as Record<string, unknown>)[name] !== value) throw saidTwice(name)
  }
  return { ...body, ...named }
}

const saidTwice = (name: string): ErrandError =>
  new ErrandError('BAD_REQUEST', `\`${name}\` stands in the path, and the body has another one. Leave it out there.`, {
    issues: [{ path: [name], code: 'said_twice', message: 'stands in the path' }],
  })

/** What must be so of every answer, whatever was asked. */
import type { Role } from '../../core/roles.js'
import { repository } from '../support/repository.js'
import type { FuzzRequest } from './request.js'
import type { Answered } from './socket.js'
import type { CallerName, Target } from './target.js'

/** What must be so, and how it is looked for. */
export const rules = {
  answered: 'Every request has an answer within 40 seconds; no socket is closed without one.',
  blame:
    'No answer is a 5xx, but a 503 that says so, or says `INTERNAL`: whatever a caller writes is no fault of ours.',
  roles:
    'No caller may more than its role: without a key nothing but health and the description, and no receipt or call without a good token or signature.',
  secrets: 'No answer and no line of the log tells a stack, a path of the code, a key, or anything of the database.',
  beside:
    'Good work goes on: a job is enqueued, run and seen, by the lists that a poisoned neighbour could close, again and again meanwhile.',
  turns:
    'No request takes over 50 ms of the processor in one turn of the loop before a key or a signature was accepted, or 250 ms after.',
  memory: 'All of them together leave less than 20 MB behind, once garbage is collected.',
} as const
export type Rule = keyof typeof rules

export interface Finding {
  rule: Rule
  /** In words that are the same for all of a kind. */
  kind: string
  /** Which request of the seed; absent for what is not of one request. */
  n?: number
  what: string
}

const rolesOf: Record<CallerName, readonly Role[]> = {
  stranger: [],
  wrong: [],
  enqueue: ['enqueue'],
  enqueueSome: ['enqueue'],
  observe: ['observe'],
  observeArgs: ['observe'],
  deploy: ['deploy'],
  operate: ['operate'],
}

export type Problem = Pick<Finding, 'rule' | 'kind'>

const broken = (rule: Rule, ...kinds: string[]): Problem[] => kinds.map((kind) => ({ rule, kind }))

export function problemsOf(target: Target, request: FuzzRequest, answer: Answered): Problem[] {
  const { status, body } = answer
  return [
    ...(answer.timedOut ? broken('answered', 'it had no answer in time') : []),
    ...(status === 0 && !answer.timedOut ? broken('answered', 'its connection ended without an answer') : []),
    ...broken('blame', ...faultyStatus(answer)),
    ...broken('roles', ...tooMuch(request, answer)),
    ...broken('secrets', ...leaksIn(target, `${answer.headers}\n${body}`)),
  ]
}

/** 503 says that it can be asked again, and INTERNAL that we are to blame; nothing that a caller writes makes it so. */
function faultyStatus({ status, body }: Answered): string[] {
  const isAway = status === 503 && /"code":"UNAVAILABLE"/.test(body)
  if (status >= 500 && !isAway) return [`it was answered with ${status} ${codeIn(body)}`]
  return /"code":"INTERNAL(_SERVER_ERROR)?"/.test(body) ? [`it was answered with INTERNAL in a ${status}`] : []
}

const codeIn = (body: string): string =>
  /"errand":\{[^}]*"code":"(\w+)"/.exec(body)?.[1] ?? /"code":"(\w+)"/.exec(body)?.[1] ?? ''

/** A success for a caller whose role does not have that door. */
function tooMuch({ door, caller, isDoors, isSigned }: FuzzRequest, { status, body }: Answered): string[] {
  if (status < 200 || status > 299) return []
  // a stream begins before it tells what is wrong
  if (/"errand":\{/.test(body)) return []
  if (door.kind === 'function' || door.kind === 'receipt') {
    return isDoors && !isSigned ? ['it was taken without a good signature or token'] : []
  }
  const own = rolesOf[caller]
  const mayAny = own.length > 0
  if (!isDoors) return mayAny || isOpen(body) ? [] : ['a stranger was answered with success']
  if (door.roles === undefined || own.includes('operate') || own.some((role) => door.roles!.includes(role))) return []
  return [`the caller may not do that and was answered with ${status}`]
}

/** What everyone may see: health, and the API's description. */
const isOpen = (body: string): boolean =>
  body === '' || /^\s*(\{"ok":true|\{"openapi")/.test(body) || /^[0-9a-f]+\r\n\{"openapi"/.test(body)

const secrets = [
  /\n\s+at .+:\d+:\d+/,
  /\\n\s+at /,
  /node_modules\//,
  /file:\/\/\//,
  /mongodb(\+srv)?:\/\//,
  /Mongo\w*Error/,
  /\bE11000\b/,
]

/** In an answer, or a line of the log. */
export function leaksIn({ keys, signingKey }: Target, text: string): string[] {
  const found = secrets.filter((pattern) => pattern.test(text)).map((pattern) => `it tells ${pattern.source}`)
  const told = [...Object.values(keys), signingKey, repository].filter(
    (secret) => secret !== undefined && text.includes(secret),
  )
  return told.length > 0 ? [...found, 'it tells a key, or where the code lies'] : found
}

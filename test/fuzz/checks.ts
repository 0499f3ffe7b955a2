/** What must be so of every answer, whatever was asked. */
import type { Role } from '../../core/roles.js'
import { repository } from './repository.js'
import type { FuzzRequest } from './request.js'
import type { Answered } from './socket.js'
import type { CallerName, Target } from './target.js'

export interface Finding {
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

export function problemsOf(target: Target, request: FuzzRequest, answer: Answered): string[] {
  const { status, body } = answer
  return [
    ...(answer.timedOut ? ['it had no answer in time'] : []),
    ...(status === 0 && !answer.timedOut ? ['its connection ended without an answer'] : []),
    ...faultyStatus(answer),
    ...tooMuch(request, answer),
    ...leaksIn(target, `${answer.headers}\n${body}`),
  ]
}

/** 503 says that it can be asked again, and INTERNAL that we are to blame; nothing that a caller writes makes it so. */
function faultyStatus({ status, body }: Answered): string[] {
  const isAway = status === 503 && /"code":"UNAVAILABLE"/.test(body)
  if (status >= 500 && !isAway) return [`it was answered with ${status} ${codeIn(body)}`]
  return /"code":"INTERNAL(_SERVER_ERROR)?"/.test(body) ? [`it was answered with INTERNAL in a ${status}`] : []
}

export const codeIn = (body: string): string =>
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

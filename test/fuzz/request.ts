/**
 * The nth request of a seed: the same bytes each time, but for ids, tokens and signatures, which are the target's own.
 */
import { createHmac } from 'node:crypto'
import type { Random } from '../support/random.js'
import { pickDoor, type Door } from './doors.js'
import { heavyBody } from './heavy.js'
import { brokenText, hostileMeta, hostileValue, mutate, textOf, type Json } from './hostile.js'
import { callers, type CallerName, type Target } from './target.js'

export interface FuzzRequest {
  door: Door
  caller: CallerName
  /** Where it goes: the coordinator, or the host of functions. */
  to: 'coordinator' | 'functions'
  /** All that is written to the socket. */
  bytes: Buffer
  /** Whether path and method still are the door's own, so that its roles say what must come of it. */
  isDoors: boolean
  /** Of a receipt's door: whether it shows the token of an attempt. Of a function: whether it is signed. */
  isSigned: boolean
  /** In words, for whoever reads a finding. */
  what: string
}

/** What the target has told so far. */
export interface Known {
  ids: string[]
  receipts: string[]
}

/** A large value now and then; its characters at the most. */
const largest = 4_000_000

/**
 * Each part has its own stream of chance: what the target has told by then, which is never the same twice, changes ids
 * and tokens and nothing else.
 */
export function requestOf(random: Random, target: Target, known: Known, only?: readonly CallerName[]): FuzzRequest {
  const door = pickDoor(random)
  const caller = callerOf(random, door, only)
  const large = random.chance(0.005) ? largest : 20_000
  const spot = placeOf(random.fork('place'), door, known)
  const isGood = random.chance(0.2)
  const method =
    isGood || random.chance(0.97)
      ? door.method
      : random.pick(['GET', 'PUT', 'PATCH', 'OPTIONS', 'HEAD', 'DELETE', 'POST', 'TRACE'])
  const path = isGood || random.chance(0.93) ? spot.path : brokenPath(random.fork('path'), spot.path)
  const hasBody = method !== 'GET' && method !== 'HEAD' && (door.samples.length > 0 || random.chance(0.1))
  const body = hasBody ? bodyOf(random.fork('body'), door, known, { isGood, large }) : undefined
  const isSigned = door.kind === 'function' ? random.chance(0.6) : spot.isSigned
  const headers = headersOf(random.fork('headers'), { target, caller, door, body, isGood, isSigned })
  return {
    door,
    caller,
    to: door.kind === 'function' ? 'functions' : 'coordinator',
    bytes: write(random.fork('chunks'), method, path, headers, body, isGood),
    isDoors: method === door.method && path === spot.path,
    isSigned,
    what: `${method} ${path.slice(0, 120)} by ${caller}, body of ${body?.length ?? 0} bytes`,
  }
}

/** Half of them may, so that what lies behind the door is reached as well. */
function callerOf(random: Random, { roles = [] }: Door, only: readonly CallerName[] = callers): CallerName {
  const suitable = only.filter((caller) => caller === 'operate' || roles.some((role) => role === caller))
  return random.pick(suitable.length > 0 && random.chance(0.5) ? suitable : only)
}

interface Place {
  path: string
  isSigned: boolean
}

function placeOf(random: Random, door: Door, known: Known): Place {
  if (door.kind === 'trpc') return { path: trpcPath(random, door, known), isSigned: true }
  if (door.kind === 'receipt') return receiptPlace(random, door, known)
  const path = door.path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(idOf(random, known)))
  const query = door.query && random.chance(0.8) ? `?${random.pick(door.query)}` : ''
  return { path: path + query, isSigned: true }
}

const idOf = (random: Random, { ids }: Known): string =>
  ids.length > 0 && random.chance(0.7)
    ? random.pick(ids)
    : random.pick(['s1', 's2', '1', 'k1', 'x'.repeat(99), '..', '__proto__', '$ne', '\u0000', 'é'])

function receiptPlace(random: Random, { path }: Door, { receipts }: Known): Place {
  const end = path.split('/').at(-1)!
  if (receipts.length === 0 || random.chance(0.1)) return { path: `/job/some/${end}?token=x`, isSigned: false }
  const url = new URL(random.pick(receipts))
  const pathname = url.pathname.replace(/receipt$/, end)
  if (random.chance(0.7)) return { path: pathname + url.search, isSigned: true }
  const token = url.searchParams.get('token') ?? ''
  const other = random.pick(['', token.slice(1), token.slice(0, -1), `${token}x`, token.toUpperCase(), '%00', 'a.b'])
  return { path: `${pathname}?token=${other}`, isSigned: other === token }
}

/** A query's input stands in its address. */
function trpcPath(random: Random, { path, method, samples }: Door, known: Known): string {
  if (method !== 'GET') return `/trpc/${path}`
  const input = withIds(random.fork('ids'), random.pick(samples), known)
  const changed = random.chance(0.5) ? mutate(random, input, 2_000) : input
  return `/trpc/${path}?input=${encodeURIComponent(textOf({ json: changed }).replaceAll(/\\ud8[0-9a-f]{2}/g, 'x'))}`
}

function withIds(random: Random, value: Json, known: Known): Json {
  return JSON.parse(
    JSON.stringify(value).replaceAll('{id}', () => JSON.stringify(idOf(random, known)).slice(1, -1)),
  ) as Json
}

interface BodyHow {
  isGood: boolean
  large: number
}

function bodyOf(random: Random, door: Door, known: Known, { isGood, large }: BodyHow): Buffer {
  if (!isGood && random.chance(0.004)) return heavyBody(random, door, largest)
  const sample = door.samples.length > 0 ? withIds(random.fork('ids'), random.pick(door.samples), known) : {}
  const changed = isGood || random.chance(0.1) ? sample : mutatedBody(random, sample, large)
  const wrapped = door.kind === 'trpc' ? trpcBody(random, changed, isGood, large) : changed
  const text = textOf(wrapped)
  return Buffer.from(!isGood && random.chance(0.08) ? brokenText(random, text) : text)
}

function mutatedBody(random: Random, sample: Json, large: number): Json {
  if (random.chance(0.08)) return hostileValue(random, large)
  const carriesMeta =
    'args' in (sample as object) ? 'argsMeta' : 'result' in (sample as object) ? 'resultMeta' : undefined
  // what JSON cannot say rides beside it, and is believed by whoever restores it
  if (carriesMeta && random.chance(0.2)) return { ...(sample as object), [carriesMeta]: hostileMeta(random, large) }
  return mutate(random, sample, large)
}

const trpcBody = (random: Random, json: Json, isGood: boolean, large: number): Json =>
  isGood || random.chance(0.75) ? { json } : { json, meta: hostileMeta(random, large) }

function brokenPath(random: Random, path: string): string {
  return random.pick<() => string>([
    () => `${path}/`,
    () => `/${path}`,
    () => path.replace('/', '/../'),
    () => `${path}%`,
    () => `${path}%00`,
    () => `${path}${path.includes('?') ? '&' : '?'}__proto__[x]=1&limit=-1`,
    () => `${path}?input=%7B`,
    () => path.replaceAll('/', '%2f'),
    () => path.toUpperCase(),
    () => `${path}?${'a=1&'.repeat(random.int(1, 2_000))}`,
    () => `/${'a'.repeat(random.int(1, 14_000))}`,
    () => `/trpc/${Array.from({ length: random.int(2, 200) }, () => 'enqueue').join(',')}?batch=1`,
    () => `/trpc/${random.pick(['', 'nothing', '__proto__', 'constructor', 'jobs', 'jobs.get.x', 'enqueue/..'])}`,
    () => '*',
    () => 'http://elsewhere.example/job',
  ])()
}

interface HeadersHow {
  target: Target
  caller: CallerName
  door: Door
  body: Buffer | undefined
  isGood: boolean
  isSigned: boolean
}

function headersOf(random: Random, { target, caller, door, body, isGood, isSigned }: HeadersHow): [string, string][] {
  const url = new URL(door.kind === 'function' ? target.functionsUrl : target.url)
  const key = target.keys[caller]
  const odd = (part: number) => !isGood && random.chance(part)
  const headers: [string, string][] = [
    [
      'host',
      odd(0.03) ? random.pick(['', 'elsewhere.example', '127.0.0.1.evil.example', '[::1', 'a b', '127.1']) : url.host,
    ],
    ['connection', 'close'],
  ]
  if (key !== undefined)
    headers.push(['authorization', odd(0.02) ? random.pick([key, 'Basic x', `bearer  ${key}`]) : `Bearer ${key}`])
  if (body) {
    headers.push([
      'content-type',
      odd(0.06)
        ? random.pick([
            'text/plain',
            'application/x-www-form-urlencoded',
            'multipart/form-data; boundary=x',
            'application/octet-stream',
            '',
            'application/json; charset=utf-16',
          ])
        : 'application/json',
    ])
  }
  if (door.kind === 'function') headers.push(...signatureOf(random, target, body ?? Buffer.alloc(0), isSigned))
  if (odd(0.03)) headers.push(['origin', 'https://other.example'], ['sec-fetch-site', 'cross-site'])
  if (odd(0.02)) headers.push(['prefer', random.pick(['respond-async, wait=0', 'wait=999999', 'x'])])
  if (odd(0.02)) headers.push(['accept-encoding', 'gzip'], ['x-forwarded-for', '1.2.3.4'])
  if (odd(0.02)) headers.push([`x-${'a'.repeat(random.int(1, 200))}`, 'v'.repeat(random.int(1, 6_000))])
  if (odd(0.01)) headers.push(['last-event-id', 'x'], ['content-encoding', 'gzip'])
  return headers
}

function signatureOf(random: Random, { signingKey }: Target, body: Buffer, isSigned: boolean): [string, string][] {
  const id = /"id":"([^"\\]{1,100})","worker":"[^"]*","attempt":(\d{1,9})/.exec(body.toString('utf8'))
  const webhookId = id ? `${id[1]}.${id[2]}` : 'job1.1'
  const timestamp = String(Math.floor(Date.now() / 1_000) - (isSigned ? 0 : random.pick([0, 301, -301, 10 ** 9])))
  const secret = Buffer.from(signingKey.slice('whsec_'.length), 'base64')
  const mac = createHmac('sha256', secret).update(`${webhookId}.${timestamp}.`).update(body).digest('base64')
  const bad = random.pick([
    '',
    'v1,',
    `v1,${'A'.repeat(43)}=`,
    'v1,x '.repeat(random.int(1, 2_500)),
    `v2,${mac}`,
    'v1a',
  ])
  return [
    ['webhook-id', webhookId],
    ['webhook-timestamp', timestamp],
    ['webhook-signature', isSigned ? `v1,${mac}` : bad],
  ]
}

function write(
  random: Random,
  method: string,
  path: string,
  headers: readonly [string, string][],
  body: Buffer | undefined,
  isGood: boolean,
): Buffer {
  const isChunked = body !== undefined && !isGood && random.chance(0.2)
  const framing: [string, string][] =
    body === undefined ? [] : [isChunked ? ['transfer-encoding', 'chunked'] : ['content-length', String(body.length)]]
  const lines = [...headers, ...framing].map(([name, value]) => `${name}: ${value}\r\n`)
  // what would break a line of the head is no matter of the body
  const line = path.replaceAll(/[^!-~]/g, '%20')
  const head = Buffer.from(`${method} ${line} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
  if (body === undefined) return head
  return Buffer.concat([head, ...(isChunked ? chunksOf(random, body) : [body])])
}

function chunksOf(random: Random, body: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  const size = random.pick([1 + Math.floor(body.length / 200), 1_000, 65_536, body.length + 1])
  for (let at = 0; at < body.length; at += size) {
    const chunk = body.subarray(at, at + size)
    chunks.push(
      Buffer.from(`${chunk.length.toString(16)}${random.chance(0.02) ? ';ext=1' : ''}\r\n`),
      chunk,
      Buffer.from('\r\n'),
    )
  }
  return [...chunks, Buffer.from('0\r\n\r\n')]
}

/** A coordinator behind a real socket, and requests that no client library has mended on their way. */
import { connect } from 'node:net'
import { listen } from '../../server/api/listen.js'
import { testErrand, type TestErrand, type TestErrandOptions, type TestWorkers } from './errand.js'

export interface RawAnswer {
  status: number
  /** By name, in lower case. */
  headers: Record<string, string>
  text: string
  body: any // oxlint-disable-line typescript/no-explicit-any
}

interface RawRequest {
  method?: string
  path?: string
  headers?: Record<string, string>
  body?: string | Uint8Array
}

export interface RawServer extends AsyncDisposable {
  errand: TestErrand
  url: string
  /** What the coordinator logs, without `info` and `debug`. */
  lines: string[]
  /** On a connection of its own, which is closed behind it. */
  ask(request: RawRequest): Promise<RawAnswer>
  /** Bytes as they are, on a connection of their own; the answer's bytes until it is closed. */
  talk(bytes: string | Uint8Array): Promise<string>
}

export async function rawServer(workers: TestWorkers, options: TestErrandOptions = {}): Promise<RawServer> {
  const lines: string[] = []
  const log = (level: string, message: string) => {
    if (level === 'warn' || level === 'error') lines.push(`${level} ${message}`)
  }
  const errand = await testErrand(workers, { log, ...options })
  const listening = await listen({
    fetch: (request) => errand.coordinator.fetch(request),
    host: '127.0.0.1',
    port: 0,
    setting: 'PORT',
  })
  const { url } = listening
  const { host, hostname, port } = new URL(url)
  const talk = (bytes: string | Uint8Array): Promise<string> =>
    new Promise((resolve, reject) => {
      let answer = ''
      connect(Number(port), hostname)
        .setEncoding('utf8')
        .on('data', (text: string) => (answer += text))
        .once('error', reject)
        .once('close', () => resolve(answer))
        .write(bytes)
    })
  return {
    errand,
    url,
    lines,
    talk,
    async ask({ method = 'GET', path = '/', headers = {}, body }) {
      const bytes = Buffer.from(body ?? '')
      const all = {
        host,
        connection: 'close',
        ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(bytes.length) }),
        ...headers,
      }
      const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
      return answerIn(
        await talk(Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n`), bytes])),
      )
    },
    async [Symbol.asyncDispose]() {
      await errand[Symbol.asyncDispose]()
      await listening.close()
    },
  }
}

/** The last answer in what came: others only say that it goes on. */
export function answerIn(bytes: string): RawAnswer {
  const whole = bytes.replace(/^HTTP\/1\.1 100 .*\r\n\r\n/, '')
  const [head = '', text = ''] = whole.split(/\r\n\r\n/)
  const [line = '', ...rest] = head.split('\r\n')
  const headers = Object.fromEntries(
    rest.map((header) => {
      const [name = '', ...value] = header.split(': ')
      return [name.toLowerCase(), value.join(': ')]
    }),
  )
  const isJson = text !== '' && headers['content-type']?.startsWith('application/json')
  return { status: Number(line.split(' ')[1]), headers, text, body: isJson ? JSON.parse(text) : undefined }
}

/** One request over a socket of its own: written as it is, answered or not. */
import { connect } from 'node:net'

export interface Answered {
  /** 0 where the connection ended without an answer. */
  status: number
  headers: string
  body: string
  ms: number
  /** It took longer than anybody waits. */
  timedOut?: true
}

/** A stream goes on for as long as its reader likes; this long is enough to see how it begins. */
const streamMs = 100
const keptBytes = 3_000_000

export function send(url: string, bytes: Buffer, limitMs: number): Promise<Answered> {
  const { hostname, port } = new URL(url)
  const startedAt = performance.now()
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let kept = 0
    let isStream = false
    const socket = connect(Number(port), hostname)
    const finish = (timedOut?: true) => {
      clearTimeout(limit)
      socket.destroy()
      resolve({
        ...parse(Buffer.concat(chunks).toString('latin1')),
        ms: performance.now() - startedAt,
        ...(timedOut && { timedOut }),
      })
    }
    const limit = setTimeout(() => finish(true), limitMs)
    socket.on('error', () => {})
    socket.on('close', () => finish())
    socket.on('data', (chunk: Buffer) => {
      kept += chunk.length
      if (kept <= keptBytes) chunks.push(chunk)
      if (!isStream && chunks.length === 1 && /text\/event-stream/i.test(chunk.toString('latin1', 0, 2_000))) {
        isStream = true
        setTimeout(() => finish(), streamMs)
      }
    })
    // not ended: a caller that has said all still listens, and Node takes the end of its side for its leaving
    socket.write(bytes)
  })
}

function parse(text: string): Pick<Answered, 'status' | 'headers' | 'body'> {
  const [, status = '0'] = /^HTTP\/1\.1 (\d{3})/.exec(text) ?? []
  const end = text.indexOf('\r\n\r\n')
  return {
    status: Number(status),
    headers: end < 0 ? text : text.slice(0, end),
    body: end < 0 ? '' : text.slice(end + 4),
  }
}

/** Bodies that come byte by byte, and what a reader keeps of them meanwhile. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What earlier tests of the process left would hide what the work keeps, if it went meanwhile. */
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** The body of a chunked message whose chunks are one byte each, as it is on the wire; ASCII only. */
export function bytewise(body: string): Buffer {
  const wire = Buffer.alloc(body.length * 6, '1\r\n?\r\n')
  for (let index = 0; index < body.length; index++) wire[index * 6 + 3] = body.charCodeAt(index)
  return Buffer.concat([wire, Buffer.from('0\r\n\r\n')])
}

/** The same for who speaks `fetch`. */
export const bytewiseStream = (length: number): ReadableStream<Uint8Array> => {
  let left = length
  return new ReadableStream({
    async pull(controller) {
      // so that somebody can look
      if (left % 10_000 === 0) await new Promise(setImmediate)
      if (left-- > 0) controller.enqueue(Uint8Array.of(32))
      else controller.close()
    },
  })
}

/** By how much the heap grows at most while the work is done; looked at between two turns of the loop. */
export async function heapGrowthOf(work: Promise<unknown>): Promise<number> {
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  let most = before
  let done = false
  const look = () => {
    most = Math.max(most, process.memoryUsage().heapUsed)
    if (!done) setImmediate(look)
  }
  look()
  await work.finally(() => (done = true))
  return most - before
}

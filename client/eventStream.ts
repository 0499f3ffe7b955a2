/** Reads server-sent events from a response, by `fetch` alone: neither Node 20 nor a POST has an `EventSource`. */
import { createParser } from 'eventsource-parser'

export interface ServerSentEvent {
  /** Default `message`. */
  event: string
  data: string
}

/**
 * One after the other until the stream ends. Comments, ids and reconnection times are left out; a last event that was
 * cut is none.
 */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const events: ServerSentEvent[] = []
  const parser = createParser({ onEvent: ({ event = 'message', data }) => void events.push({ event, data }) })
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      parser.feed(decoder.decode(value, { stream: true }))
      yield* events.splice(0)
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

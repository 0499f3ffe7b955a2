/** Reads server-sent events from a response, by `fetch` alone: neither Node 20 nor a POST has an `EventSource`. */

export interface ServerSentEvent {
  /** Default `message`. */
  event: string
  data: string
}

/** One after the other until the stream ends. Comments, ids and reconnection times are left out; a last event that was cut is none. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      rest += decoder.decode(value, { stream: true })
      // a carriage return at the end may be half of a line's end
      const blocks = rest.replaceAll(/\r\n|\r(?!$)/g, '\n').split('\n\n')
      rest = blocks.pop()!
      for (const block of blocks) {
        const event = readEvent(block)
        if (event) yield event
      }
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

function readEvent(block: string): ServerSentEvent | undefined {
  const data: string[] = []
  let event = 'message'
  for (const line of block.split('\n')) {
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? []
    if (field === 'data') data.push(value)
    if (field === 'event') event = value
  }
  return data.length === 0 ? undefined : { event, data: data.join('\n') }
}

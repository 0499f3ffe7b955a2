/** Reads server-sent events from a response, by `fetch` alone: neither Node 20 nor a POST has an `EventSource`. */

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
  const linesOf = lineReader()
  let block: string[] = []
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      for (const line of linesOf(value)) {
        if (line !== '') block.push(line)
        else {
          const event = readEvent(block)
          block = []
          if (event) yield event
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/**
 * Gives the lines that each piece ends. A piece is looked at once: the data of an event may be a megabyte and come in
 * thousands of pieces.
 */
function lineReader(): (piece: Uint8Array) => string[] {
  const decoder = new TextDecoder()
  /** Of the line that has not ended. */
  let parts: string[] = []
  let held = ''
  return (piece) => {
    const text = held + decoder.decode(piece, { stream: true })
    // a carriage return at the end may be half of a line's end
    held = text.endsWith('\r') ? '\r' : ''
    const lines = text.slice(0, text.length - held.length).split(/\r\n|\r|\n/)
    const last = lines.pop()!
    if (lines.length > 0) {
      lines[0] = parts.join('') + lines[0]!
      parts = []
    }
    parts.push(last)
    return lines
  }
}

function readEvent(lines: readonly string[]): ServerSentEvent | undefined {
  const data: string[] = []
  let event = 'message'
  for (const line of lines) {
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === 'data') data.push(value)
    if (field === 'event') event = value
  }
  return data.length === 0 ? undefined : { event, data: data.join('\n') }
}

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readEvents, type ServerSentEvent } from '../../client/eventStream.js'

/** The events of a text that arrives in pieces, cut at these bytes. */
async function eventsOf(text: string, cuts: number[] = []): Promise<ServerSentEvent[]> {
  const bytes = new TextEncoder().encode(text)
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const [index, place] of places.entries()) controller.enqueue(bytes.slice(place, places[index + 1] ?? place))
      controller.close()
    },
  })
  const events: ServerSentEvent[] = []
  for await (const event of readEvents(body)) events.push(event)
  return events
}

describe('server-sent events', () => {
  it.each([
    ['with data alone', 'data: a\n\n', [{ event: 'message', data: 'a' }]],
    ['with a name', 'event: ping\ndata:\n\n', [{ event: 'ping', data: '' }]],
    ['with an id, after it', 'data: a\nid: 7\n\n\n', [{ event: 'message', data: 'a' }]],
    ['with several lines', 'data: a\ndata:  b\n\n', [{ event: 'message', data: 'a\n b' }]],
    ['with a colon in the data', 'data: {"a":1}\n\n', [{ event: 'message', data: '{"a":1}' }]],
    [
      'with other ends of lines',
      'data: a\r\n\r\ndata: b\r\rdata: c\n\n',
      ['a', 'b', 'c'].map((data) => ({ event: 'message', data })),
    ],
    [
      'with every other break of a line in the data',
      'data: a\u2028b\u2029c\u0085d\n\n',
      [{ event: 'message', data: 'a\u2028b\u2029c\u0085d' }],
    ],
    ['that are comments', ': keep alive\n\n', []],
    ['that were cut', 'data: a\n\ndata: b\n', [{ event: 'message', data: 'a' }]],
  ])('%s', async (_, text, events) => {
    expect(await eventsOf(text)).toEqual(events)
  })

  it('are read whole, however small the pieces are', async () => {
    const data = 'x'.repeat(20_000)
    const cuts = Array.from({ length: 20_000 }, (_, index) => index)
    expect(await eventsOf(`data: ${data}\n\n`, cuts)).toEqual([{ event: 'message', data }])
  })

  it('are the same wherever the pieces are cut', async () => {
    const line = fc.stringMatching(/^[a-zäöü→😀 :]{0,8}$/u)
    const event = fc.record({
      event: fc.constantFrom('message', 'ended'),
      data: fc.array(line, { minLength: 1, maxLength: 3 }).map((lines) => lines.join('\n')),
    })
    const lineEnd = fc.constantFrom('\n', '\r\n')
    await fc.assert(
      fc.asyncProperty(fc.array(event), lineEnd, fc.array(fc.nat()), async (events, end, cuts) => {
        const text = events.map(({ event, data }) =>
          [`event: ${event}`, ...data.split('\n').map((line) => `data: ${line}`), '', ''].join(end),
        )
        expect(await eventsOf(text.join(''), cuts)).toEqual(events)
      }),
    )
  })
})

/** What Node cannot read as a request is told in the form of every other error. */
import { describe, expect, it } from 'vitest'
import { errorCodes } from '../../../core/errorCodes.js'
import { answerIn, rawServer } from '../../support/rawHttp.js'
import { workers } from '../../client/workers.js'

const mail = JSON.stringify({ worker: 'mail.send', args: { to: 'ada@example.org', subject: 'hello' }, delay: '1h' })

describe('what cannot become a request', () => {
  it.each([
    ['no HTTP', 'HELLO\r\n\r\n', 'BAD_REQUEST'],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n', 'BAD_REQUEST'],
    [
      'headers that are too large',
      `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
      'HEADERS_TOO_LARGE',
    ],
    [
      'a chunk without a length',
      'POST /job HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      'BAD_REQUEST',
    ],
    [
      'two lengths',
      'POST /job HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}',
      'BAD_REQUEST',
    ],
  ] as const)('is told with a code: %s', async (_, bytes, code) => {
    await using server = await rawServer(workers)
    const { status, headers, body } = answerIn(await server.talk(bytes))
    expect([status, body.error.code, headers['connection']]).toEqual([errorCodes[code], code, 'close'])
  })

  it('is not an expectation that nobody knows, nor an HTTP that is older', async () => {
    await using server = await rawServer(workers)
    const expecting = { method: 'POST', path: '/job', body: mail, headers: { expect: 'something' } }
    expect(await server.ask(expecting)).toMatchObject({ status: 201 })
    expect(answerIn(await server.talk('GET /healthz HTTP/1.0\r\n\r\n'))).toMatchObject({ status: 200 })
  })
})

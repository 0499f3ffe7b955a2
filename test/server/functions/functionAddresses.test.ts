import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../../core/index.js'
import { readFunctionAddresses } from '../../../server/functions/functionAddresses.js'
import { testErrand } from '../../support/errand.js'
import type { Call } from '../../../server/deps.js'

describe('the address of a function', () => {
  it('is its path on one host for all', () => {
    const addressOf = readFunctionAddresses('https://functions.example.org/v1/')
    expect(addressOf('mail.send')).toBe('https://functions.example.org/v1/mail/send')
    expect(addressOf('a')).toBe('https://functions.example.org/v1/a')
  })

  it('is a host of its own, as a host may be called', () => {
    const addressOf = readFunctionAddresses('https://errand-{worker}.acme.workers.dev')
    expect(addressOf('mail.sendAll_now')).toBe('https://errand-mail-sendall-now.acme.workers.dev/mail/sendAll_now')
  })

  it('is said worker by worker, by the pattern that says most', () => {
    const addressOf = readFunctionAddresses(
      'mail.*=https://mail.example, mail.send=https://a.lambda-url.eu-central-1.on.aws/ ,*=https://{worker}.example',
    )
    expect(addressOf('mail.send')).toBe('https://a.lambda-url.eu-central-1.on.aws/mail/send')
    expect(addressOf('mail.other')).toBe('https://mail.example/mail/other')
    expect(addressOf('mailer')).toBe('https://mailer.example/mailer')
  })

  it('is a Lambda function’s, with the name that its stack gives it', () => {
    const addressOf = readFunctionAddresses('lambda:eu-central-1:errand-{worker}')
    expect(addressOf('mail.sendAll_now')).toBe('lambda:eu-central-1:errand-mail-sendAll_now')
    expect(addressOf('reports.of.all.the.shops.in.the.world.daily')).toMatch(
      /^lambda:eu-central-1:errand-reports-of-all-the-shops-in-t-[0-9a-f]{6}$/,
    )
    const arn = 'arn:aws:lambda:eu-central-1:123456789012:function:errand-a:live'
    expect(readFunctionAddresses(`a=${arn},*=https://b.example`)('a')).toBe(arn)
  })

  it('is what stands there where somebody brings an invoker for its scheme', () => {
    const addressOf = readFunctionAddresses('a=unix:/run/a.sock,*=queue:jobs-{worker}?fifo=1', ['unix', 'queue'])
    expect(addressOf('a')).toBe('unix:/run/a.sock')
    expect(addressOf('mail.send')).toBe('queue:jobs-mail.send?fifo=1')
    expect(readFunctionAddresses('queue:jobs?fifo=1', ['queue'])('a')).toBe('queue:jobs?fifo=1')
  })

  it('is missing where nobody said it', () => {
    expect(readFunctionAddresses('mail.*=https://mail.example')('report')).toBeUndefined()
  })

  it.each([
    'functions.example.org',
    'ftp://functions.example.org',
    'https://user:secret@functions.example.org',
    'https://functions.example.org?x=secret',
    'mail.send=functions',
    'lambda:errand-mail',
    'lambda:eu-central-1:errand/mail',
    'arn:aws:sqs:eu-central-1:123456789012:secret',
    'queue:secret',
    'a=queue:secret,*=https://a.example',
    'ma*il=https://a.example',
    'mail.send=https://a.example,https://b.example',
  ])('cannot be read from %s, and what was written is not repeated', (text) => {
    expect(() => readFunctionAddresses(text)).toThrow(/^ERRAND_FUNCTIONS_URL is no address that can be called/)
    expect(() => readFunctionAddresses(text)).not.toThrow(/secret/)
  })
})

const work = defineJob({ args: z.object({}), retry: { attempts: 1 }, run: () => null })

it('is where the coordinator calls, and a worker without one fails with a word that says what to do', async () => {
  const called: string[] = []
  await using errand = await testErrand(
    { here: work, nowhere: work },
    {
      functionsUrl: 'here=https://a.example',
      invoke: async ({ url }: Call) => {
        called.push(url)
        return { kind: 'receipt', receipt: { status: 'success' } }
      },
    },
  )
  const ids = [await errand.enqueue('here', {}), await errand.enqueue('nowhere', {})]
  await errand.coordinator.dispatcher.idle()
  expect(called).toEqual(['https://a.example/here'])
  expect((await errand.get(ids[0]!)).state).toBe('succeeded')
  const lost = await errand.get(ids[1]!)
  expect(lost).toMatchObject({ state: 'failed', receipts: [{ error: { code: 'NO_ADDRESS' } }] })
  expect(lost.receipts[0]?.error?.message).toContain('Add nowhere=https://… to it')
})

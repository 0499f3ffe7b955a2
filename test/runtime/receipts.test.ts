import { describe, expect, it } from 'vitest'
import * as mini from 'zod/mini'
import { z } from 'zod'
import { defineJob, type JobContext } from '../../core/job/defineJob.js'
import { Fatal, RetryAfter } from '../../core/job/outcome.js'
import { encodePayload, restorePayload } from '../../core/payload/payload.js'
import { receiptBody, type FunctionCall } from '../../core/requests/wire.js'
import { callOf, signedRequest, testFunction, type Receipt } from './support.js'

const jobThat = (run: () => unknown) => defineJob({ args: z.object({}), run })
const receiptOf = (run: () => unknown): Promise<Receipt> => testFunction(jobThat(run)).receipt()
const receiptOfThrown = (thrown: unknown): Promise<Receipt> =>
  receiptOf(() => {
    throw thrown
  })

/** As values travel from the client to a function. */
function payload(value: unknown): { args: unknown; argsMeta?: unknown } {
  const { json, meta } = encodePayload(value)
  return { args: JSON.parse(json), ...(meta === undefined ? {} : { argsMeta: JSON.parse(meta) as unknown }) }
}

describe('success', () => {
  it('carries what run returned', async () => {
    expect(await receiptOf(() => ({ synced: true }))).toEqual({ status: 'success', result: { synced: true } })
  })

  it('carries no result where run returned none', async () => {
    expect(await receiptOf(() => undefined)).toEqual({ status: 'success' })
    expect(await receiptOf(() => null)).toEqual({ status: 'success', result: null })
  })

  it('gives run the parsed args and the facts of its attempt', async () => {
    let seen: { args: unknown; context: JobContext } | undefined
    const job = defineJob({
      args: z.object({ n: z.string().transform(Number), by: z.number().default(2) }),
      run: (args, context) => void (seen = { args, context }),
    })
    await testFunction(job).receipt({ args: { n: '4' }, attempt: 3, maxAttempts: 7 })
    expect(seen?.args).toEqual({ n: 4, by: 2 })
    expect(seen?.context).toMatchObject({ jobId: 'job1', worker: 'mail.send', attempt: 3, maxAttempts: 7 })
    expect(seen?.context.deadline).toEqual(new Date('2026-03-01T12:00:30.000Z'))
  })

  it('brings Date, Map, Set, bigint and undefined to run and back', async () => {
    const value = {
      at: new Date(0),
      by: new Map([['a', 1n]]),
      tags: new Set(['x']),
      big: 2n ** 70n,
      none: undefined,
    }
    const job = defineJob({
      args: z.object({
        at: z.date(),
        by: z.map(z.string(), z.bigint()),
        tags: z.set(z.string()),
        big: z.bigint(),
        none: z.undefined(),
      }),
      run: (args) => args,
    })
    const receipt = await testFunction(job).receipt(payload(value))
    expect(restorePayload(receipt.result, receipt.resultMeta)).toEqual(value)
  })

  it('takes schemas of zod/mini, and ones that are checked later', async () => {
    const job = defineJob({
      args: mini.object({ n: mini.number().check(mini.refine(async (n) => n > 1)) }),
      run: ({ n }) => n,
    })
    expect(await testFunction(job).receipt({ args: { n: 2 } })).toMatchObject({ result: 2 })
    expect(await testFunction(job).receipt({ args: { n: 1 } })).toMatchObject({ error: { code: 'INVALID_ARGS' } })
  })
})

describe('bad args', () => {
  const job = defineJob({
    args: z.object({ to: z.string(), items: z.array(z.object({ price: z.number() })) }),
    run: () => 'ran',
  })

  it('are a fatal failure that names each path and none of the values', async () => {
    const receipt = await testFunction(job).receipt({ args: { to: 42, items: [{ price: 'secret' }] } })
    expect(receipt).toMatchObject({ status: 'failure', fatal: true, error: { code: 'INVALID_ARGS' } })
    expect(receipt.error.message).toMatch(/mail\.send.* to: .*expected string.* items\.0\.price: .*expected number/)
    expect(JSON.stringify(receipt)).not.toMatch(/secret|42/)
  })

  it.each([
    [
      'whose meta does not fit',
      { args: { to: 'a', items: [] }, argsMeta: { values: { constructor: ['Date'] }, v: 1 } },
    ],
    ['that are missing', { args: undefined }],
  ])('%s are a fatal failure too', async (_, overrides) => {
    expect(await testFunction(job).receipt(overrides)).toMatchObject({ fatal: true, error: { code: 'INVALID_ARGS' } })
  })

  it('are told when a transform of the schema throws', async () => {
    const throwing = defineJob({
      args: z.object({ url: z.string().transform((url) => new URL(url).href) }),
      run: () => 'ran',
    })
    const receipt = await testFunction(throwing).receipt({ args: { url: 'no url' } })
    expect(receipt).toMatchObject({ fatal: true, error: { code: 'INVALID_ARGS' } })
  })
})

describe('failure', () => {
  it('carries name, message, code, stack and cause', async () => {
    const cause = new TypeError('socket hang up')
    const error = Object.assign(new Error('no mail today', { cause }), { code: 'ECONNRESET' })
    const receipt = await receiptOfThrown(error)
    expect(receipt).toEqual({
      status: 'failure',
      error: {
        name: 'Error',
        message: 'no mail today',
        code: 'ECONNRESET',
        stack: error.stack,
        cause: { name: 'TypeError', message: 'socket hang up', stack: cause.stack },
      },
    })
    expect(receiptBody.safeParse(receipt).success).toBe(true)
  })

  it('comes from a rejection as from a throw', async () => {
    expect(await receiptOf(async () => Promise.reject(new Error('later')))).toMatchObject({
      error: { message: 'later' },
    })
  })

  it('is not retried after Fatal', async () => {
    expect(await receiptOfThrown(new Fatal('no such mailbox'))).toMatchObject({
      fatal: true,
      error: { name: 'Fatal', message: 'no such mailbox' },
    })
  })

  it('is retried when RetryAfter says', async () => {
    const receipt = await receiptOfThrown(new RetryAfter('10s'))
    expect(receipt).toMatchObject({ retryAfter: '10s', error: { name: 'RetryAfter' } })
    expect(receipt).not.toHaveProperty('fatal')
  })

  it('knows Fatal and RetryAfter of a second copy of errand', async () => {
    class SecondFatal extends Error {
      override name = 'Fatal'
    }
    class SecondRetryAfter extends Error {
      override name = 'RetryAfter'
      delay = '2m'
    }
    expect(await receiptOfThrown(new SecondFatal('no'))).toMatchObject({ fatal: true })
    expect(await receiptOfThrown(new SecondRetryAfter('later'))).toMatchObject({ retryAfter: '2m' })
  })

  it('knows a subclass of Fatal with a name of its own', async () => {
    class NoSuchMailbox extends Fatal {
      override name = 'NoSuchMailbox'
    }
    expect(await receiptOfThrown(new NoSuchMailbox('no'))).toMatchObject({
      fatal: true,
      error: { name: 'NoSuchMailbox' },
    })
  })

  it('leaves out a delay that is none', async () => {
    const odd = Object.assign(new Error('later'), { name: 'RetryAfter', delay: 10 })
    expect(await receiptOfThrown(odd)).not.toHaveProperty('retryAfter')
  })

  it.each([
    ['a text', 'plain text', 'plain text'],
    ['undefined', undefined, 'A value was thrown that is no Error: undefined'],
    ['an object', { reason: 7 }, 'A value was thrown that is no Error: {"reason":7}'],
    ['something shaped like an error', { message: 'shaped' }, 'shaped'],
    ['a bigint', 5n, 'Something was thrown that cannot be read.'],
  ])('tells what was thrown when it was %s', async (_, thrown, message) => {
    expect(await receiptOfThrown(thrown)).toMatchObject({ status: 'failure', error: { name: 'Error', message } })
  })

  it('ends a chain of causes that goes in circles', async () => {
    const a = new Error('a')
    a.cause = new Error('b', { cause: a })
    const receipt = await receiptOfThrown(a)
    expect(JSON.stringify(receipt).match(/"message"/g)).toHaveLength(8)
  })

  it('is bounded however long its texts are', async () => {
    const error = Object.assign(new Error('m'.repeat(50_000)), { name: 'n'.repeat(500), code: 'c'.repeat(500) })
    const { error: told } = await receiptOfThrown(error)
    expect([told.name.length, told.message.length, told.code?.length, told.stack?.length]).toEqual([
      200, 10_000, 200, 20_000,
    ])
  })

  it('tells of an AggregateError that holds itself once what it says', async () => {
    const error = new AggregateError([], 'all hosts failed')
    error.errors.push(error, error)
    expect((await receiptOfThrown(error)).error.message).toBe(
      'all hosts failed (AggregateError: all hosts failed; AggregateError: all hosts failed)',
    )
  })

  it('summarises the errors of an AggregateError', async () => {
    const errors = Array.from({ length: 7 }, (_, n) => new TypeError(`host ${n} is down`))
    expect((await receiptOfThrown(new AggregateError(errors, 'all hosts failed'))).error.message).toBe(
      'all hosts failed (TypeError: host 0 is down; TypeError: host 1 is down; TypeError: host 2 is down; TypeError: host 3 is down; TypeError: host 4 is down; and 2 more)',
    )
  })
})

const refuse = (): never => {
  throw new TypeError('not for you')
}
/** Every way to look at it throws. */
const sealed = (target: object): object =>
  new Proxy(target, Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((trap) => [trap, refuse])))
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

describe('what is thrown and throws when it is looked at', () => {
  const whole = () =>
    Object.assign(new RetryAfter('10s', 'try later', { cause: new Error('why') }), {
      name: 'RetryAfter',
      code: 'LATER',
      stack: 'the stack',
      errors: [new Error('one')],
    })
  const told = {
    status: 'failure',
    retryAfter: '10s',
    error: {
      name: 'RetryAfter',
      message: 'try later (Error: one)',
      code: 'LATER',
      stack: 'the stack',
      cause: expect.objectContaining({ message: 'why' }) as unknown,
    },
  }
  const { name: _name, ...without } = told.error

  it.each<[string, object]>([
    ['message', { ...told, error: { ...told.error, message: expect.stringContaining('cannot be read') } }],
    ['name', { ...told, error: { ...without, name: 'Error' } }],
    ['code', { ...told, error: { ...told.error, code: undefined } }],
    ['stack', { ...told, error: { ...told.error, stack: undefined } }],
    ['cause', { ...told, error: { ...told.error, cause: undefined } }],
    ['errors', { ...told, error: { ...told.error, message: 'try later' } }],
    ['delay', { ...told, retryAfter: undefined }],
    ['toJSON', told],
  ])('is told but for its %s', async (property, expected) => {
    const receipt = await receiptOfThrown(Object.defineProperty(whole(), property, { get: refuse }))
    expect(receipt).toEqual(expected)
    expect(receiptBody.safeParse(receipt).success).toBe(true)
  })

  it('is fatal all the same where it is a Fatal', async () => {
    const fatal = Object.defineProperty(new Fatal('no'), 'message', { get: refuse })
    expect(await receiptOfThrown(fatal)).toMatchObject({ status: 'failure', fatal: true, error: { name: 'Fatal' } })
  })

  it.each<[string, unknown]>([
    ['a proxy of an error', sealed(new Error('x'))],
    ['a proxy of a Fatal of a second copy', sealed(Object.assign(new Error('x'), { name: 'Fatal' }))],
    ['a proxy of a function', sealed(() => {})],
    ['a revoked proxy', revoked()],
    ['a value without a prototype', Object.assign(Object.create(null) as object, { toJSON: refuse })],
    ['an error whose errors are a revoked proxy', Object.assign(new Error('x'), { errors: revoked() })],
    ['an error whose cause is a proxy', new Error('x', { cause: sealed({}) })],
    ['an error whose errors throw', Object.assign(new Error('x'), { errors: [sealed({}), revoked()] })],
    ['an error whose prototype throws', Object.setPrototypeOf(new Error('x'), sealed({})) as unknown],
  ])('is a failure of the worker where it is %s', async (_, thrown) => {
    const receipt = await receiptOfThrown(thrown)
    expect(receipt).toMatchObject({ status: 'failure', error: { name: 'Error' } })
    expect(receiptBody.safeParse(receipt).success).toBe(true)
  })

  it('spoils no other job of the same call', async () => {
    const calls = ['a', 'b'].map((id) => callOf({ id, args: { id } }))
    const { handler } = testFunction({
      args: z.object({ id: z.string() }),
      run: (args) => ((args as { id: string }).id === 'a' ? Promise.reject(sealed({})) : 'fine'),
    })
    const response = await handler.fetch(await signedRequest({ jobs: calls }, { id: 'a.1+1' }))
    expect(await response.json()).toMatchObject({ receipts: [{ status: 'failure' }, { status: 'success' }] })
  })

  it.each<[string, unknown]>([
    ['a getter', { a: 1, get b() { return refuse() } }], // prettier-ignore
    ['a getter that throws a proxy', { get b(): never { throw sealed({}) as Error } }], // prettier-ignore
    ['toJSON', new (class { toJSON = refuse })()], // prettier-ignore
    ['a proxy', sealed({})],
    ['a proxy inside', { list: [revoked()] }],
  ])('is a fatal failure of its own where %s of the result throws', async (_, result) => {
    expect(await receiptOf(() => ({ result }))).toMatchObject({ fatal: true, error: { code: 'RESULT_NOT_ENCODABLE' } })
  })

  it('is told where a transform of the schema throws it', async () => {
    const throwing = defineJob({
      args: z.object({}).transform((): object => {
        throw sealed({}) as Error
      }),
      run: () => 'ran',
    })
    expect(await testFunction(throwing).receipt()).toMatchObject({ fatal: true, error: { code: 'INVALID_ARGS' } })
  })

  it('does not come out of ctx.log, nor fail an attempt that tells its progress', async () => {
    const job = defineJob({
      args: z.object({}),
      run(_, { log, progress }) {
        log(sealed({}) as unknown as string, sealed({}) as Record<string, unknown>)
        progress(0.5, sealed({}) as unknown as string)
        return 'done'
      },
    })
    expect(await testFunction(job).receipt()).toMatchObject({
      status: 'success',
      log: [{ message: expect.stringContaining('cannot be read') as string }],
      progress: { fraction: 0.5 },
    })
  })
})

describe('a result', () => {
  it('is what the result schema makes of what run returned', async () => {
    const job = defineJob({
      args: z.object({}),
      result: z.object({ n: z.number().transform((n) => n * 2) }),
      run: () => ({ n: 2, extra: true }),
    })
    expect(await testFunction(job).receipt()).toEqual({ status: 'success', result: { n: 4 } })
  })

  it('that does not fit its schema is a failure, and may be tried again', async () => {
    const job = defineJob({
      args: z.object({}),
      result: z.object({ n: z.number() }),
      run: () => ({ n: 'secret' }) as unknown as { n: number },
    })
    const receipt = await testFunction(job).receipt()
    expect(receipt).toMatchObject({ status: 'failure', error: { code: 'INVALID_RESULT' } })
    expect(receipt).not.toHaveProperty('fatal')
    expect(receipt.error.message).toContain('n: Invalid input: expected number')
    expect(receipt.error.message).not.toContain('secret')
  })

  const cyclic: Record<string, unknown> = { list: [] }
  cyclic['self'] = { again: cyclic }
  class Money {
    cents = 5n
  }
  class Nothing {
    toJSON() {}
  }
  it.each([
    ['a function', () => {}, /result is a function/],
    ['a function inside', { a: [{ f: () => {} }] }, /result\.a\.0\.f is a function/],
    ['a symbol in a Map', new Map([['k', Symbol('s')]]), /result\.k is a symbol/],
    ['itself', cyclic, /result\.self\.again holds itself/],
    ['a key named constructor', { constructor: 1 }, /constructor/],
    ['a class that JSON cannot say', { price: new Money() }, /BigInt/],
    ['nothing that JSON can say', new Nothing(), /toJSON/],
  ])('that holds %s is a fatal failure that says so', async (_, result, message) => {
    const receipt = await receiptOf(() => result)
    expect(receipt).toMatchObject({ status: 'failure', fatal: true, error: { code: 'RESULT_NOT_ENCODABLE' } })
    expect(receipt.error.message).toMatch(message)
  })

  it('may hold the same object twice', async () => {
    const shared = { a: 1 }
    expect(await receiptOf(() => [shared, shared])).toMatchObject({ result: [{ a: 1 }, { a: 1 }] })
  })

  it('of more than 1 MiB is a fatal failure, which says how large it is and what to do', async () => {
    const receipt = await receiptOf(() => 'é'.repeat(600_000))
    expect(receipt).toMatchObject({ status: 'failure', fatal: true, error: { code: 'RESULT_TOO_LARGE' } })
    expect(receipt.error.message).toBe(
      'The result takes 1200002 bytes as JSON, and a receipt holds at most 1048576 (1 MiB). Store it elsewhere, such as in a bucket, and return where.',
    )
    expect(await receiptOf(() => 'e'.repeat(1024 * 1024 - 2))).toMatchObject({ status: 'success' })
    expect(await receiptOf(() => 'e'.repeat(1024 * 1024 - 1))).toMatchObject({ status: 'failure' })
  })

  it('counts what JSON cannot say as well', async () => {
    const dates = Array.from({ length: 20_000 }, () => new Date(0))
    expect(await receiptOf(() => dates)).toMatchObject({ status: 'success' })
    expect(await receiptOf(() => [...dates, ...dates])).toMatchObject({ error: { code: 'RESULT_TOO_LARGE' } })
  })
})

describe('a call that carries several jobs', () => {
  const request = (calls: FunctionCall[], id = `${calls[0]!.id}.1+${calls.length - 1}`) =>
    signedRequest({ jobs: calls }, { id })
  const of = (id: string, n: number) => callOf({ id, args: { n } })
  const job = (run: (args: unknown) => unknown) => testFunction({ args: z.object({ n: z.number() }), run })
  const receipts = async (response: Response) => ((await response.json()) as { receipts: Receipt[] }).receipts

  it('is answered with a receipt for each, in their order', async () => {
    const { handler } = job((args) => {
      const { n } = args as { n: number }
      if (n === 2) throw new Error('two')
      return n
    })
    const calls = [of('a', 1), of('b', 2), of('c', 3)]
    expect(await receipts(await handler.fetch(await request(calls)))).toMatchObject([
      { status: 'success', result: 1 },
      { status: 'failure', error: { message: 'two' } },
      { status: 'success', result: 3 },
    ])
  })

  it('fails the jobs whose results do not fit into the answer any more', async () => {
    const { handler } = job(() => 'x'.repeat(900_000))
    const calls = Array.from({ length: 6 }, (_, n) => of(`j${n}`, n))
    const answered = await receipts(await handler.fetch(await request(calls)))
    const codes = answered.map(({ status, error }) => error?.code ?? status)
    expect(codes).toEqual(['success', 'success', 'success', 'success', 'RESULTS_TOO_LARGE', 'RESULTS_TOO_LARGE'])
    // each of them would fit alone
    expect(answered[4]).not.toHaveProperty('fatal')
  })

  it('is refused where a job of another worker is among them, or where the header counts otherwise', async () => {
    const { handler } = job(() => 1)
    const other = [of('a', 1), callOf({ id: 'b', worker: 'mail.other' })]
    expect((await handler.fetch(await request(other))).status).toBe(404)
    const three = [of('a', 1), of('b', 2), of('c', 3)]
    expect((await handler.fetch(await request(three, 'a.1+1'))).status).toBe(400)
  })
})

import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../core/job/defineJob.js'
import { createLambdaHandler } from '../../runtime/lambda.js'
import { callOf, signedRequest, testFunction } from './support.js'

const job = defineJob({ args: z.object({ text: z.string() }), run: ({ text }) => text })
const handler = createLambdaHandler(testFunction(job).handler)
const call = callOf({ args: { text: 'naïve ✓' } })

async function eventOf() {
  const request = await signedRequest(call)
  return { headers: Object.fromEntries(request.headers), body: await request.text() }
}

it('reads a body that came as base64', async () => {
  const { headers, body } = await eventOf()
  const answer = await handler({ headers, body: Buffer.from(body).toString('base64'), isBase64Encoded: true })
  expect(JSON.parse(answer.body)).toEqual({ status: 'success', result: 'naïve ✓' })
})

it('answers a GET of its URL with a line that says whose function it is', async () => {
  const answer = await handler({ headers: {}, requestContext: { http: { method: 'GET' } } })
  expect(answer).toMatchObject({ statusCode: 200, body: expect.stringContaining('mail.send') as string })
})

it('refuses an event that is no call', async () => {
  expect(await handler({})).toMatchObject({ statusCode: 401 })
})

/** Keys while they are rotated, and keys that are one function's own. */
import { describe, expect, it } from 'vitest'
import { createVerifier } from '../../../core/functions/signature.js'
import { functionKey } from '../../../server/functions/functionKey.js'
import { createSigner } from '../../../server/functions/signer.js'

const keyOf = (text: string) => `whsec_${Buffer.from(text.padEnd(32, '.')).toString('base64')}`
const [old, next] = [keyOf('the old one'), keyOf('the new one')]
const now = new Date('2030-01-01T00:00:00Z')

/** As `errand keys rotate` prints them, from before to after. */
const steps = [[old], [old, next], [next, old], [next]]
/**
 * Two that may be in use at once: neighbours, because each step waits for the one before; functions may skip the third.
 */
const meetings = steps.flatMap((mine, step) =>
  steps.flatMap((theirs, other) =>
    Math.abs(step - other) <= 1 || (step === 3 && other === 1) ? [{ coordinator: mine, functions: theirs }] : [],
  ),
)

/** What a function with these keys says to a call for `mail.send` by a coordinator with those. */
async function refusal(coordinator: readonly string[], functions: readonly string[], worker = 'mail.send') {
  const headers = createSigner(coordinator).headers(worker, 'job.1', now, '{"args":{}}')
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers
  const read = { id: id!, timestamp: timestamp!, signature: signature! }
  return createVerifier(functions)(read, '{"args":{}}', now)
}
const own = (keys: readonly string[], worker = 'mail.send') => keys.map((key) => functionKey(key, worker))

describe('a rotation of signing keys', () => {
  it.each(meetings)('takes every call, whoever is a step ahead: $coordinator to $functions', async (meeting) => {
    expect(await refusal(meeting.coordinator, meeting.functions)).toBeUndefined()
    expect(await refusal(meeting.coordinator, own(meeting.functions))).toBeUndefined()
  })

  it.each(steps.slice(1).map((after, step) => ({ before: steps[step]!, after })))(
    'takes what attempts post that began before: $before to $after',
    ({ before, after }) => {
      const [first, second] = [createSigner(before), createSigner(after)]
      expect(second.readReceiptToken('job', first.receiptToken('job', 'claim'))).toBe('claim')
      // coordinators change one after the other, so the first may have to read what the second made
      expect(first.readReceiptToken('job', second.receiptToken('job', 'claim'))).toBe('claim')
    },
  )

  it('ends the time of the old key', async () => {
    expect(await refusal([next], [old])).toContain('No known key made the signature')
    expect(await refusal([old], [next])).toContain('No known key made the signature')
    expect(createSigner([next]).readReceiptToken('job', createSigner([old]).receiptToken('job', 'claim'))).toBe(
      undefined,
    )
  })
})

describe("a function's own key", () => {
  it('takes the calls of its worker, and no others', async () => {
    expect(await refusal([old], own([old]))).toBeUndefined()
    expect(await refusal([old], own([old], 'mail.bounce'))).toContain('No known key made the signature')
    expect(await refusal([old], own([old]), 'mail.bounce')).toContain('No known key made the signature')
  })

  it('signs no call that another function takes, nor a token of a receipt', async () => {
    const [leaked] = own([old]) as [string]
    expect(await refusal([leaked], [old])).toContain('No known key made the signature')
    expect(await refusal([leaked], own([old], 'mail.bounce'), 'mail.bounce')).toContain('No known key made')
    expect(createSigner([old]).readReceiptToken('job', createSigner([leaked]).receiptToken('job', 'claim'))).toBe(
      undefined,
    )
  })

  it('stays the same, as it stands in the settings of functions', () => {
    expect(functionKey(old, 'mail.send')).toBe('whsec_xdAlJ5zN1YR5aWTZkk2I0/XaFyfkvTXTw8rIiZ+d7ak=')
  })
})

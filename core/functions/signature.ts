/**
 * Standard Webhooks signatures (HMAC-SHA256) with Web Crypto, so that the same code runs in every function.
 * Source: the Standard Webhooks specification, https://github.com/standard-webhooks/standard-webhooks
 */

import { look } from '../thrown.js'

/** A request this much older or newer than the verifier's clock is refused: it may be a recording. */
const signatureToleranceMs = 5 * 60_000

export interface SignatureHeaders {
  id: string | null
  timestamp: string | null
  signature: string | null
}

const encoder = new TextEncoder()

/** The bytes of a `whsec_…` key. Throws `RangeError` where the text is none; the key itself is never in the message. */
export function keyBytes(key: string): Uint8Array<ArrayBuffer> {
  const bytes = key.startsWith('whsec_') ? readBase64(key.slice('whsec_'.length)) : undefined
  if (bytes && bytes.length >= 24 && bytes.length <= 64) return bytes
  throw new RangeError('A signing key is `whsec_` and the base64 of 24 to 64 bytes. Check ERRAND_SIGNING_KEYS.')
}

const importKey = (key: string): Promise<CryptoKey> =>
  crypto.subtle.importKey('raw', keyBytes(key), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])

/** The `webhook-signature` header's value for one key. */
export async function sign(key: string, id: string, timestamp: string, body: string): Promise<string> {
  const mac = await crypto.subtle.sign('HMAC', await importKey(key), encoder.encode(`${id}.${timestamp}.${body}`))
  return `v1,${btoa(String.fromCharCode(...new Uint8Array(mac)))}`
}

/**
 * The coordinator makes two. A MAC reads the whole body, and a sender may write a header of thousands of signatures.
 */
const maxSignatures = 4

/** Of HMAC-SHA256. */
export const macBytes = 32

/** Keeps imported keys, because a function verifies with the same few keys for all its life. */
export function createVerifier(keys: readonly string[]) {
  const { makers, isSame } = nodeMacs(keys) ?? webMacs(keys)

  /** The problem with a signed request, as a sentence, or `undefined` where one of the keys signed it in time. */
  return async function signatureProblem(
    { id, timestamp, signature }: SignatureHeaders,
    body: string,
    now: Date,
  ): Promise<string | undefined> {
    if (!id || !timestamp || !signature)
      return 'The headers webhook-id, webhook-timestamp and webhook-signature are missing.'
    const sentAt = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) * 1_000 : Number.NaN
    if (!(Math.abs(now.getTime() - sentAt) <= signatureToleranceMs)) {
      return 'The timestamp of the request is more than 5 minutes off. Check the clocks of both machines.'
    }
    const signed = `${id}.${timestamp}.${body}`
    const made: Uint8Array[] = []
    let left = maxSignatures
    for (const candidate of signature.split(' ')) {
      const given = candidate.startsWith('v1,') ? readBase64(candidate.slice(3)) : undefined
      if (given?.length !== macBytes) continue
      for (const [index, makeMac] of makers.entries()) {
        if (isSame((made[index] ??= await makeMac(signed)), given)) return undefined
      }
      if (--left === 0) break
    }
    return 'No known key made the signature. Check that ERRAND_SIGNING_KEYS is the same for coordinator and functions.'
  }
}

const readBase64 = (text: string): Uint8Array<ArrayBuffer> | undefined =>
  look(() => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)))

interface Macs {
  /** One for each key: the MAC of a text. */
  makers: ((text: string) => Uint8Array | Promise<Uint8Array>)[]
  /** In constant time; both are of the same length. */
  isSame: (expected: Uint8Array, given: Uint8Array) => boolean
}

const webMacs = (keys: readonly string[]): Macs => ({
  makers: keys.map((key) => {
    const imported = importKey(key)
    return async (text) => new Uint8Array(await crypto.subtle.sign('HMAC', await imported, encoder.encode(text)))
  }),
  // looks at every byte, also after the first difference
  isSame: (expected, given) =>
    expected.reduce((difference, byte, index) => difference | (byte ^ given[index]!), 0) === 0,
})

/** Where the platform is Node its own crypto serves: it is seven times quicker, because it needs no thread. */
function nodeMacs(keys: readonly string[]): Macs | undefined {
  const node = typeof process === 'undefined' ? undefined : process.getBuiltinModule?.('node:crypto')
  return (
    node && {
      makers: keys.map(keyBytes).map((secret) => (text) => node.createHmac('sha256', secret).update(text).digest()),
      isSame: node.timingSafeEqual,
    }
  )
}

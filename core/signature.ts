/**
 * Standard Webhooks signatures (HMAC-SHA256) with Web Crypto, so that the same code runs in every function.
 * Source: the Standard Webhooks specification, https://github.com/standard-webhooks/standard-webhooks
 */

/** A request this much older or newer than the verifier's clock is refused: it may be a recording. */
export const signatureToleranceMs = 5 * 60_000

export interface SignatureHeaders {
  id: string | null
  timestamp: string | null
  signature: string | null
}

const encoder = new TextEncoder()

/** The bytes of a `whsec_…` key. Throws `RangeError` where the text is none; the key itself is never in the message. */
export function keyBytes(key: string): Uint8Array<ArrayBuffer> {
  const base64 = key.startsWith('whsec_') ? key.slice('whsec_'.length) : ''
  try {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
    if (bytes.length >= 24 && bytes.length <= 64) return bytes
  } catch {
    // not base64: the sentence below says what is wanted
  }
  throw new RangeError('A signing key is `whsec_` and the base64 of 24 to 64 bytes. Check ERRAND_SIGNING_KEYS.')
}

const importKey = (key: string): Promise<CryptoKey> =>
  crypto.subtle.importKey('raw', keyBytes(key), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])

/** The `webhook-signature` header's value for one key. */
export async function sign(key: string, id: string, timestamp: string, body: string): Promise<string> {
  const mac = await crypto.subtle.sign('HMAC', await importKey(key), encoder.encode(`${id}.${timestamp}.${body}`))
  return `v1,${btoa(String.fromCharCode(...new Uint8Array(mac)))}`
}

/** The coordinator makes two. A MAC reads the whole body, and whoever sends a request may write a header of thousands of signatures. */
const maxSignatures = 4

/** Of HMAC-SHA256. */
export const macBytes = 32

/** Keeps imported keys, because a function verifies with the same few keys for all its life. */
export function createVerifier(keys: readonly string[]) {
  const macsOf = nodeVerifier(keys) ?? webVerifier(keys)

  /** What is wrong with a signed request, as a sentence, or `undefined` where one of the keys signed it in time. */
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
    const isOurs = macsOf(`${id}.${timestamp}.${body}`)
    let left = maxSignatures
    for (const candidate of signature.split(' ')) {
      const mac = candidate.startsWith('v1,') ? readMac(candidate.slice(3)) : undefined
      if (mac === undefined) continue
      if (await isOurs(mac)) return undefined
      if (--left === 0) break
    }
    return 'No known key made the signature. Check that ERRAND_SIGNING_KEYS is the same for coordinator and functions.'
  }
}

/** The bytes of a text that can be a MAC. */
function readMac(base64: string): Uint8Array<ArrayBuffer> | undefined {
  if (base64.length > 44) return undefined
  try {
    const mac = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
    return mac.length === macBytes ? mac : undefined
  } catch {
    return undefined
  }
}

/** Of a text: whether one of the keys made this MAC of it. Each key makes its own once, when it is first needed; they are compared in constant time. */
type MacsOf = (text: string) => (given: Uint8Array<ArrayBuffer>) => boolean | Promise<boolean>

function webVerifier(keys: readonly string[]): MacsOf {
  const imported = Promise.all(keys.map(importKey))
  return (text) => {
    const made: Uint8Array[] = []
    return async (given) => {
      for (const [index, key] of (await imported).entries()) {
        made[index] ??= new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(text)))
        if (isSame(made[index], given)) return true
      }
      return false
    }
  }
}

/** Looks at every byte, wherever the first difference is. Both are of the same length. */
const isSame = (expected: Uint8Array, given: Uint8Array): boolean =>
  expected.reduce((difference, byte, index) => difference | (byte ^ given[index]!), 0) === 0

/** Where the platform is Node its own crypto serves: it is seven times quicker, because it needs no thread. */
function nodeVerifier(keys: readonly string[]): MacsOf | undefined {
  const node = typeof process === 'undefined' ? undefined : process.getBuiltinModule?.('node:crypto')
  if (!node) return undefined
  const secrets = keys.map(keyBytes)
  return (text) => {
    const made: Uint8Array[] = []
    return (given) =>
      secrets.some((secret, index) =>
        node.timingSafeEqual((made[index] ??= node.createHmac('sha256', secret).update(text).digest()), given),
      )
  }
}

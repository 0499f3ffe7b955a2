/**
 * Signs calls to functions, and makes the tokens of receipt addresses. node:crypto, because a claim of hundreds of jobs
 * signs hundreds of calls and Web Crypto is seven times slower; core/functions/signature verifies the same format on
 * the other side.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { keyBytes, macBytes } from '../../core/functions/signature.js'
import { wireHeaders } from '../../core/wireVersion.js'
import { functionSecret } from './functionKey.js'
import type { Signer } from '../deps.js'

/** Throws `RangeError` where a key is no `whsec_…` key. */
export function createSigner(keys: readonly string[]): Signer {
  const secrets = keys.map(keyBytes)
  const first = secrets[0]
  if (!first) throw new RangeError('There is no signing key. Set ERRAND_SIGNING_KEYS.')
  const functionSecrets = new Map<string, Buffer>()
  const secretOf = (worker: string): Buffer => {
    let secret = functionSecrets.get(worker)
    if (!secret) functionSecrets.set(worker, (secret = functionSecret(first, worker)))
    return secret
  }

  return {
    headers(worker, id, now, body) {
      const timestamp = String(Math.floor(now.getTime() / 1_000))
      const signed = `${id}.${timestamp}.${body}`
      return {
        ...wireHeaders,
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': `${signature(first, signed)} ${signature(secretOf(worker), signed)}`,
      }
    },
    receiptToken: (jobId, claim) => `${claim}.${tokenMac(first, jobId, claim).toString('base64url')}`,
    readReceiptToken(jobId, token) {
      const [claim, given, ...rest] = token.split('.')
      if (!claim || !given || rest.length > 0) return undefined
      const received = Buffer.from(given, 'base64url')
      if (received.length !== macBytes) return undefined
      const genuine = secrets.some((secret) => timingSafeEqual(tokenMac(secret, jobId, claim), received))
      return genuine ? claim : undefined
    },
  }
}

const mac = (secret: Uint8Array, text: string): Buffer => createHmac('sha256', secret).update(text).digest()

const signature = (secret: Uint8Array, text: string): string => `v1,${mac(secret, text).toString('base64')}`

const tokenMac = (secret: Uint8Array, jobId: string, claim: string): Buffer => mac(secret, `receipt.${jobId}.${claim}`)

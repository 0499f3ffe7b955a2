/** The key of one function, made from a signing key: a party that learns it can call that function and no other. */
import { hkdfSync } from 'node:crypto'
import { keyBytes } from '../../core/functions/signature.js'

const length = 32

/**
 * The same for the same signing key and worker, by HKDF-SHA256 (RFC 5869). Throws `RangeError` where the signing key is
 * no `whsec_…` key.
 */
export const functionKey = (signingKey: string, worker: string): string =>
  `whsec_${functionSecret(keyBytes(signingKey), worker).toString('base64')}`

export const functionSecret = (secret: Uint8Array, worker: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, '', `errand/function/${worker}`, length))

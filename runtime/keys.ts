/** Finds the keys that a function's callers sign with. */
import { createVerifier } from '../core/functions/signature.js'
import type { Verifier } from './receiveCall.js'

/** A function's environment as a platform passes it: text settings, beside bindings of other kinds. */
export type Environment = Record<string, unknown>

/**
 * Reads the keys when the first call comes, because some platforms have no environment before. Throws a sentence that
 * says what to set.
 */
export function createKeyring(keys: readonly string[] | undefined): (env: Environment | undefined) => Verifier {
  let known: { setting: string; verify: Verifier } | undefined
  return (env) => {
    const setting = keys?.join(',') ?? readSetting(env) ?? ''
    if (known?.setting !== setting) known = { setting, verify: createVerifier(splitKeys(setting)) }
    return known.verify
  }
}

function splitKeys(setting: string): string[] {
  const keys = setting
    .split(',')
    .map((key) => key.trim())
    .filter((key) => key !== '')
  if (keys.length === 0) {
    throw new RangeError(
      'The function has no signing keys. Set ERRAND_SIGNING_KEYS to the same keys as the coordinator.',
    )
  }
  return keys
}

function readSetting(env: Environment | undefined): string | undefined {
  const given = env?.['ERRAND_SIGNING_KEYS']
  if (typeof given === 'string') return given
  return typeof process === 'undefined' ? undefined : process.env?.['ERRAND_SIGNING_KEYS']
}

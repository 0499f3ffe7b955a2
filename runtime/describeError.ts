/** Describes what `run` threw, as it travels: text only, bounded. Never throws itself. */
import { look } from '../core/thrown.js'
import type { ReceiptError } from '../core/requests/wire.js'

const maxNameLength = 200
const maxMessageLength = 10_000
const maxStackLength = 20_000
/** The error itself and its causes. A longer chain says nothing new, and a cyclic one ends here too. */
const maxChain = 8
/** How many errors of an `AggregateError` are told in its message. */
const maxTold = 5

export const describeError = (thrown: unknown): ReceiptError => describe(thrown, maxChain)

/** For a sentence: `TypeError: fetch failed`. */
export function thrownText(thrown: unknown): string {
  const { name, message } = describeError(thrown)
  return `${name}: ${message}`
}

function describe(thrown: unknown, chainLeft: number): ReceiptError {
  const message = errorMessage(thrown)
  if (message === undefined) return { name: 'Error', message: valueText(thrown).slice(0, maxMessageLength) }
  const read = (property: string) => look(() => (thrown as Record<string, unknown>)[property])
  const textOf = (property: string, length: number) => {
    const value = read(property)
    return typeof value === 'string' || typeof value === 'number' ? String(value).slice(0, length) : undefined
  }
  const cause = read('cause')
  const whole = chainLeft > 0 ? look(() => withErrors(message, read('errors'))) : undefined
  return {
    name: textOf('name', maxNameLength) || 'Error',
    message: (whole ?? message).slice(0, maxMessageLength),
    code: textOf('code', maxNameLength),
    stack: textOf('stack', maxStackLength),
    cause: cause !== undefined && cause !== null && chainLeft > 1 ? describe(cause, chainLeft - 1) : undefined,
  }
}

/**
 * `undefined` for what is no error. That is told by its shape: an error of another realm, or of a second copy of a
 * package, is no `instanceof Error`.
 */
function errorMessage(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  try {
    const { message } = value as { message?: unknown }
    if (typeof message === 'string') return message
    return value instanceof Error ? '' : undefined
  } catch {
    return 'Its message cannot be read: looking at it throws.'
  }
}

/**
 * An `AggregateError` says little itself; what its errors say is told behind its message. Of those that are one
 * themselves only the message is told.
 */
function withErrors(message: string, errors: unknown): string {
  if (!Array.isArray(errors) || errors.length === 0) return message
  const told = Array.from({ length: Math.min(errors.length, maxTold) }, (_, index) => {
    const { name, message } = describe(
      look((): unknown => errors[index]),
      0,
    )
    return `${name}: ${message.slice(0, 500)}`
  })
  const rest = errors.length - told.length
  return `${message || 'Several errors'} (${told.join('; ')}${rest > 0 ? `; and ${rest} more` : ''})`
}

const valueText = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : (look(() => `A value was thrown that is no Error: ${JSON.stringify(value) ?? String(value)}`) ??
      'Something was thrown that cannot be read.')

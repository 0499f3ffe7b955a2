/** An error as it travels: text only, bounded, whatever `run` threw. Never throws itself. */
import type { ReceiptError } from '../core/wire.js'

const maxNameLength = 200
const maxMessageLength = 10_000
const maxStackLength = 20_000
/** The error itself and its causes. A longer chain says nothing new, and a cyclic one ends here too. */
const maxChain = 8
/** How many errors of an `AggregateError` are told in its message. */
const maxSummarised = 5

export function describeError(thrown: unknown): ReceiptError {
  return describe(thrown, maxChain)
}

function describe(thrown: unknown, chainLeft: number): ReceiptError {
  try {
    return isErrorLike(thrown) ? describeErrorLike(thrown, chainLeft) : describeValue(thrown)
  } catch {
    // a getter threw, or JSON cannot say the value
    return { name: 'Error', message: 'Something was thrown that cannot be read.' }
  }
}

interface ErrorLike {
  name?: unknown
  message: string
  code?: unknown
  stack?: unknown
  cause?: unknown
  errors?: unknown
}

/** By shape: an error of another realm, or of a second copy of a package, is no `instanceof Error`. */
export const isErrorLike = (value: unknown): value is ErrorLike =>
  typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string'

function describeErrorLike(error: ErrorLike, chainLeft: number): ReceiptError {
  const described: ReceiptError = { name: nameOf(error), message: messageOf(error).slice(0, maxMessageLength) }
  if (typeof error.code === 'string' || typeof error.code === 'number') described.code = cut(error.code, maxNameLength)
  if (typeof error.stack === 'string') described.stack = cut(error.stack, maxStackLength)
  if (error.cause !== undefined && error.cause !== null && chainLeft > 1) {
    described.cause = describe(error.cause, chainLeft - 1)
  }
  return described
}

const cut = (value: string | number, length: number): string => String(value).slice(0, length)

const nameOf = ({ name }: ErrorLike): string =>
  typeof name === 'string' && name !== '' ? cut(name, maxNameLength) : 'Error'

/** An `AggregateError` says little itself; what its errors say is told behind its message. */
function messageOf({ message, errors }: ErrorLike): string {
  if (!Array.isArray(errors) || errors.length === 0) return message
  const told = errors.slice(0, maxSummarised).map((error) => {
    const { name, message } = describe(error, 1)
    return `${name}: ${message.slice(0, 500)}`
  })
  const rest = errors.length - told.length
  return `${message || 'Several errors'} (${told.join('; ')}${rest > 0 ? `; and ${rest} more` : ''})`
}

function describeValue(value: unknown): ReceiptError {
  const text = JSON.stringify(value) ?? String(value)
  const message = typeof value === 'string' ? value : `A value was thrown that is no Error: ${text}`
  return { name: 'Error', message: message.slice(0, maxMessageLength) }
}

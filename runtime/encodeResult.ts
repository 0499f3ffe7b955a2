/** Encodes what `run` returned as text, or throws a clear complaint about the part that cannot be sent. */
import { maxDepth, tooDeep } from '../core/payload/depth.js'
import { encodePayload, type Payload } from '../core/payload/payload.js'
import { AttemptError } from './attemptError.js'
import { describeError } from './describeError.js'

export function encodeResult(result: unknown): Payload {
  try {
    const problem = unsendable(result, 'result', { entered: new Set(), left: new Set() })
    if (problem !== undefined) throw new TypeError(problem)
    return encodePayload(result)
  } catch (error) {
    // superjson refuses keys such as `constructor`; JSON refuses what the objects of other classes may hold
    throw notEncodable(describeError(error).message)
  }
}

const notEncodable = (problem: string): AttemptError =>
  new AttemptError(
    'RESULT_NOT_ENCODABLE',
    `The result cannot be sent: ${problem.replace(/\.$/, '')}. Return plain data; Date, Map, Set and BigInt are welcome.`,
  )

interface Walk {
  entered: Set<object>
  /**
   * Objects that were looked through to the end; one that was entered and not left is around the one that is looked at.
   */
  left: Set<object>
}

/**
 * The first part of a value that JSON would drop in silence, as a sentence. Other classes' objects are left to their
 * own `toJSON`. A cycle is refused, because who reads the JSON alone would find a null there.
 */
function unsendable(value: unknown, path: string, walk: Walk, depth = maxDepth): string | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') return `${path} is a ${typeof value}`
  if (typeof value !== 'object' || value === null || walk.left.has(value)) return undefined
  if (walk.entered.has(value)) return `${path} holds itself`
  if (depth === 0) return `it is ${tooDeep()}`
  walk.entered.add(value)
  for (const [key, item] of partsOf(value)) {
    const problem = unsendable(item, `${path}.${key}`, walk, depth - 1)
    if (problem !== undefined) return problem
  }
  walk.left.add(value)
  return undefined
}

function partsOf(value: object): [key: string, item: unknown][] {
  if (Array.isArray(value) || isPlainObject(value)) return Object.entries(value)
  if (value instanceof Set) return Array.from(value, (item, index) => [String(index), item])
  if (value instanceof Map) return Array.from(value, ([key, item]) => [String(key), item])
  return []
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

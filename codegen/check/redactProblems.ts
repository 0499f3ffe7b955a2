/**
 * Checks that each path of `redact` leads somewhere. One that was mistyped hides nothing, and that goes unnoticed; so a
 * path must lead into the args schema, or into a `result` schema. Where a schema takes anything, a path into it may
 * lead somewhere.
 */
import type * as z from 'zod/v4/core'
import type { ContractOptions, PolicyProblem } from '../../core/job/contract.js'
import { readRedactPath, type RedactPath } from '../../core/job/redactPath.js'

/** Expects paths that can be read. */
export function redactSchemaProblems({ redact = [], args, result }: ContractOptions): PolicyProblem[] {
  return redact.flatMap((text, index) => {
    const path = readRedactPath(text)
    if (leadsInto(args, path, 'in') || (result && leadsInto(result, path, 'out'))) return []
    const hint = result
      ? 'leads nowhere in args or result.'
      : 'leads nowhere in args, and without a `result` schema nobody knows whether it does in the result. Give one, or mend the path.'
    return [{ path: ['redact', String(index)], message: `"${text}" ${hint}` }]
  })
}

/** Callers give what a pipe takes, and `run` returns what it gives. */
type Side = 'in' | 'out'

function leadsInto(schema: z.$ZodType, path: RedactPath, side: Side, lazies = new Set<z.$ZodType>()): boolean {
  const [step, ...rest] = path
  if (step === undefined) return true
  const into = (part: z.SomeType | undefined, path: RedactPath): boolean =>
    part !== undefined && leadsInto(part as z.$ZodType, path, side, path.length === rest.length ? new Set() : lazies)
  const def: z.$ZodTypes['_zod']['def'] = (schema as z.$ZodTypes)._zod.def
  // what has no inside is the default
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check
  switch (def.type) {
    case 'object': {
      const fields = step === '*' ? Object.values(def.shape) : Object.hasOwn(def.shape, step) ? [def.shape[step]] : []
      // with .catchall() and .loose() there may be fields beside those in the shape; .strict() has a catchall that takes
      // nothing
      const { catchall } = def
      return fields.some((field) => into(field, rest)) || (catchall?._zod.def.type !== 'never' && into(catchall, rest))
    }
    case 'array':
      return (step === '*' || isPlace(step)) && into(def.element, rest)
    case 'set':
      return step === '*' && into(def.valueType, rest)
    case 'tuple': {
      const items = step === '*' ? def.items : isPlace(step) ? def.items.slice(Number(step), Number(step) + 1) : []
      return items.some((item) => into(item, rest)) || (def.rest !== null && into(def.rest, rest))
    }
    case 'record':
    case 'map':
      return into(def.valueType, rest)
    case 'union':
      return def.options.some((option) => into(option, path))
    case 'intersection':
      return into(def.left, path) || into(def.right, path)
    case 'pipe':
      return into(side === 'in' ? def.in : def.out, path)
    case 'lazy': {
      if (lazies.has(schema)) return false
      lazies.add(schema)
      return into(def.getter(), path)
    }
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
    case 'success':
    case 'promise':
      return into(def.innerType, path)
    case 'any':
    case 'unknown':
    case 'custom':
    case 'transform':
      return true
    default:
      return false
  }
}

const isPlace = (step: string): boolean => /^\d+$/.test(step)

/** Finds problems of a live contract: inside the clean process that loaded it, told as paths into the options. */
import { safeParseAsync } from 'zod/v4/core'
import type * as z from 'zod/v4/core'
import { policyProblems, type ContractOptions, type PolicyProblem } from '../../core/job/contract.js'
import { formatPlace, type SchemaType } from '../types/schemaType.js'

/** The policies, and that `args` takes an object. Where this finds something the schemas may not be schemas at all. */
export function optionProblems(options: ContractOptions): PolicyProblem[] {
  const problems = policyProblems(options).map(({ path, message }) => ({ path, message: subject(path, message) }))
  if (problems.some(({ path }) => path[0] === 'args')) return problems
  const taken = takesOtherThanObject(options.args, new Set())
  if (taken === undefined) return problems
  const message = `Args must be an object, and this schema takes ${taken}. Wrap it: z.object({ … }).`
  return [...problems, { path: ['args'], message }]
}

/** Core's sentences go on from the option's name ("must be …") unless they are sentences of their own. */
const subject = (path: readonly string[], message: string): string =>
  /^[a-z]/.test(message) ? `${path.join('.')} ${message}` : message

/** The values that no job can carry. */
export const unserialisableProblems = (option: 'args' | 'result', { unserialisable }: SchemaType): PolicyProblem[] =>
  unserialisable.map(({ place, what }) => ({
    path: [option, ...place],
    message: `${formatPlace([option, ...place])} is ${what}, which cannot be stored or sent. Take plain data, such as an id or a URL.`,
  }))

/** A schedule makes its jobs from these args for as long as it lives, so they must fit. */
export async function scheduleArgsProblems({ args, schedule }: ContractOptions): Promise<PolicyProblem[]> {
  if (schedule === undefined) return []
  const outcome = await safeParseAsync(args, schedule.args ?? {})
  if (outcome.success) return []
  if (schedule.args === undefined) {
    const wanted = outcome.error.issues.map(({ path }) => formatPlace(path.map(String))).join(', ')
    return [
      {
        path: ['schedule'],
        message: `The schedule has no args, and this worker does not run without: ${wanted}. Give schedule.args.`,
      },
    ]
  }
  return outcome.error.issues.map(({ path, message }) => {
    const place = ['schedule', 'args', ...path.map(String)]
    return { path: place, message: `${formatPlace(place)} does not fit the args schema: ${message}.` }
  })
}

/**
 * The other kind that a schema's input may be beside an object, or `undefined` where it is always one. `seen` ends the
 * recursion of lazy schemas.
 */
function takesOtherThanObject(schema: z.$ZodType, seen: Set<z.$ZodType>): string | undefined {
  if (seen.has(schema)) return undefined
  seen.add(schema)
  const inner = (part: z.SomeType): string | undefined => takesOtherThanObject(part as z.$ZodType, seen)
  const def: z.$ZodTypes['_zod']['def'] = (schema as z.$ZodTypes)._zod.def
  // every kind that is not named is something else than an object
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check
  switch (def.type) {
    case 'object':
    case 'record':
    // by its type a custom schema may well take one; the printed type warns that it cannot be told
    case 'custom':
      return undefined
    case 'union':
      return def.options.map(inner).find((taken) => taken !== undefined)
    case 'intersection':
      return inner(def.left) ?? inner(def.right)
    case 'pipe':
      return inner(def.in)
    case 'lazy':
      return inner(def.getter())
    case 'readonly':
    case 'catch':
    case 'nonoptional':
    case 'success':
      return inner(def.innerType)
    case 'optional':
    case 'default':
    case 'prefault':
      return inner(def.innerType) ?? 'undefined as well'
    case 'nullable':
      return inner(def.innerType) ?? 'null as well'
    default:
      return nouns[def.type] ?? `a ${def.type}`
  }
}

/** How people call what a schema takes, where that is not `a` and the schema's own name. */
const nouns: Readonly<Record<string, string>> = {
  any: 'anything',
  unknown: 'anything',
  transform: 'anything, because it begins with a transform (z.preprocess)',
  array: 'a list',
  tuple: 'a list',
  enum: 'a string',
  template_literal: 'a string',
  null: 'null',
  undefined: 'undefined',
  never: 'nothing',
  void: 'undefined',
  nan: 'a number',
}

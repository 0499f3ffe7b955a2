/**
 * Puts back into JSON what superjson's meta says of it: Dates, Maps, BigInts, objects that stand in several places.
 *
 * A meta comes from outside, and a few bytes of it can ask for very much: a number of a million digits, an array of a
 * billion zeros, objects that hold each other twice, twenty levels deep. So this is superjson's format read within
 * bounds, in place of superjson's own reader, which has none. A meta that goes beyond them, or does not fit the JSON,
 * throws `MetaError`.
 */
import { maxDepth, tooDeep } from './depth.js'

/** Values that the meta may name. */
export const maxPaths = 10_000
/** Characters of the path to one of them. */
const maxPathLength = 200
/** Of a BigInt; a larger one takes longer to read than its digits are worth. */
export const maxBigintDigits = 1_000
/** Of all Sets and Maps together. */
export const maxEntries = 100_000
/** Characters of a RegExp, and of a URL. */
const maxTextLength = 10_000
/**
 * The most a value may take as JSON that holds an object in several places, unless it takes as much without that.
 * Characters.
 */
const maxExpandedSize = 1024 * 1024

export class MetaError extends Error {
  constructor(problem: string) {
    super(`superjson's meta ${problem}`)
    this.name = 'MetaError'
  }
}

/** The parts of superjson's meta, when it is one. */
interface Meta {
  values?: unknown
  referentialEqualities?: unknown
  v?: unknown
}

type Path = readonly string[]

/** Changes `json` in place where it can, and answers with the value. Throws `MetaError`. */
export function restore(json: unknown, meta: unknown): unknown {
  const { values, referentialEqualities, v } = fieldsIn(meta, 'is no object') as Meta
  const reader = new PathReader(Number(v ?? 0) < 1)
  const places = new Places(json)
  if (values !== undefined) restoreValues(places, values, reader, [])
  if (referentialEqualities !== undefined) {
    const before = expanded(places.root)
    restoreEqualities(places, referentialEqualities, reader)
    const { size, height } = expanded(places.root)
    if (height > maxDepth) throw new MetaError(`makes a value that is ${tooDeep()}`)
    if (size > Math.max(before.size, maxExpandedSize)) {
      throw new MetaError(`makes a value that takes more than ${maxExpandedSize} characters as JSON`)
    }
  }
  return places.root
}

/**
 * A node is `[type]`, `[type, children]`, or, where nothing is said of it itself, its children: nodes by their paths
 * from here.
 */
function restoreValues(places: Places, node: unknown, reader: PathReader, at: Path): void {
  const [type, children] = Array.isArray(node) ? (node as unknown[]) : [undefined, node]
  if (children !== undefined) {
    const nodes = fieldsIn(children, 'names values by something else than their paths')
    // not `Object.entries`: of a million keys not even a list is made
    for (const key in nodes) restoreValues(places, nodes[key], reader, [...at, ...reader.read(key, at.length)])
  }
  if (Array.isArray(node)) places.change(at, (value) => places.restored(value, type))
}

/**
 * By the path of an object, the other paths at which it stands. The list that may come first is of those at which the
 * whole value stands.
 */
function restoreEqualities(places: Places, equalities: unknown, reader: PathReader): void {
  const [root, others] = Array.isArray(equalities) ? (equalities as unknown[]) : [[], equalities]
  for (const path of textsIn(root)) places.change(reader.read(path), () => places.root)
  if (others !== undefined) {
    const byPath = fieldsIn(others, 'names no equal values')
    for (const path in byPath) {
      const value = places.get(reader.read(path))
      for (const other of textsIn(byPath[path])) places.change(reader.read(other), () => value)
    }
  }
  places.finish()
}

/** Reads paths: names with a dot between them, `\` before a dot that is part of a name. */
class PathReader {
  #left = maxPaths
  readonly #legacy: boolean

  /** Before version 1 a `\` could not be written as such. */
  constructor(legacy: boolean) {
    this.#legacy = legacy
  }

  /** `below` so many levels. */
  read(text: string, below = 0): Path {
    if (this.#left-- === 0) throw new MetaError(`names more than ${maxPaths} values`)
    if (text.length > maxPathLength) throw new MetaError(`holds a path of more than ${maxPathLength} characters`)
    const steps = this.#split(text)
    if (steps.length + below > maxDepth) throw new MetaError(`names a value ${tooDeep()}`)
    const special = steps.find((step) => specialNames.has(step))
    if (special !== undefined) throw new MetaError(`names ${special}, which is not allowed`)
    return steps
  }

  #split(text: string): string[] {
    if (!text.includes('\\')) return text.split('.')
    const steps = ['']
    for (let at = 0; at < text.length; at++) {
      const next = text[at + 1]
      let unit = text[at]!
      if (unit === '.') {
        steps.push('')
        continue
      }
      if (unit === '\\' && (next === '.' || (next === '\\' && !this.#legacy))) {
        unit = next
        at++
      } else if (unit === '\\' && !this.#legacy) throw new MetaError('holds a path that cannot be read')
      steps[steps.length - 1] += unit
    }
    return steps
  }
}

/** A careless reader could be made to change every object by these. */
const specialNames: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** A value, and the places in it. */
class Places {
  root: unknown
  /** The contents of Sets and Maps, in their order, for those that were looked into. A path names it by its number. */
  readonly #rows = new Map<object, unknown[]>()
  #entriesLeft = maxEntries

  constructor(root: unknown) {
    this.root = root
  }

  get(path: Path): unknown {
    let value = this.root
    for (const step of path) value = this.#holder(value).get(step)
    return value
  }

  change(path: Path, change: (value: unknown) => unknown): void {
    const last = path.at(-1)
    if (last === undefined) {
      this.root = change(this.root)
      return
    }
    const holder = this.#holder(this.get(path.slice(0, -1)))
    holder.set(last, change(holder.get(last)))
  }

  /** A row of a Map is its key, 0, and its value, 1. */
  #holder(value: unknown): { get: (step: string) => unknown; set: (step: string, value: unknown) => void } {
    if (typeof value !== 'object' || value === null) throw doesNotFit()
    const fields = (value instanceof Set || value instanceof Map ? this.#rowsOf(value) : value) as Record<
      string,
      unknown
    >
    const check = (step: string) => {
      if (!Object.hasOwn(fields, step) || (Array.isArray(fields) && step === 'length')) throw doesNotFit()
      return step
    }
    return { get: (step) => fields[check(step)], set: (step, item) => void (fields[check(step)] = item) }
  }

  #rowsOf(value: Set<unknown> | Map<unknown, unknown>): unknown[] {
    const rows = this.#rows.get(value) ?? [...value]
    this.#rows.set(value, rows)
    return rows
  }

  /** Gives Sets and Maps what now stands in their rows. */
  finish(): void {
    for (const [value, rows] of this.#rows) {
      if (value instanceof Set) {
        value.clear()
        for (const row of rows) value.add(row)
      } else if (value instanceof Map) {
        value.clear()
        for (const [key, item] of rows as [unknown, unknown][]) value.set(key, item)
      }
    }
  }

  /** The value that superjson wrote as this one. */
  restored(value: unknown, type: unknown): unknown {
    if (Array.isArray(type)) return restoredList(value, type)
    switch (type) {
      case 'undefined':
        return undefined
      case 'bigint':
        return restoredBigint(value)
      case 'number':
        return Number(textOf(value, numberLength))
      case 'Date':
        return new Date(typeof value === 'number' ? value : textOf(value, dateLength))
      case 'regexp':
        return restoredRegExp(textOf(value, maxTextLength))
      case 'URL':
        return new URL(textOf(value, maxTextLength))
      case 'Error':
        return restoredError(value)
      case 'set':
        return new Set(this.#entries(value))
      case 'map':
        return new Map(this.#entries(value).map(pairOf))
      default:
        throw new MetaError('holds a type that is not known')
    }
  }

  #entries(value: unknown): unknown[] {
    if (!Array.isArray(value)) throw doesNotFit()
    this.#entriesLeft -= value.length
    if (this.#entriesLeft < 0) throw new MetaError(`makes Sets and Maps of more than ${maxEntries} entries`)
    return value
  }
}

const numberLength = 20
const dateLength = 100

const doesNotFit = () => new MetaError('does not fit its JSON')

function fieldsIn(value: unknown, problem: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new MetaError(problem)
  return value as Record<string, unknown>
}

function textsIn(value: unknown): string[] {
  if (!Array.isArray(value) || !value.every((text) => typeof text === 'string'))
    throw new MetaError('names no equal values')
  return value
}

function textOf(value: unknown, length: number): string {
  if (typeof value !== 'string' || value.length > length) throw doesNotFit()
  return value
}

function pairOf(row: unknown): [unknown, unknown] {
  if (!Array.isArray(row) || row.length !== 2) throw doesNotFit()
  return row as [unknown, unknown]
}

function restoredBigint(value: unknown): bigint {
  const digits = String(value)
  if (typeof value === 'object' || !/^-?\d+$/.test(digits.slice(0, maxBigintDigits + 1))) throw doesNotFit()
  if (digits.length > maxBigintDigits + 1) throw new MetaError(`holds a BigInt of more than ${maxBigintDigits} digits`)
  return BigInt(digits)
}

function restoredRegExp(text: string): RegExp {
  const end = text.lastIndexOf('/')
  return new RegExp(text.slice(1, end), text.slice(end + 1))
}

function restoredError(value: unknown): Error {
  const { name, message, cause, stack } = fieldsIn(value, 'does not fit its JSON')
  const error = new Error(message as string, { cause })
  return Object.assign(error, { name, stack })
}

const typedArrays = {
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  Uint8ClampedArray,
}

/** From a list only: of a number as many zeros would be made. */
function restoredList(value: unknown, [kind, name]: unknown[]): unknown {
  if (kind !== 'typed-array' || typeof name !== 'string' || !Object.hasOwn(typedArrays, name)) {
    throw new MetaError('holds a type that is not known')
  }
  if (!Array.isArray(value)) throw doesNotFit()
  return new typedArrays[name as keyof typeof typedArrays](value as number[])
}

interface Expanded {
  /** About the characters it takes as JSON. */
  size: number
  /** Levels of lists and objects. */
  height: number
}

/**
 * A value with each object at each of its places. One that is held by itself is left out there, as superjson's JSON
 * does.
 */
function expanded(value: unknown): Expanded {
  const known = new Map<object, Expanded>()
  const around = new Set<object>()
  const look = (value: unknown): Expanded => {
    if (typeof value !== 'object' || value === null) {
      return { size: typeof value === 'string' ? value.length + 2 : 1, height: 0 }
    }
    if (around.has(value)) return { size: 1, height: 0 }
    let seen = known.get(value)
    if (!seen) {
      if (around.size > maxDepth) throw new MetaError(`makes a value that is ${tooDeep()}`)
      around.add(value)
      seen = { size: 1, height: 1 }
      for (const item of itemsOf(value)) {
        const { size, height } = look(item)
        seen.size += size
        seen.height = Math.max(seen.height, height + 1)
      }
      around.delete(value)
      known.set(value, seen)
    }
    return seen
  }
  return look(value)
}

function itemsOf(value: object): Iterable<unknown> {
  if (Array.isArray(value) || value instanceof Set) return value
  if (value instanceof Map) return [...value].flat()
  if (ArrayBuffer.isView(value)) return []
  return value instanceof Error ? [value.cause] : Object.values(value)
}

/**
 * Bodies that cost whoever reads them more than they cost to send: each is one that has cost a coordinator seconds, or
 * hundreds of megabytes.
 */
import type { Random } from '../support/random.js'
import type { Door } from './doors.js'

const list = (count: number, of: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => of(index)).join(',')

/** Args and the meta beside them, as text. */
const payloads: readonly ((size: number) => [json: string, meta: string])[] = [
  (size) => [`{"n":"${'9'.repeat(size)}"}`, '{"values":{"n":["bigint"]}}'],
  (size) => [`{"n":[${list(size / 10, () => `"${'9'.repeat(9)}"`)}]}`, `{"values":{"n":[["set"],{"0":["bigint"]}]}}`],
  (size) => ['{}', `{"values":{${list(size / 20, (index) => `"p${index}.a.b":["Date"]`)}}}`],
  (size) => ['{}', `{"values":{"${'.'.repeat(size)}":["Date"]}}`],
  (size) => [`{"n":[${list(size / 2, () => '1')}]}`, '{"values":{"n":["set"]}}'],
  (size) => [`{"n":${Math.min(size * 300, 1e9)}}`, '{"values":{"n":[["typed-array","Uint8Array"]]}}'],
  () => [
    '{"a0":{"l":1,"r":1}}',
    `{"referentialEqualities":{${list(24, (index) => `"a0${'.l'.repeat(index)}":["a0${'.l'.repeat(index + 1)}","a0${'.l'.repeat(index)}.r"]`)}}}`,
  ],
  (size) => [`{${list(size / 10, (index) => `"k${index}":1`)}}`, '{}'],
  (size) => [`{"n":${'['.repeat(size / 2)}${']'.repeat(size / 2)}}`, '{}'],
  (size) => [`{"n":${'{"a":'.repeat(size / 6)}1${'}'.repeat(size / 6)}}`, '{}'],
]

const others: readonly ((size: number) => string)[] = [
  (size) => `{${list(size / 10, (index) => `"k${index}":1`)}}`,
  (size) => `{"jobs":[${list(size / 3, () => '1')}]}`,
  (size) => `{"jobs":[${list(size / 30, () => '{"worker":"echo","x":1}')}]}`,
  (size) => `{"status":"failure","error":${'{"message":"m","cause":'.repeat(size / 25)}{}${'}'.repeat(size / 25)}}`,
  (size) => `{"status":"success","result":${'['.repeat(size / 2)}${']'.repeat(size / 2)}}`,
  (size) =>
    `{"status":"success","result":{"n":"${'9'.repeat(Math.min(size, 900_000))}"},"resultMeta":{"values":{"n":["bigint"]}}}`,
  (size) => '\u0000'.repeat(size * 4),
  (size) => '['.repeat(size),
]

/** `largest` is the number of characters, about. */
export function heavyBody(random: Random, { kind, path }: Door, largest: number): Buffer {
  const size = Math.floor(largest * random.pick([0.01, 0.1, 0.5, 1]))
  if (random.chance(0.4)) return Buffer.from(random.pick(others)(size))
  const [json, meta] = random.pick(payloads)(size)
  const job = `{"worker":"echo","args":${json}`
  if (kind === 'trpc') {
    const whole = meta.replaceAll('"n"', '"args.n"').replaceAll('"a0', '"args.a0')
    return Buffer.from(random.chance(0.5) ? `{"json":${job}},"meta":${whole}}` : `{"json":${json},"meta":${meta}}`)
  }
  const item = `${job},"argsMeta":${meta}}`
  return Buffer.from(path === '/jobs' || path === '/groups' ? `{"jobs":[${item},${item}]}` : item)
}

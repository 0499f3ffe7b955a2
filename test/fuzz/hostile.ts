/** Values that nobody sends by accident, and what becomes of a good value under them. */
import type { Random } from '../support/random.js'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

const texts = [
  '',
  ' ',
  '\u0000',
  '\ud800',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  '$where',
  '$ne',
  '../../../../etc/passwd',
  '%00',
  '%2e%2e%2f',
  'a\r\nx-injected: 1',
  '😀'.repeat(50),
  '<script>alert(1)</script>',
  '0ms',
  '-1s',
  '1e9d',
  '99999999999999999h',
  '0.0000001s',
  '* * * * *',
  '* * * * * *',
  '0 0 31 2 *',
  '*/0 * * * *',
  '+275760-09-13T00:00:00.001Z',
  '-271821-04-20T00:00:00Z',
  '0000-00-00T00:00:00Z',
  '2030-02-30 25:61:61',
  'Europe/Nowhere',
  'all',
  'code:echo',
  'echo',
  'null',
  'true',
  '1e400',
]

const numbers = [0, -0, -1, 1, 0.1, 1e-7, 1e21, 1e308, -1e308, 2 ** 31, 2 ** 53, 2 ** 63, 65_536, 10_001]

/** Small ones mostly; a few that are large, deep or many. `large` says how many characters at the most. */
export function hostileValue(random: Random, large: number): Json {
  const dice = random()
  if (dice < 0.35) return random.pick(texts)
  if (dice < 0.55) return random.pick(numbers)
  if (dice < 0.65) return random.pick([null, true, false])
  if (dice < 0.72) return random.pick<Json>([[], {}, [[]], [null], { '': '' }, [{}, {}]])
  if (dice < 0.78)
    return random.pick<Json>([
      { $ne: null },
      { $gt: '' },
      { $where: 'sleep(1000)' },
      { $regex: '(a+)+$' },
      [{ $in: [1] }],
    ])
  if (dice < 0.84) return prototypeKeys(random)
  const size = random.chance(0.1) ? large : Math.min(large, random.int(10, 3_000))
  if (dice < 0.9) return random.pick(['x', '\\', '"', 'é', '9'] as const).repeat(size)
  if (dice < 0.94) return Array.from({ length: Math.ceil(size / 4) }, () => random.pick<Json>([0, 'a', null]))
  if (dice < 0.97)
    return Object.fromEntries(Array.from({ length: Math.ceil(size / 10) }, (_, index) => [`k${index}`, index]))
  return deep(random, Math.min(size, random.pick([20, 99, 100, 101, 150, 1_000, 20_000])))
}

/** Own properties with names that every object has, as `JSON.parse` makes them. */
function prototypeKeys(random: Random): Json {
  const key = random.pick(['__proto__', 'constructor', 'prototype', 'toJSON', 'then', 'hasOwnProperty', 'length'])
  return JSON.parse(
    `{"${key}":${random.pick(['{"polluted":true}', '1', 'null', '"x"', '{"prototype":{"polluted":true}}'])}}`,
  ) as Json
}

/** Deeper than anything here could walk through; so a text stands for it until all is text. */
const deep = (random: Random, depth: number): Json => `@deep ${random.pick(['list', 'map'])} ${depth}@`

/** As JSON text. */
export const textOf = (value: Json): string =>
  JSON.stringify(value).replaceAll(/"@deep (list|map) (\d+)@"/g, (_, kind: string, depth: string) => {
    const [open, close] = kind === 'list' ? ['[', ']'] : ['{"a":', '}']
    return `${open.repeat(Number(depth))}1${close.repeat(Number(depth))}`
  })

/** A superjson meta that does not fit, or costs whoever believes it. */
export function hostileMeta(random: Random, large: number): Json {
  const count = random.chance(0.1) ? Math.ceil(large / 10) : random.int(1, 20)
  const kinds = [
    'Date',
    'undefined',
    'bigint',
    'map',
    'set',
    'regexp',
    'URL',
    'number',
    'Error',
    'class',
    'symbol',
    'custom',
    '???',
  ]
  const kind = (): Json =>
    random.pick<Json>([
      [random.pick(kinds)],
      [['typed-array', random.pick(['Uint8Array', 'Float64Array', 'Nothing'])]],
      [['custom', 'x']],
      [['class', 'x']],
      1,
      null,
      {},
    ])
  return random.pick<() => Json>([
    () => ({ values: kind() }),
    () => ({
      values: { [random.pick(['args', 'n', 'to', '__proto__.x', 'a.b.c', 'constructor.prototype.x', ''])]: kind() },
    }),
    () => ({ values: Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}.a.b`, ['Date']])) }),
    () => ({ values: { ['.'.repeat(count * 10)]: ['Date'] } }),
    () => ({ referentialEqualities: { a: ['b', 'c.d'], __proto__: ['x'] } }),
    () => ({
      referentialEqualities: [
        Object.fromEntries(
          Array.from({ length: Math.min(count, 24) }, (_, index) => [`a${index}`, [`b${index}`, 'c']]),
        ),
      ],
    }),
    () => ({ values: [['map'], { 0: [['set']] }], v: random.int(0, 3) }),
    () => hostileValue(random, large),
  ])()
}

/** A few changes anywhere in a value. */
export function mutate(random: Random, value: Json, large: number): Json {
  let mutated: Json = structuredClone(value)
  for (let left = random.int(1, 3); left > 0; left--) mutated = mutateOnce(random, mutated, large)
  return mutated
}

function mutateOnce(random: Random, value: Json, large: number): Json {
  if (value === null || typeof value !== 'object' || random.chance(0.1)) return hostileValue(random, large)
  const keys = Object.keys(value)
  const dice = random()
  if (keys.length === 0 || dice < 0.15) return withExtra(random, value, large)
  const key = random.pick(keys)
  const holder = value as Record<string, Json>
  if (dice < 0.3) {
    if (Array.isArray(value)) value.splice(Number(key), 1)
    else delete holder[key]
  } else if (dice < 0.6) holder[key] = hostileValue(random, large)
  else holder[key] = mutateOnce(random, holder[key]!, large)
  return value
}

function withExtra(random: Random, value: Json[] | { [key: string]: Json }, large: number): Json {
  const extra = random.chance(0.2) ? hostileMeta(random, large) : hostileValue(random, large)
  if (Array.isArray(value)) return [...value, extra]
  const name = random.pick([
    'extra',
    'argsMeta',
    'meta',
    'json',
    'key',
    'unique',
    'cron',
    'every',
    'delay',
    'runAt',
    '__proto__',
    'constructor',
  ])
  // an own property, whatever its name
  return Object.defineProperty(value, name, { value: extra, enumerable: true, configurable: true, writable: true })
}

/** Text that is no JSON, or only just. */
export function brokenText(random: Random, text: string): string | Buffer {
  return random.pick<() => string | Buffer>([
    () => text.slice(0, random.int(0, text.length)),
    () => `${text}${random.pick(['}', ',', 'x', ' ', '\u0000', text])}`,
    () => `\uFEFF${text}`,
    () => text.replace('{', '{"a":1,"a":2,'),
    () => text.replace(/\d+/, '9'.repeat(random.int(20, 10_000))),
    () => '['.repeat(random.int(1, 50_000)),
    () => '{"a":'.repeat(random.int(1, 50_000)),
    () => Buffer.from([0xff, 0xfe, ...Buffer.from(text), 0xc3, 0x28]),
    () => '',
    () => 'null',
    () => '"text"',
    () => 'a=1&b=2',
    () => '--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
  ])()
}

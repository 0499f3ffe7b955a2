import { expect, it } from 'vitest'
import { figuresIn } from '../../bench/against/measure.js'

const row = {
  system: 'errand',
  workload: 'W5 p50',
  median: 6.95,
  min: 6.95,
  max: 6.95,
  unit: 'ms',
  settings: { samples: 200 },
}

it('takes the figures of a bench as they were measured, not rounded', () => {
  const stdout = `${JSON.stringify([{ ...row, values: [6.951234], othersCpu: [0] }], null, 2)}\n`
  expect(figuresIn(stdout)).toEqual([{ workload: 'W5 p50', unit: 'ms', value: 6.951234 }])
})

it('finds them among what the measured processes print', () => {
  const rows = JSON.stringify([{ ...row, values: [7], othersCpu: [0] }], null, 2)
  const stdout = `[a line of a server]\n${rows}\nended\n`
  expect(figuresIn(stdout)).toMatchObject([{ workload: 'W5 p50', value: 7 }])
})

it('finds nothing where a bench measured nothing', () => {
  expect(figuresIn('[]\n')).toEqual([])
  expect(figuresIn('')).toEqual([])
})

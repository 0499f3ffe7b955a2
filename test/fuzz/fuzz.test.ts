import { expect, it } from 'vitest'
import { testDatabase } from '../support/database.js'
import { withoutSample } from './doors.js'
import { findingsInLog, fuzz, hear, newKnown } from './fuzz.js'
import { openTarget } from './target.js'

it('has a request for every door that takes one', () => {
  expect(withoutSample()).toEqual([])
})

/** The first ones of a seed; `npm run fuzz` makes more, of others. */
const seed = 20_301
const count = 2_000

it(
  'answers whatever is asked, by every door and role, with what it is, and works on beside it',
  { timeout: 300_000 },
  async () => {
    await using database = await testDatabase()
    const known = newKnown()
    const lines: string[] = []
    await using opened = await openTarget(database.db, (told) => {
      hear(known, told)
      if (told.line !== undefined) lines.push(told.line)
    })
    const { target } = opened
    const { findings, beside } = await fuzz({ target, seed, from: 0, count, atOnce: 8, known })
    expect(findings).toEqual([])
    expect(beside.problems).toEqual([])
    expect(beside.rounds).toBeGreaterThan(0)
    expect(findingsInLog(target, lines)).toEqual([])
  },
)

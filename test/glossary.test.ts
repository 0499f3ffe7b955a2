/**
 * One word for each idea: names that were given up stay out of the code, so that nobody has to learn two. The words
 * that are used stand in ARCHITECTURE.md.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { repository } from './support/repository.js'

/** As a part of a name, in any case, and what took its place. */
const retired: Record<string, string> = {
  BATCH_REFUSED: 'ATOMIC_REFUSED',
  alwaysAwake: 'alwaysActive',
  batches: 'atomicRequests; jobsPerCall, or a page',
  batchSize: 'pageSize, of a list; jobsPerCall, of a function',
  breakOff: 'abort',
  departed: 'removed',
  enqueueTogether: 'enqueueAtomic',
  followUp: 'child of ctx.enqueue, callback of a group',
  holderOf: 'ownerOf, of a key',
  leavesAlone: 'isOpen',
  linger: 'idleWindow',
  misfit: 'incompatibility; FoundIssues for what is wrong with an input',
  reportRequest: 'progressRequest',
  overrun: 'overlap, of runs',
  runTick: 'runOnce',
  summarise: 'summaryOf',
  takeUp: 'apply',
  tally: 'counts',
  attemptEnd: 'attemptResult',
  ticked: 'fired',
  unheard: 'notAttempted',
}

/** Each with its reason. */
const exceptions: { file: string; word: string; reason: string }[] = [
  {
    file: 'server/jobs/dispatch.ts',
    word: 'breakOff',
    reason: 'a verb of its own: it aborts by the deadline, and by nothing else',
  },
  { file: 'server/api/trpcDoor.ts', word: 'batchSize', reason: "tRPC's own option, of queries in one request" },
]

const house = ['client', 'cli', 'codegen', 'core', 'database', 'runtime', 'server']

const sources = house
  .flatMap((room) =>
    readdirSync(join(repository, room), { recursive: true, encoding: 'utf8' }).map((file) => join(room, file)),
  )
  .filter((file) => file.endsWith('.ts'))

const withoutComments = (text: string): string => text.replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, '')

/** Its lines of code that hold the word, as `file:line`. */
const usesOf = (word: string): string[] =>
  sources.flatMap((file) => {
    const text = withoutComments(readFileSync(join(repository, file), 'utf8'))
    return new RegExp(word, 'i').test(`${file}\n${text}`) ? [file] : []
  })

describe('a retired word', () => {
  it.each(Object.entries(retired))('%s is used nowhere (now: %s)', (word) => {
    const allowed = exceptions.filter((exception) => exception.word === word).map(({ file }) => file)
    expect(usesOf(word).filter((file) => !allowed.includes(file))).toEqual([])
  })

  it('has no exception that nothing needs', () => {
    expect(exceptions.filter(({ file, word }) => !usesOf(word).includes(file))).toEqual([])
  })
})

/**
 * The target in a process of its own, with an engine of its own: it tells what happens inside, and measures itself when
 * it is asked. Started by main.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { openDatabase } from '../../database/connect.js'
import { openTarget, type Target, type Told } from './target.js'
import { watchTurns, type Turn } from './turns.js'

export type FromTarget =
  | { kind: 'open'; target: Target }
  | { kind: 'told'; told: Told }
  | { kind: 'turn'; turn: Turn }
  | { kind: 'memory'; keptMb: number; rssMb: number }

/** Turns below are nobody's business. */
const tellTurnsFromMs = 10

/** What is still to be said when nobody listens any more is not said. */
const tell = (message: FromTarget): void => {
  if (process.connected) process.send!(message)
}

async function measureMemory(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    ;(globalThis as { gc?: () => void }).gc?.()
    await sleep(50)
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  tell({ kind: 'memory', keptMb: Math.round((heapUsed + external) / 1024 ** 2), rssMb: Math.round(rss / 1024 ** 2) })
}

const database = await openDatabase({ dataDir: process.argv[2]! })
const opened = await openTarget(database.db, (told) => tell({ kind: 'told', told }))
watchTurns(tellTurnsFromMs, (turn) => tell({ kind: 'turn', turn }))
process.on('message', (message) => {
  if (message === 'measure') void measureMemory()
})
process.once('disconnect', () => {
  void close()
})
async function close(): Promise<void> {
  await opened[Symbol.asyncDispose]()
  await database.close()
  process.exit(0)
}
tell({ kind: 'open', target: opened.target })

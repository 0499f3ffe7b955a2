/** The target's process, as whoever started it has it at hand. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { hear, newKnown } from './fuzz.js'
import type { Known } from './request.js'
import type { Target } from './target.js'
import type { FromTarget } from './targetProcess.js'
import type { Turn } from './turns.js'

export interface Memory {
  /** In use once garbage is collected. */
  keptMb: number
  rssMb: number
}

export interface TargetRun extends AsyncDisposable {
  target: Target
  known: Known
  /** What it has logged. */
  lines: string[]
  /** Turns of its loop that took a while; whoever looks at them empties the list. */
  turns: Turn[]
  memory(): Promise<Memory>
}

/** `folder` is for its database. */
export async function startTarget(folder: string): Promise<TargetRun> {
  const program = join(import.meta.dirname, 'targetProcess.js')
  const child = fork(program, [join(folder, 'data')], { execArgv: ['--expose-gc'] })
  const [known, lines, turns] = [newKnown(), [] as string[], [] as Turn[]]
  let measured = (_: Memory): void => {}
  const target = await new Promise<Target>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The target ended with exit code ${code}.`)))
    child.on('message', (message: FromTarget) => {
      switch (message.kind) {
        case 'open':
          return resolve(message.target)
        case 'turn':
          return void turns.push(message.turn)
        case 'memory':
          return measured(message)
        case 'told':
          hear(known, message.told)
          if (message.told.line !== undefined) lines.push(message.told.line)
      }
    })
  })
  return {
    target,
    known,
    lines,
    turns,
    memory: () =>
      new Promise((resolve) => {
        measured = resolve
        child.send('measure')
      }),
    [Symbol.asyncDispose]: () => end(child),
  }
}

/**
 * It ends once nobody holds the channel to it; where it has ended already it is to be told, because a request may have
 * done it.
 */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) throw new Error('The target ended while it was fuzzed.')
  child.disconnect()
  await once(child, 'exit')
}

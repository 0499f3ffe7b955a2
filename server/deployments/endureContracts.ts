/**
 * Errors that contracts throw when they have long been loaded (a timer of theirs, an unhandled rejection) must not end
 * the coordinator. For programs that are a coordinator and nothing else: the user's code that makes one in its own
 * process decides itself.
 */
import { look } from '../../core/thrown.js'
import { contractsName } from './contractsUrl.js'
import type { Log } from '../log.js'

/** All other uncaught errors end the process as ever. Answers with a function that undoes it. */
export function endureContracts(log: Log): () => void {
  const listener = (error: unknown) => {
    if (isOfContracts(error)) {
      return log('error', 'the contracts of a deployment threw after they were loaded; the coordinator goes on', {
        error,
      })
    }
    stop()
    // Node tells of it, and ends
    process.nextTick(() => {
      throw error
    })
  }
  const stop = () => void process.off('uncaughtException', listener)
  process.on('uncaughtException', listener)
  return stop
}

/**
 * Whether no other code than theirs and Node's was at work. Without a stack that is not known, so it counts as ours.
 */
function isOfContracts(error: unknown): boolean {
  const stack = look(() => (error as Error).stack)
  // who awaits it (`at async`) was not at work
  const frames = typeof stack === 'string' ? stack.split('\n').filter((line) => /^\s+at (?!async )/.test(line)) : []
  return (
    frames.some((frame) => frame.includes(contractsName)) &&
    frames.every((frame) => frame.includes(contractsName) || /\bnode:|<anonymous>|\(native\)/.test(frame))
  )
}

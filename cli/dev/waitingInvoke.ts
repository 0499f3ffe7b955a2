/** Calls the functions of `errand dev`: harm that one job did to their process is not charged to the others. */
import type { Answer, Invoke } from '../../server/deps.js'
import { aborted } from '../signals.js'
import { within } from '../within.js'
import type { FunctionsProcess } from './functionsProcess.js'

/** By then the end of a process is heard of whose port is closed already. */
const endingMs = 5_000

/**
 * A call waits while the functions are being started again, and is made once more where it found that they had just
 * ended.
 */
export function waitingInvoke(
  functions: Pick<FunctionsProcess, 'ready' | 'ended'>,
  invoke: Invoke,
  limitMs = endingMs,
): Invoke {
  return async (call) => {
    for (;;) {
      await Promise.race([functions.ready(), aborted(call.signal)])
      const ended = functions.ended()
      const answer = await invoke(call)
      if (!isUnsent(answer) || !(await within(limitMs, Promise.race([ended, aborted(call.signal)])))) return answer
    }
  }
}

const isUnsent = (answer: Answer): boolean =>
  answer.kind === 'failed' && answer.code === 'UNREACHABLE' && answer.mayRun !== true

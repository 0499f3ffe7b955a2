/** Ping: asks functions whether they are there, by the invokers and signatures of calls. Nothing runs in them. */
import type { SilentFunction } from '../../core/views/deploymentView.js'
import { noBuild, pingId, type Ping, type Pong } from '../../core/functions/ping.js'
import { CallAbort } from '../functions/callAbort.js'
import type { Deps, Answer } from '../deps.js'
import type { FunctionAddress } from '../functions/functionAddresses.js'

/** A cold start, and the way there and back. */
const answerWithinMs = 15_000
const atOnce = 32
/** More than these need not be told: it is their host that is wrong. */
const mostSilent = 20

/** A worker whose function is asked, and which build is meant. */
export interface Pinged {
  name: string
  build?: string
}

/**
 * Answers with those that do not answer as themselves, by their names; no more are asked once there are twenty of them.
 */
export async function ping(
  deps: Deps,
  workers: readonly Pinged[],
  addressOf: FunctionAddress,
): Promise<SilentFunction[]> {
  const silent: SilentFunction[] = []
  const left = workers.toReversed()
  const askOn = async (): Promise<void> => {
    for (let asked = left.pop(); asked && silent.length < mostSilent; asked = left.pop()) {
      const problem = await problemOf(deps, asked, addressOf(asked.name)!)
      if (problem) silent.push({ worker: asked.name, ...problem })
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, workers.length) }, askOn))
  return silent.toSorted((a, b) => (a.worker < b.worker ? -1 : 1))
}

type Problem = Omit<SilentFunction, 'worker'>

async function problemOf(deps: Deps, pinged: Pinged, url: string): Promise<Problem | undefined> {
  const { name: worker } = pinged
  const callAbort = new CallAbort()
  const cancel = deps.clock.alarm(answerWithinMs, () => callAbort.abort('deadline'))
  const body = JSON.stringify({ ping: true, worker } satisfies Ping)
  try {
    const answer = await deps.invoke({
      worker,
      url,
      headers: deps.signer.headers(worker, pingId(worker, deps.newId()), deps.clock.now(), body),
      body,
      get signal() {
        return callAbort.signal
      },
      onAbort: (listener) => callAbort.onAbort(listener),
    })
    return problemIn(answer, pinged)
  } catch (error) {
    deps.log('error', 'an invoker threw', { worker, error })
    return { code: 'UNREACHABLE', message: 'The function could not be called.' }
  } finally {
    cancel()
  }
}

function problemIn(answer: Answer, { name, build }: Pinged): Problem | undefined {
  const pong = answer.kind === 'receipt' && answer.receipt.status === 'success' ? answer.receipt.result : undefined
  if (isPong(pong) && pong.worker === name) return isOther(pong, build) ? otherBuild : undefined
  if (answer.kind === 'failed') return { code: answer.code, message: answer.message }
  if (answer.kind === 'aborted') {
    return { code: 'TIMEOUT', message: `The function did not answer within ${answerWithinMs / 1_000}s.` }
  }
  return { code: 'NO_PING', message: 'The function answered, but not to a ping. Build it with this version of errand.' }
}

const isPong = (result: unknown): result is Pong => typeof result === 'object' && result !== null && 'worker' in result

/** A function in another language, or one that was never built for a platform, names no build. */
const isOther = ({ build }: Pong, wanted: string | undefined): boolean =>
  wanted !== undefined && build !== undefined && build !== noBuild && build !== wanted

const otherBuild: Problem = {
  code: 'OTHER_BUILD',
  message: 'A function of another build answered. Deploy this one there first, or wait until it is everywhere.',
}

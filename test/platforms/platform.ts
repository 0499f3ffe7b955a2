/**
 * What the conformance suite needs of a platform: to run what was built for it, and to call it as the coordinator
 * would.
 */
import type { TargetName } from '../../codegen/index.js'
import type { WorkerName } from './workers.js'

export interface Answer {
  status: number
  /** The value of `Retry-After`. */
  retryAfter: string | undefined
  text: string
}

export interface Running extends AsyncDisposable {
  call(worker: WorkerName, headers: Record<string, string>, body: string): Promise<Answer>
}

export interface Platform {
  name: string
  /** What it runs the build of; absent where nothing is built. */
  target?: TargetName
  /** Where `boom` throws, as its stack must say. */
  place: RegExp
  /** Why it cannot run on this machine. */
  missing?: string
  /** `dir` is the target's folder, built from `modules`; `keys` are the signing keys to set. */
  start(dir: string, keys: string): Promise<Running>
}

export async function post(url: string, headers: Record<string, string>, body: string): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })
  const retryAfter = response.headers.get('retry-after') ?? undefined
  return { status: response.status, retryAfter, text: await response.text() }
}

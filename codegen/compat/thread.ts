/** Runs the thread that contracts are tried in: their prints, and harm to their process, stay in there. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { configError } from '../../core/errors.js'
import { programFile } from '../program.js'
import type { Answers, Order } from './program.js'

export interface CompatThread extends AsyncDisposable {
  /** One at a time. Throws `CONFIG` where a contract has ended its thread. */
  ask<Kind extends Order['kind']>(order: Extract<Order, { kind: Kind }>): Promise<Answers[Kind]>
}

/** `code` is the text of contracts.mjs. */
export async function openThread(code: string): Promise<CompatThread> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-compat-'))
  const contracts = join(folder, 'contracts.mjs')
  await writeFile(contracts, code)
  const program = await programFile('compat/program', folder)
  const thread = new Worker(program, { workerData: { contracts }, env: {}, execArgv: [], stdout: true, stderr: true })
  thread.stdout.resume()
  thread.stderr.resume()
  const ended = new Promise<never>((_, reject) => {
    const fail = (cause?: unknown) =>
      reject(
        configError(
          'A contract ended the thread that tried it. Does its module call process.exit, or throw later?',
          cause,
        ),
      )
    thread.once('error', fail)
    thread.once('exit', () => fail())
  })
  ended.catch(() => {}) // it may end between requests
  return {
    ask: <Kind extends Order['kind']>(order: Extract<Order, { kind: Kind }>) => {
      const answered = new Promise<Answers[Kind]>((resolve) => thread.once('message', resolve))
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window
      thread.postMessage(order)
      return Promise.race([answered, ended])
    },
    async [Symbol.asyncDispose]() {
      await thread.terminate()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/**
 * The program in which `errand dev` runs job code. A process of its own, so that a job that crashes, blocks or calls
 * `process.exit` takes neither the coordinator nor the watcher with it. It ends when its parent does.
 */
import type { FunctionHost, Listening } from '../../runtime/node.js'
import { surviveRejections } from '../surviveRejections.js'
import type { FromFunctions, Serve, ToFunctions } from './messages.js'

let host: FunctionHost | undefined
let listening: Listening | undefined

const say = (message: FromFunctions) => process.send?.(message)

async function serve({ dir, keys, host: address, port }: Serve): Promise<void> {
  const { createFunctionHost } = await import('../../runtime/node.js')
  host = createFunctionHost({ dir, keys, log: (message) => console.error(message) })
  listening = await host.listen({ host: address, port })
  say({ kind: 'ready', url: listening.url })
}

async function reload(): Promise<void> {
  host?.reload()
  say({ kind: 'reloaded' })
}

async function stop(): Promise<void> {
  await listening?.close()
  process.exit(0)
}

const steps = { serve, reload, stop } as const

surviveRejections((stack) => console.error(`job code did not handle a rejection. ${stack}`))
process.on('message', (message: ToFunctions) => {
  const step = steps[message.kind] as (message: ToFunctions) => Promise<void>
  step(message).catch((error: unknown) => say({ kind: 'failed', message: (error as Error).message }))
})
process.on('disconnect', () => process.exit(0))

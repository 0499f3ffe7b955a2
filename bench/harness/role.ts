/**
 * Roles: client, coordinator, functions and workers each run in a process of their own, as in reality. A role is an
 * exported function of a system's module; `openRole` starts a process that calls it and then takes commands.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { sleep } from './time.js'

// `never` is what every command's input accepts
type Commands = Record<string, (input: never) => unknown>

export interface Role<Ready = unknown, All extends Commands = Commands> {
  /** Told to whoever opened the role: an address, say. */
  ready?: Ready
  commands: All
  close?: () => Promise<void>
}

type RoleFunction = (init: never) => Promise<Role>
type Opened<Made extends RoleFunction> = Awaited<ReturnType<Made>>
type CommandsOf<Made extends RoleFunction> = Opened<Made>['commands']

export interface RemoteRole<Made extends RoleFunction> {
  readonly pid: number
  readonly ready: NonNullable<Opened<Made>['ready']>
  call<Name extends keyof CommandsOf<Made>>(
    name: Name,
    ...input: Parameters<CommandsOf<Made>[Name]>
  ): Promise<Awaited<ReturnType<CommandsOf<Made>[Name]>>>
  /** Lets the role close, then ends its process, by force if need be. */
  close(): Promise<void>
}

export interface RoleOptions {
  /** Default: the Node that runs the bench. */
  node?: string
}

export interface RoleRequest {
  id: number
  command: string
  input: unknown
}

export type RoleAnswer = { id: number; output: unknown } | { id: number; error: string }

/** The commands that every role has. */
export const openCommand = 'role:open'
export const closeCommand = 'role:close'

const closeLimitMs = 10_000

/** `module` is the `import.meta.url` of the file that exports the role. */
export async function openRole<Made extends RoleFunction>(
  module: string,
  role: Made & { name: string },
  init: Parameters<Made>[0],
  { node = process.execPath }: RoleOptions = {},
): Promise<RemoteRole<Made>> {
  const child = fork(join(import.meta.dirname, 'child.js'), [module, role.name], {
    execPath: node,
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const call = callerOf(child, role.name)
  const close = () => closeChild(child, call)
  try {
    const ready = await call(openCommand, init)
    return { pid: child.pid!, ready, close, call } as unknown as RemoteRole<Made>
  } catch (error) {
    await close()
    throw error
  }
}

type Call = (command: string, input?: unknown) => Promise<unknown>

function callerOf(child: ChildProcess, role: string): Call {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let lastId = 0
  let ended: Error | undefined
  child.on('message', (answer: RoleAnswer) => {
    const caller = waiting.get(answer.id)
    waiting.delete(answer.id)
    if ('error' in answer) caller?.reject(new Error(`${role}: ${answer.error}`))
    else caller?.resolve(answer.output)
  })
  child.on('error', (error) => (ended ??= error))
  child.on('exit', (code, signal) => {
    ended ??= new Error(`${role} ended (${signal ?? code})`)
    for (const caller of waiting.values()) caller.reject(ended)
  })
  return (command, input) => {
    if (ended) return Promise.reject(ended)
    const caller = withResolvers<unknown>()
    waiting.set(++lastId, caller)
    child.send({ id: lastId, command, input } satisfies RoleRequest)
    return caller.promise
  }
}

/** `Promise.withResolvers` came with Node 22. */
function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: PromiseWithResolvers<T>['resolve']
  let reject!: PromiseWithResolvers<T>['reject']
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]))
  return { promise, resolve, reject }
}

interface PromiseWithResolvers<T> {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: unknown) => void
}

async function closeChild(child: ChildProcess, call: Call): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  void call(closeCommand).catch(() => {})
  await Promise.race([gone, sleep(closeLimitMs)])
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  await gone
}

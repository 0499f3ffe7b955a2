/** The compiler's language server, as an editor runs it: just enough of the protocol to ask for completions. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { repository } from '../harness/repository.js'
import { now } from '../harness/time.js'

export const compiler = join(repository, 'node_modules', 'typescript', 'bin', 'tsc')

export interface LanguageServer {
  /** Opens a file with a text of its own. */
  open: (file: string, text: string) => void
  /** Replaces the text, as typing does. */
  change: (file: string, text: string) => void
  /** What the editor would offer at this offset, and how long it took. */
  complete: (file: string, text: string, offset: number) => Promise<{ labels: string[]; ms: number }>
  close: () => Promise<void>
}

export async function startLanguageServer(root: string): Promise<LanguageServer> {
  const child = spawn(process.execPath, [compiler, '--lsp', '--stdio'], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const connection = connectionOf(child)
  const uriOf = (file: string) => pathToFileURL(join(root, file)).href
  let version = 1
  await connection.request('initialize', {
    processId: process.pid,
    rootUri: pathToFileURL(root).href,
    capabilities: { textDocument: { completion: { completionItem: {} } } },
    workspaceFolders: [{ uri: pathToFileURL(root).href, name: 'project' }],
  })
  connection.notify('initialized', {})
  return {
    open(file, text) {
      connection.notify('textDocument/didOpen', {
        textDocument: { uri: uriOf(file), languageId: 'typescript', version, text },
      })
    },
    change(file, text) {
      connection.notify('textDocument/didChange', {
        textDocument: { uri: uriOf(file), version: ++version },
        contentChanges: [{ text }],
      })
    },
    async complete(file, text, offset) {
      const startedAt = now()
      const answer = await connection.request('textDocument/completion', {
        textDocument: { uri: uriOf(file) },
        position: positionAt(text, offset),
      })
      return { labels: labelsIn(answer), ms: now() - startedAt }
    },
    async close() {
      const gone = once(child, 'exit')
      child.kill()
      await gone
    },
  }
}

export const readText = (root: string, file: string): string => readFileSync(join(root, file), 'utf8')

function positionAt(text: string, offset: number): { line: number; character: number } {
  const lines = text.slice(0, offset).split('\n')
  return { line: lines.length - 1, character: lines.at(-1)!.length }
}

function labelsIn(answer: unknown): string[] {
  const list = (Array.isArray(answer) ? answer : ((answer as { items?: unknown[] } | null)?.items ?? [])) as {
    label: string
  }[]
  return list.map(({ label }) => label)
}

interface Message {
  id?: number | string
  method?: string
  result?: unknown
  error?: { message: string }
}

function connectionOf(child: ChildProcess) {
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  let lastId = 0
  const send = (message: object) => {
    const text = JSON.stringify({ jsonrpc: '2.0', ...message })
    child.stdin!.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
  }
  const take = ({ id, method, result, error }: Message) => {
    if (method !== undefined) {
      // the server asks for settings and registrations; none is needed
      if (id !== undefined) send({ id, result: method === 'workspace/configuration' ? [null] : null })
      return
    }
    const caller = waiting.get(id as number)
    waiting.delete(id as number)
    if (error) caller?.reject(new Error(error.message))
    else caller?.resolve(result)
  }
  readMessages(child, take)
  child.once('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the language server ended'))
  })
  return {
    notify: (method: string, params: object) => send({ method, params }),
    request: (method: string, params: object): Promise<unknown> =>
      new Promise((resolve, reject) => {
        waiting.set(++lastId, { resolve, reject })
        send({ id: lastId, method, params })
      }),
  }
}

function readMessages(child: ChildProcess, take: (message: Message) => void): void {
  let buffer = Buffer.alloc(0)
  child.stdout!.on('data', (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk])
    for (;;) {
      const headerEnd = buffer.indexOf('\r\n\r\n')
      if (headerEnd < 0) return
      const length = Number(/content-length: (\d+)/i.exec(buffer.toString('latin1', 0, headerEnd))?.[1])
      const end = headerEnd + 4 + length
      if (buffer.length < end) return
      take(JSON.parse(buffer.toString('utf8', headerEnd + 4, end)) as Message)
      buffer = buffer.subarray(end)
    }
  })
}

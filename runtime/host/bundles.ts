/**
 * The bundles of a host: each one imported when its worker is called for the first time, and again when it has changed.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { wireHeader } from '../../core/wireVersion.js'
import type { FunctionHandler } from '../wrap.js'
import { readManifest } from './manifest.js'

export interface Bundles {
  /** The names of all workers. */
  workers(): string[]
  has(worker: string): boolean
  /** A worker whose bundle is there already. */
  loaded(worker: string): FunctionHandler | undefined
  /**
   * Calls that come while a bundle is imported share that import. Rejects where it cannot be loaded; the next call
   * tries again.
   */
  load(worker: string): Promise<FunctionHandler>
  /**
   * Reads the manifest anew, and has the next call of each worker look at its file again: a changed one is imported, an
   * equal one kept.
   */
  reload(): void
}

interface Bundle {
  file: string
  loading?: Promise<FunctionHandler> | undefined
  handler?: FunctionHandler
  failures: number
}

export function openBundles(dir: string): Bundles {
  let bundles = new Map<string, Bundle>()
  reload()

  function reload() {
    const before = bundles
    bundles = new Map(
      Array.from(readManifest(dir), ([worker, file]) => {
        const known = before.get(worker)
        return [worker, { file, failures: known?.file === file ? known.failures : 0 }]
      }),
    )
  }

  return {
    workers: () => [...bundles.keys()],
    has: (worker) => bundles.has(worker),
    loaded: (worker) => bundles.get(worker)?.handler,

    async load(worker) {
      const bundle = bundles.get(worker)!
      const loading = (bundle.loading ??= importBundle(bundle))
      try {
        bundle.handler = await loading
        return bundle.handler
      } catch (error) {
        if (bundle.loading === loading) {
          bundle.loading = undefined
          bundle.failures++
        }
        throw error
      }
    },

    reload,
  }
}

async function importBundle({ file, failures }: Bundle): Promise<FunctionHandler> {
  // stacks are to point into the TypeScript source; only modules that are imported after this have their maps read
  process.setSourceMapsEnabled(true)
  const url = pathToFileURL(file)
  // Node keeps each module for good, by its URL, and its failure too: another text, or another try, needs another URL
  url.search = `${await hashFile(file)}-${failures}`
  const module = (await import(/* @vite-ignore */ url.href)) as { default?: Partial<FunctionHandler> }
  if (typeof module.default?.handle === 'function') return module.default as FunctionHandler
  if (typeof module.default?.fetch === 'function') return byFetch(module.default as Pick<FunctionHandler, 'fetch'>)
  throw new TypeError(`${file} has no default export with a fetch method.`)
}

/** A function that speaks `fetch` alone: one that was written by hand, say. */
function byFetch(handler: Pick<FunctionHandler, 'fetch'>): FunctionHandler {
  return {
    fetch: (...call) => handler.fetch(...call),
    async handle({ method, header, body, onHangUp }, env, platform) {
      const hungUp = new AbortController()
      onHangUp?.(() => hungUp.abort())
      const headers = callHeaders.flatMap((name): [string, string][] => {
        const value = header(name)
        return value ? [[name, value]] : []
      })
      const init = {
        method,
        headers,
        ...(method === 'POST' ? { body: body ?? '' } : {}),
        signal: hungUp.signal,
      }
      const response = await handler.fetch(new Request('http://function/', init), env, platform)
      return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() }
    },
  }
}

const callHeaders = ['content-type', 'webhook-id', 'webhook-timestamp', 'webhook-signature', wireHeader]

const hashFile = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
    .slice(0, 16)

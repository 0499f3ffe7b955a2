/** One MongoDB for the whole run: `MONGODB_URI` if it is set, else an embedded engine on a folder that goes with the run. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startEngine } from '../../server/engine/start.js'

declare module 'vitest' {
  interface ProvidedContext {
    mongodbUri: string
  }
}

export default async function globalSetup({ provide }: TestProject): Promise<() => Promise<void>> {
  const { MONGODB_URI: uri } = process.env
  if (uri !== undefined && uri !== '') {
    provide('mongodbUri', uri)
    return async () => {}
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'errand-test-'))
  const engine = await startEngine({ dataDir, onProgress: (line) => console.error(line) })
  provide('mongodbUri', engine.uri)
  return async () => {
    await engine.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

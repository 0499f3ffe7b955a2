/**
 * One MongoDB for the whole run: `MONGODB_URI` if it is set, else an embedded engine on a folder that goes with the
 * run.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import type { TestProject } from 'vitest/node'
import { startEngine } from '../../database/embedded/start.js'

declare module 'vitest' {
  interface ProvidedContext {
    mongodbUri: string
    /** Begins the names of the run's databases. */
    databasePrefix: string
  }
}

export default async function globalSetup({ provide }: TestProject): Promise<() => Promise<void>> {
  const { MONGODB_URI: uri } = process.env
  if (uri !== undefined && uri !== '') {
    const prefix = `test-${randomUUID().slice(0, 8)}-`
    provide('mongodbUri', uri)
    provide('databasePrefix', prefix)
    return () => dropDatabases(uri, prefix)
  }
  const dataDir = await mkdtemp(join(await roomForData(), 'errand-test-'))
  const engine = await startEngine({ dataDir, onProgress: (line) => console.error(line) })
  await closeDroppedFiles(engine.uri)
  provide('mongodbUri', engine.uri)
  provide('databasePrefix', 'test-')
  return async () => {
    await engine.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** Of data and journal of a whole run; most of it is journal. */
const enoughBytes = 4 * 1024 ** 3

/**
 * In memory where there is room. A thousand tests make thirteen collections and their indexes each, and on a disk half
 * of a small test's time is spent on files that are flushed to it and deleted a moment later. What the journal is worth
 * is tested elsewhere, with kills, on a disk.
 */
async function roomForData(): Promise<string> {
  const memory = '/dev/shm'
  try {
    const { bavail, bsize } = await statfs(memory)
    if (bavail * bsize > enoughBytes && freemem() > enoughBytes) return memory
  } catch {
    // there is none on this system
  }
  return tmpdir()
}

/**
 * The engine keeps the files of a dropped collection open for ten minutes. With a database for each of more than a
 * thousand tests, that is more than the 20,000 files that a process may have open on many machines, and the engine dies
 * of it halfway.
 */
async function closeDroppedFiles(uri: string): Promise<void> {
  const client = await MongoClient.connect(uri)
  try {
    await client.db('admin').command({
      setParameter: 1,
      wiredTigerEngineRuntimeConfig: 'file_manager=(close_idle_time=1,close_scan_interval=1,close_handle_minimum=50)',
    })
  } finally {
    await client.close()
  }
}

/** On somebody's own MongoDB nothing of the run stays. */
async function dropDatabases(uri: string, prefix: string): Promise<void> {
  const client = await MongoClient.connect(uri)
  try {
    const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true })
    for (const { name } of databases.filter(({ name }) => name.startsWith(prefix))) await client.db(name).dropDatabase()
  } finally {
    await client.close()
  }
}

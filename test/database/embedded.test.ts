/**
 * The embedded engine and the way to a database: what they serve, what they survive, and what they say when they
 * cannot.
 */
import { build } from 'esbuild'
import { BSON, MongoServerError, type Collection } from 'mongodb'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { access, chmod, mkdtemp, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { ErrandError } from '../../core/errors.js'
import { openDatabase } from '../../database/connect.js'
import { newerSources } from '../../database/embedded/aptSource.js'
import { startEngine } from '../../database/embedded/start.js'
import { closedPort } from '../support/closedPort.js'
import { repository } from '../support/repository.js'

const temporaryFolder = async (): Promise<string> => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'errand-test-')))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const openEmbedded = async (dataDir: string) => {
  const database = await openDatabase({ dataDir })
  onTestFinished(() => database.close())
  return database
}

const startOn = async (dataDir: string) => {
  const engine = await startEngine({ dataDir })
  onTestFinished(() => engine.stop())
  return engine
}

const socketPathIn = (uri: string): string => decodeURIComponent(/^mongodb:\/\/([^/?]+)/.exec(uri)?.[1] ?? '')

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** What a person or a log would get to see of an error: message, stack, fields and causes. */
const failureOf = async (work: Promise<unknown>): Promise<{ message: string; shown: string }> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof ErrandError)) throw new Error(`expected an ErrandError, got ${inspect(error)}`)
  expect(error.code).toBe('CONFIG')
  return { message: error.message, shown: inspect(error, { depth: 10 }) }
}

describe('the embedded engine', () => {
  it('serves journaled writes under a unique partial index', async () => {
    const { db } = await openEmbedded(await temporaryFolder())
    const jobs: Collection<{ key?: string; n: number }> = db.collection('errand_jobs')
    await jobs.createIndex({ key: 1 }, { unique: true, partialFilterExpression: { key: { $exists: true } } })

    const inserted = await jobs.insertMany([{ n: 1 }, { n: 2 }, { key: 'a', n: 3 }])

    expect(inserted.acknowledged).toBe(true)
    await expect(jobs.insertOne({ key: 'a', n: 4 })).rejects.toMatchObject({ code: 11_000 })
    const [moved, taken] = await Promise.all([
      jobs.updateMany({ key: { $exists: false } }, [{ $set: { n: { $add: ['$n', 10] } } }]),
      jobs.findOneAndUpdate({ key: 'a' }, { $unset: { key: '' } }, { returnDocument: 'after' }),
    ])
    expect(moved.modifiedCount).toBeGreaterThanOrEqual(2)
    expect(taken).not.toHaveProperty('key')
    await expect(jobs.insertOne({ key: 'a', n: 4 })).resolves.toMatchObject({ acknowledged: true })
  })

  it('names the database after the URI, else errand', async () => {
    const own = await openEmbedded(await temporaryFolder())
    expect(own.db.databaseName).toBe('errand')

    const named = await openDatabase({ uri: own.uri.replace('/?', '/shop-jobs?'), dataDir: '' })
    onTestFinished(() => named.close())
    expect(named.db.databaseName).toBe('shop-jobs')
  })

  // one round may be lucky: a write that is not waited for reaches the journal by itself within moments
  it.each([1, 2, 3, 4, 5])('keeps every acknowledged write when its process is killed (round %i)', async () => {
    const dataDir = await temporaryFolder()
    const engine = await startOn(dataDir)
    const first = await openDatabase({ uri: `${engine.uri}&w=0&j=false&journal=false`, dataDir })
    onTestFinished(() => first.close())
    const writes = writeUntilItFails(first.db.collection('ledger'))
    await writes.reached(200)

    process.kill(engine.pid, 'SIGKILL')

    const acknowledged = await writes.acknowledged
    expect(acknowledged.length).toBeGreaterThanOrEqual(200)
    const again = await openEmbedded(dataDir)
    const kept = new Set(await again.db.collection<{ _id: number }>('ledger').distinct('_id'))
    expect(acknowledged.filter((_id) => !kept.has(_id))).toEqual([])
  })

  it('says that it was killed, and clears what it left behind when it starts again', async () => {
    const dataDir = await temporaryFolder()
    const killed = await startOn(dataDir)
    process.kill(killed.pid, 'SIGKILL')
    expect((await killed.lost).message).toContain('ended unexpectedly, by SIGKILL')
    expect(await exists(socketPathIn(killed.uri))).toBe(true)

    const next = await startOn(dataDir)
    expect(await exists(socketPathIn(killed.uri))).toBe(false)
    await next.stop()
    await next.stop()
    expect(await exists(dirname(dirname(socketPathIn(next.uri))))).toBe(false)
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves it to its owner what %s means', async (signal) => {
    const dataDir = await temporaryFolder()
    const engine = await startOn(dataDir)
    const { db } = await openDatabase({ uri: engine.uri, dataDir }).then((database) => {
      onTestFinished(() => database.close())
      return database
    })

    process.kill(engine.pid, signal)

    await expect(db.collection('errand_jobs').insertOne({ n: 1 })).resolves.toMatchObject({ acknowledged: true })
    const ended = await Promise.race([engine.lost, engine.stop()])
    expect(ended).toBeUndefined()
  })

  it('ends with its owner, even one that is killed, and the folder is free again', async () => {
    const dataDir = await temporaryFolder()
    const owner = await spawnOwner(dataDir)
    const database = await openDatabase({ uri: owner.uri, dataDir })
    onTestFinished(() => database.close())
    await database.db.collection('errand_jobs').insertOne({ n: 1 })
    const socket = connect(socketPathIn(owner.uri))
    await once(socket, 'connect')

    owner.process.kill('SIGKILL')

    await once(socket, 'close')
    const again = await openEmbedded(dataDir)
    expect(await again.db.collection('errand_jobs').countDocuments({ n: 1 })).toBe(1)
  })

  describe('keeps what it stores from other users of the machine', () => {
    const rights = async (path: string) => ((await stat(path)).mode & 0o777).toString(8)
    const open = async (dataDir: string) => {
      const told: string[] = []
      const database = await openDatabase({ dataDir, tell: (line) => told.push(line) })
      await database.db.collection('errand_jobs').insertOne({ secret: true })
      await database.close()
      return told
    }

    it('in a folder that it makes, and in no other', async () => {
      const parent = join(await temporaryFolder(), 'project')
      expect(await open(join(parent, 'data'))).toEqual([])
      expect(await rights(join(parent, 'data'))).toBe('700')
      expect(await rights(parent)).toBe('755')
      const files = (await readdir(join(parent, 'data'))).filter((name) => name.endsWith('.wt'))
      expect(await Promise.all(files.map((name) => rights(join(parent, 'data', name))))).toEqual(files.map(() => '600'))
    })

    it('in a folder of its own that was open to others before, and says so', async () => {
      const dataDir = join(await temporaryFolder(), 'data')
      await open(dataDir)
      await chmod(dataDir, 0o755)
      expect(await open(dataDir)).toEqual([expect.stringContaining(`could read ${dataDir}. That is over`)])
      expect(await rights(dataDir)).toBe('700')
      expect(await open(dataDir)).toEqual([])
    })

    it('in a folder that holds other things, whose rights are not its own to change', async () => {
      const dataDir = await temporaryFolder()
      await open(dataDir)
      await writeFile(join(dataDir, 'page.html'), '', { mode: 0o644 })
      await chmod(join(dataDir, 'WiredTiger.wt'), 0o644)
      await chmod(dataDir, 0o755)
      expect(await open(dataDir)).toEqual([expect.stringContaining(`could read the database in ${dataDir}`)])
      const paths = [dataDir, join(dataDir, 'page.html'), join(dataDir, 'WiredTiger.wt'), join(dataDir, 'journal')]
      expect(await Promise.all(paths.map(rights))).toEqual(['755', '644', '600', '700'])
    })

    it('but for a group that somebody let in', async () => {
      const dataDir = await temporaryFolder()
      await chmod(dataDir, 0o750)
      expect(await open(dataDir)).toEqual([])
      expect(await rights(dataDir)).toBe('750')
    })
  })

  it('refuses a folder that another process holds, naming it and the settings', async () => {
    const dataDir = await temporaryFolder()
    const owner = await spawnOwner(dataDir)

    const { message } = await failureOf(startEngine({ dataDir }))

    expect(message).toContain(`${dataDir} is held by process ${owner.process.pid},`)
    expect(message).toContain('ERRAND_DATA')
    expect(message).toContain('MONGODB_URI')
  })

  it('lets one of several that race for a folder win', async () => {
    const dataDir = await temporaryFolder()

    const racers = await Promise.allSettled(Array.from({ length: 4 }, () => startOn(dataDir)))

    const losers = racers.filter((racer) => racer.status === 'rejected').map((racer) => String(racer.reason))
    expect(losers).toHaveLength(3)
    for (const loser of losers) expect(loser).toContain(`${dataDir} is held by process `)
  })

  it('explains a data folder that cannot be made', async () => {
    const file = join(await temporaryFolder(), 'file')
    await writeFile(file, '')

    const { message } = await failureOf(openDatabase({ dataDir: join(file, 'data') }))

    expect(message).toContain(`${join(file, 'data')} cannot be written (ENOTDIR)`)
    expect(message).toContain('ERRAND_DATA')
  })

  it('says what to set on a machine where no MongoDB runs', async () => {
    pretendArchitecture('mips')
    vi.stubEnv('MONGOMS_SYSTEM_BINARY', '/nowhere/mongod')
    onTestFinished(() => void vi.unstubAllEnvs())

    const { message } = await failureOf(startEngine({ dataDir: await temporaryFolder() }))

    expect(message).toContain('Set MONGODB_URI to a MongoDB server')
    expect(message).toContain(`no embedded engine for ${process.platform}-mips. mongodb-memory-server: `)
    expect(message).not.toContain('mongodb-memory-server: .')
  })

  it('does not start another server beside the data of the embedded engine', async () => {
    const dataDir = await temporaryFolder()
    await (await startOn(dataDir)).stop()
    const before = await readdir(dataDir)
    pretendArchitecture('mips')

    const { message } = await failureOf(startEngine({ dataDir }))

    expect(message).toContain(`${dataDir} was made by the embedded database, which does not start on it`)
    expect(await readdir(dataDir)).toEqual(before)
  })
})

describe('MONGODB_URI', () => {
  const password = 'sw0rdf1sh'

  it('is explained when its scheme is wrong', async () => {
    const { message, shown } = await failureOf(openDatabase({ uri: `http://ada:${password}@host/errand`, dataDir: '' }))
    expect(message).toContain('MONGODB_URI cannot be read (Invalid scheme')
    expect(shown).not.toContain(password)
  })

  it.each([
    ['a password that is not encoded', `mongodb://ada:${password}/@:x%@127.0.0.1:27017/errand`],
    ['no host', `mongodb://ada:${password}@/errand`],
    ['an option of the wrong kind', `mongodb://ada:${password}@127.0.0.1:27017/errand?maxPoolSize=many`],
    ['nothing of a URI', password],
  ])('is explained without its password when it has %s', async (_what, uri) => {
    const { message, shown } = await failureOf(openDatabase({ uri, dataDir: '' }))
    expect(message).toContain('MONGODB_URI cannot be read')
    expect(message).toContain('mongodb://user:password@host:27017/errand')
    expect(shown).not.toContain(password)
  })

  it('is explained without its password when no server answers', async () => {
    const port = await closedPort()
    const uri = `mongodb://ada:${password}@127.0.0.1:${port}/errand?serverSelectionTimeoutMS=3000`

    const { message, shown } = await failureOf(openDatabase({ uri, dataDir: '' }))

    expect(message).toContain(`MongoDB at 127.0.0.1:${port} cannot be reached (connect ECONNREFUSED`)
    expect(message).toContain('MONGODB_URI')
    expect(shown).not.toContain(password)
  })

  it('is explained without its password when the server refuses the user', async () => {
    const port = await serverThatRefusesUsers()
    const uri = `mongodb://ada:${password}@127.0.0.1:${port}/errand?authMechanism=SCRAM-SHA-256`

    const { message, shown } = await failureOf(openDatabase({ uri, dataDir: '' }))

    expect(message).toContain(`MongoDB at 127.0.0.1:${port} refused the user in MONGODB_URI (AuthenticationFailed)`)
    expect(shown).not.toContain(password)
  })
})

describe('the source of a newer glibc', () => {
  it('is the mirror of a stanza, with its key and options, one release later', () => {
    const text = `# made by the installer
Types: deb deb-src
URIs: http://mirror.example.org/debian
Suites: bookworm bookworm-updates
Components: main contrib
Check-Valid-Until: no
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF

Types: deb
URIs: http://mirror.example.org/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example.org/debian
Suites: bookworm
Components: main
`
    expect(newerSources([{ format: 'sources', text }], 'amd64')).toEqual([
      {
        format: 'sources',
        text: `Types: deb
Suites: trixie
Components: main
Architectures: amd64
Targets: Packages
URIs: http://mirror.example.org/debian
Check-Valid-Until: no
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
`,
      },
    ])
  })

  it('is the mirror of a line, with its options, and the distribution comes before vendors', () => {
    const text = `# deb http://old.example.org/ubuntu jammy main
deb cdrom:[Ubuntu 22.04]/ jammy main
deb https://deb.vendor.example/node_20.x jammy main
deb [arch=amd64,i386 signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg] http://ports.ubuntu.com/ubuntu jammy main universe # all
deb https://download.vendor.example/linux/ubuntu jammy stable
deb-src http://ports.ubuntu.com/ubuntu jammy main
deb http://ports.ubuntu.com/ubuntu jammy-updates main
`
    expect(newerSources([{ format: 'list', text }], 'arm64').map((source) => source.text)).toEqual([
      'deb [signed-by=/usr/share/keyrings/ubuntu-archive-keyring.gpg arch=arm64 target=Packages] http://ports.ubuntu.com/ubuntu noble main\n',
      'deb [arch=arm64 target=Packages] https://deb.vendor.example/node_20.x noble main\n',
    ])
  })
})

/** Inserts one document after another, each one counted when it is acknowledged, until the server is gone. */
const writeUntilItFails = (ledger: Collection<{ _id: number }>) => {
  const done: number[] = []
  const waiting: { count: number; resolve: () => void }[] = []
  const write = async (): Promise<number[]> => {
    for (let _id = 0; ; _id++) {
      try {
        await ledger.insertOne({ _id })
      } catch (error) {
        if (error instanceof MongoServerError) throw error
        return done
      }
      done.push(_id)
      for (const { count, resolve } of waiting) if (done.length >= count) resolve()
    }
  }
  const acknowledged = write()
  const reached = (count: number) => new Promise<void>((resolve) => waiting.push({ count, resolve }))
  return { acknowledged, reached }
}

/** Another process with an engine of its own, from the sources as they are now. */
const spawnOwner = async (dataDir: string): Promise<{ process: ChildProcess; uri: string }> => {
  const program = join(await temporaryFolder(), 'owner.mjs')
  await build({
    stdin: {
      contents: `import { startEngine } from './database/embedded/start.js'
        const engine = await startEngine({ dataDir: process.argv[2] })
        console.log(engine.uri)
        process.stdin.resume().on('end', () => engine.stop())`,
      resolveDir: repository,
      loader: 'ts',
    },
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['mongodb-memory-server'],
    define: {
      'import.meta.url': JSON.stringify(pathToFileURL(join(repository, 'database/embedded/embedded.ts')).href),
    },
    logLevel: 'error',
  })
  const owner = spawn(process.execPath, [program, dataDir], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(owner, 'exit')
  onTestFinished(async () => {
    owner.stdin.end()
    await exited
  })
  for await (const uri of createInterface(owner.stdout)) return { process: owner, uri }
  throw new Error('the owner of the engine ended before it served')
}

const pretendArchitecture = (arch: string): void => {
  const real = Object.getOwnPropertyDescriptor(process, 'arch')
  Object.defineProperty(process, 'arch', { ...real, value: arch })
  onTestFinished(() => void Object.defineProperty(process, 'arch', real ?? {}))
}

const listen = async (server: Server): Promise<number> => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

/**
 * Speaks just enough of MongoDB's protocol to greet the driver and turn down its user: the embedded engine knows no
 * users.
 */
const serverThatRefusesUsers = async (): Promise<number> => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (message) => {
      const isGreeting = message.includes('ismaster') || message.includes('hello')
      socket.write(reply(message, isGreeting ? greeting : refusal))
    })
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return listen(server)
}

const greeting = {
  ok: 1,
  isWritablePrimary: true,
  ismaster: true,
  helloOk: true,
  minWireVersion: 0,
  maxWireVersion: 25,
}
const refusal = { ok: 0, code: 18, codeName: 'AuthenticationFailed', errmsg: 'Authentication failed.' }

/** An OP_REPLY to the driver's first greeting, which is an OP_QUERY; an OP_MSG to the rest. */
const reply = (message: Buffer, body: object): Buffer => {
  const isQuery = message.readInt32LE(12) === 2004
  const document = BSON.serialize({ ...body, maxBsonObjectSize: 16_777_216, maxMessageSizeBytes: 48_000_000 })
  const head = Buffer.alloc(isQuery ? 36 : 21)
  head.writeInt32LE(head.length + document.length, 0)
  head.writeInt32LE(message.readInt32LE(4), 8)
  head.writeInt32LE(isQuery ? 1 : 2013, 12)
  if (isQuery) head.writeInt32LE(1, 32)
  return Buffer.concat([head, document])
}

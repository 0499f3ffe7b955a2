/**
 * A C library new enough for the embedded engine, next to the machine's own and not in its place.
 *
 * The engine needs glibc 2.38; Debian 12 has 2.36. Glibc is backward compatible, so Node runs on a newer one if it is
 * started by that library's own loader. Debian's trixie (or Ubuntu's noble) has it in two packages. `apt-get` fetches
 * them as any user, checks their signatures, and touches nothing of the machine's when told to keep its lists,
 * state and cache in a folder of ours. The result stays in the user's cache folder: fetched once.
 *
 *     cached ─ yes ─────────────────────────────────────────────┐
 *       │ no                                                     ├─ loader and library path
 *     sources → apt-get update → download → unpack → try → rename ┘
 *
 * The rename comes last and is atomic, so two starts at once may both fetch, but neither sees a half of it.
 */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { access, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { aptGet } from './aptGet.js'
import { newerSources, type AptSource } from './aptSource.js'
import { EngineUnavailable, type EngineOptions } from './engine.js'

const needed = { major: 2, minor: 38 }
/** Of an unfinished fetch: older than this it is abandoned. */
const abandonedAfterMs = 3_600_000

export interface Glibc {
  /** The library's dynamic loader: runs a program on this library instead of the machine's. */
  loader: string
  /** Where the program's libraries are, the newer ones first, separated by `:`. */
  libraryPath: string
}

interface Machine {
  /** Debian's word for it. */
  architecture: string
  triplet: string
  loader: string
}

const machines: Readonly<Record<string, Machine>> = {
  x64: { architecture: 'amd64', triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { architecture: 'arm64', triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
}

/** `undefined` when the machine's own glibc will do. Throws `EngineUnavailable` when there is none to be had. */
export const newerGlibc = async (onProgress: EngineOptions['onProgress']): Promise<Glibc | undefined> => {
  const version = glibcVersion()
  if (version === undefined) throw new EngineUnavailable('this Linux has no glibc (musl)')
  if (isNewEnough(version)) return undefined
  const machine = machines[process.arch]
  if (machine === undefined) throw new EngineUnavailable(`there is no embedded engine for linux-${process.arch}`)
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'errand')
  const folder = join(cache, `glibc-${machine.architecture}`)
  const glibc = glibcIn(folder, machine)
  if (await exists(glibc.loader)) return glibc
  try {
    await fetchInto(folder, cache, machine, version, onProgress)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new EngineUnavailable(`it needs glibc 2.38, this system has ${version}, and fetching one failed: ${reason}`)
  }
  return glibc
}

const glibcVersion = (): string | undefined => {
  const { report } = process
  Object.assign(report, { excludeNetwork: true }) // else it looks up the names of all open connections
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return header?.glibcVersionRuntime
}

const isNewEnough = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > needed.major || (major === needed.major && minor >= needed.minor)
}

const glibcIn = (folder: string, { triplet, loader }: Machine): Glibc => {
  const libraries = join(folder, 'usr/lib', triplet)
  return {
    loader: join(libraries, loader),
    libraryPath: [libraries, `/lib/${triplet}`, `/usr/lib/${triplet}`].join(':'),
  }
}

const fetchInto = async (
  folder: string,
  cache: string,
  machine: Machine,
  version: string,
  onProgress: EngineOptions['onProgress'],
): Promise<void> => {
  await mkdir(cache, { recursive: true })
  await removeAbandoned(cache)
  const work = join(cache, `fetch-${randomUUID().slice(0, 8)}`)
  const tell = (what: string): void =>
    onProgress?.(
      `Embedded database: it needs glibc 2.38, this system has ${version}; fetching one, once, 13 MB: ${what}`,
    )
  try {
    await download(work, machine, tell)
    await unpack(work)
    await tryOut(glibcIn(join(work, 'root'), machine))
    await rename(join(work, 'root'), folder).catch(async (error: unknown) => {
      if (!(await exists(glibcIn(folder, machine).loader))) throw error // else another start was first
    })
    tell('done')
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Any vendor's repository may carry the family's suite name without the packages, so the next source gets its turn. */
const download = async (work: string, machine: Machine, tell: (what: string) => void): Promise<void> => {
  const sources = newerSources(await readAptSources(), machine.architecture)
  if (sources.length === 0) throw new Error('no Debian or Ubuntu mirror is named in /etc/apt')
  const errors: string[] = []
  for (const source of sources) {
    try {
      await rm(work, { recursive: true, force: true })
      await mkdir(join(work, 'packages'), { recursive: true })
      const sourceList = join(work, `newer.${source.format}`)
      await writeFile(sourceList, source.text)
      const apt = await aptGet({ folder: join(work, 'apt'), sourceList, architecture: machine.architecture })
      await apt(['update'], work, (percent) => tell(`package list ${percent}%`))
      await apt(['download', 'libc6', 'libgcc-s1'], join(work, 'packages'), (percent) => tell(`packages ${percent}%`))
      return
    } catch (error) {
      errors.push(error instanceof Error ? error.message : String(error))
    }
  }
  throw new Error(errors[0])
}

const readAptSources = async (): Promise<AptSource[]> => {
  const parts = '/etc/apt/sources.list.d'
  const names = await readdir(parts).catch(() => [])
  const paths = ['/etc/apt/sources.list', ...names.map((name) => join(parts, name))]
  const files = paths.map(async (path): Promise<AptSource | undefined> => {
    const format = /\.(list|sources)$/.exec(path)?.[1]
    const text = await readFile(path, 'utf8').catch(() => undefined)
    if (text === undefined || format === undefined) return undefined
    return { format: format === 'list' ? 'list' : 'sources', text }
  })
  return (await Promise.all(files)).filter((file) => file !== undefined)
}

const unpack = async (work: string): Promise<void> => {
  const packages = join(work, 'packages')
  for (const name of await readdir(packages)) {
    if (name.endsWith('.deb')) await promisify(execFile)('dpkg', ['-x', join(packages, name), join(work, 'root')])
  }
}

/** Node itself says which glibc it runs on: anything wrong with the packages shows here, before they are kept. */
const tryOut = async ({ loader, libraryPath }: Glibc): Promise<void> => {
  const program = 'process.stdout.write(String(process.report.getReport().header.glibcVersionRuntime))'
  const args = ['--library-path', libraryPath, process.execPath, '-e', program]
  const { stdout } = await promisify(execFile)(loader, args, { env: { PATH: process.env.PATH } })
  if (!isNewEnough(stdout)) throw new Error(`the fetched glibc reports version ${stdout}`)
}

const removeAbandoned = async (cache: string): Promise<void> => {
  for (const name of await readdir(cache)) {
    if (!name.startsWith('fetch-')) continue
    const { mtimeMs } = await stat(join(cache, name)).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
    if (mtimeMs + abandonedAfterMs < Date.now()) await rm(join(cache, name), { recursive: true, force: true })
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

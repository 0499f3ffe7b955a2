/** Finds the workers of a project: which modules in jobs/ are one, their names, and which names cannot be. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { workerNamePattern } from '../core/job/names.js'
import { compare, type Problem } from './check/problems.js'
import type { Run, WorkerFile } from './run.js'
const jobsFolder = 'jobs'
export const registryFile = `${jobsFolder}/registry.gen.ts`
export const contextFile = `${jobsFolder}/context.gen.ts`

const moduleExtension = /\.(?:ts|mts|tsx)$/
const declarationFile = /\.d\.[cm]?ts$/
const testFile = /\.(?:test|spec)\.(?:ts|mts|tsx)$/

/**
 * Workers sorted by name, and every name that cannot stand. Tests, declarations and what starts with `_` are no
 * workers.
 */
async function scan(root: string): Promise<{ workers: WorkerFile[]; problems: Problem[] }> {
  const files = await listModules(root, jobsFolder)
  const workers = files
    .map((file) => ({ name: workerName(file), file }))
    .toSorted((a, b) => compare(a.name, b.name) || compare(a.file, b.file))
  return { workers, problems: [...workers.flatMap(nameProblems), ...clashes(workers)] }
}

/** Step: the workers that a run goes on with; those whose names cannot stand are among its problems. */
export async function scanFor(run: Run): Promise<WorkerFile[]> {
  const { workers, problems } = await scan(run.project.root)
  run.problems.push(...problems)
  const refused = new Set(problems.map(({ file }) => file))
  return workers.filter(({ file }) => !refused.has(file))
}

/** Every folder under jobs/ that may hold a worker, for the watcher. */
export async function jobFolders(root: string, folder = jobsFolder): Promise<string[]> {
  const entries = await readEntries(join(root, folder))
  const inner = entries.filter((entry) => entry.isDirectory() && isJobFolder(entry.name))
  const deeper = await Promise.all(inner.map((entry) => jobFolders(root, `${folder}/${entry.name}`)))
  return [folder, ...deeper.flat()]
}

async function listModules(root: string, folder: string): Promise<string[]> {
  const entries = await readEntries(join(root, folder))
  const lists = await Promise.all(
    entries.map(async (entry) => {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) return isJobFolder(entry.name) ? listModules(root, path) : []
      return isJobModule(path, entry.name) ? [path] : []
    }),
  )
  return lists.flat()
}

/** A project without jobs/ has no workers; that is no error, they are yet to be written. */
async function readEntries(path: string) {
  try {
    return await readdir(path, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

const isJobFolder = (name: string): boolean =>
  !name.startsWith('_') && !name.startsWith('.') && name !== '__tests__' && name !== 'node_modules'

const isJobModule = (path: string, name: string): boolean =>
  moduleExtension.test(name) &&
  !name.startsWith('_') &&
  !name.startsWith('.') &&
  !declarationFile.test(name) &&
  !testFile.test(name) &&
  path !== registryFile &&
  path !== contextFile

const workerName = (file: string): string =>
  file
    .slice(jobsFolder.length + 1)
    .replace(moduleExtension, '')
    .replaceAll('/', '.')

function nameProblems({ name, file }: WorkerFile): Problem[] {
  if (workerNamePattern.test(name)) return []
  const bad = [...new Set(name.replaceAll(/[A-Za-z0-9_.-]/g, ''))].map((character) => `"${character}"`).join(' ')
  const why = bad === '' ? 'has an empty part' : `has ${bad}`
  const message = `The worker's name "${name}" ${why}. Rename the file: names use letters, digits, "_" and "-", and folders become dots.`
  return [atTop(file, message)]
}

/**
 * Names are urls and folders too, and some disks do not tell case apart, so names that differ in case alone clash as
 * well.
 */
function clashes(workers: WorkerFile[]): Problem[] {
  const groups = groupByLowerCase(workers)
  return [...groups.values()].flatMap((group) => group.slice(1).map((worker) => clash(worker, group[0]!)))
}

function groupByLowerCase(workers: WorkerFile[]): Map<string, WorkerFile[]> {
  const groups = new Map<string, WorkerFile[]>()
  for (const worker of workers) {
    const key = worker.name.toLowerCase()
    groups.set(key, [...(groups.get(key) ?? []), worker])
  }
  return groups
}

function clash(worker: WorkerFile, first: WorkerFile): Problem {
  const how =
    worker.name === first.name
      ? `Both are "${worker.name}".`
      : `"${worker.name}" and "${first.name}" differ only in case.`
  return atTop(worker.file, `The worker's name clashes with that of ${first.file}. ${how} Rename one of the two files.`)
}

const atTop = (file: string, message: string): Problem => ({ file, line: 1, column: 1, message })

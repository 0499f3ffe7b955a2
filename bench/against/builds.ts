/**
 * The two builds of a comparison, each in a folder of its own below a temporary one: the old in a git worktree, where
 * it is built by its own scripts; the new as a copy of what was just built, so that whoever goes on working on it does
 * not change what is measured. All of it goes at the end, also where an error or a signal is the end.
 */
import { cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BenchError, installByNpm } from '../harness/npm.js'
import { benchFolder, repository } from '../harness/repository.js'
import { lastWords, run, type Ended, type Place } from './command.js'

export interface Build {
  /** Short commit, and whether something was changed since. */
  name: string
  dir: string
}

export interface Builds extends AsyncDisposable {
  old: Build
  new: Build
}

export async function openBuilds(commit: string, log: (line: string) => void, signal: AbortSignal): Promise<Builds> {
  const git: Git = (args, cwd = repository) => runGit(args, { cwd, signal })
  const hash = await resolveCommit(git, commit)
  const name = await nameOfNow(git)
  const root = await mkdtemp(join(tmpdir(), 'errand-against-'))
  const [oldDir, newDir] = [join(root, 'old'), join(root, 'new')]
  const close = async () => {
    await rm(root, { recursive: true, force: true })
    // what is left is git's note of it; twice, because a worktree is locked while it is made
    const { signal } = new AbortController()
    await runGit(['worktree', 'remove', '--force', '--force', oldDir], { cwd: repository, signal })
  }
  try {
    await copyBuild(newDir)
    log(`Building ${hash} …`)
    await checkOut(git, hash, oldDir)
    await buildOld({ git, hash, dir: oldDir, log, signal })
    return { old: { name: hash, dir: oldDir }, new: { name, dir: newDir }, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

type Git = (args: readonly string[], cwd?: string) => Promise<Ended>

async function runGit(args: readonly string[], place: Place): Promise<Ended> {
  const ended = await run('git', args, place).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    throw new BenchError('--against needs git, and there is none in the PATH.', { cause: error })
  })
  return { ...ended, stdout: ended.stdout.trim() }
}

async function resolveCommit(git: Git, commit: string): Promise<string> {
  const found = await git(['rev-parse', '--short', '--verify', '--quiet', `${commit}^{commit}`])
  if (found.code === 0) return found.stdout
  throw new BenchError(
    `--against knows no commit "${commit}" in this repository. ` +
      'Name one that `git log` shows; in a shallow clone, `git fetch --unshallow` brings the others.',
  )
}

async function nameOfNow(git: Git): Promise<string> {
  const head = await git(['rev-parse', '--short', 'HEAD'])
  const changes = await git(['status', '--porcelain', '--untracked-files=no'])
  return changes.stdout === '' ? head.stdout : `${head.stdout} with changes`
}

/** What the compiled bench reads: itself, the product, the packages. */
async function copyBuild(dir: string): Promise<void> {
  for (const part of ['dist', 'package.json', 'bench/package.json']) {
    await cp(join(repository, part), join(dir, part), { recursive: true })
  }
  await shareModules(dir)
}

const shareModules = (dir: string) => symlink(join(repository, 'node_modules'), join(dir, 'node_modules'))

async function checkOut(git: Git, hash: string, dir: string): Promise<void> {
  // hooks are for those who work in the repository
  const added = await git(['-c', 'core.hooksPath=/dev/null', 'worktree', 'add', '--detach', dir, hash])
  if (added.code !== 0) throw new BenchError(`git made no worktree of ${hash}:\n${lastWords(added)}`)
}

interface OldBuild {
  git: Git
  hash: string
  dir: string
  log: (line: string) => void
  signal: AbortSignal
}

/** By its own scripts. */
async function buildOld({ git, hash, dir, log, signal }: OldBuild): Promise<void> {
  if (await hasSameLock(dir)) await shareModules(dir)
  else {
    log(`Installing what ${hash} depends on, which is not what is installed here …`)
    await installByNpm({
      args: ['install', '--no-save'],
      cwd: dir,
      signal,
      failing: `What ${hash} depends on could not be installed`,
      advice: 'Mend what npm names, or compare with a commit whose package-lock.json is the one of today.',
    })
  }
  if (await countProcessor(git, dir)) log(`The bench of ${hash} is taught to count the processor (${patch}).`)
  const built = await run('npm', ['run', 'bench', '--', '--help'], { cwd: dir, signal })
  if (built.code !== 0) {
    throw new BenchError(`${hash} could not be built by its own \`npm run bench -- --help\`:\n${lastWords(built)}`)
  }
}

async function hasSameLock(dir: string): Promise<boolean> {
  const [old, now] = await Promise.all(
    [dir, repository].map((each) => readFile(join(each, 'package-lock.json'), 'utf8').catch(() => undefined)),
  )
  return old !== undefined && old === now
}

const patch = 'processorTime.patch'

/**
 * What a bench lacks that was written before W1, W2 and W4 counted the processor, and W7 the client. It changes the old
 * bench and nothing of the old product; both builds are then measured over the same spans, by the same code. A bench
 * that it does not fit stays as it is, and is compared by what it says.
 */
async function countProcessor(git: Git, dir: string): Promise<boolean> {
  const applied = await git(['apply', join(benchFolder, 'against', patch)], dir)
  return applied.code === 0
}

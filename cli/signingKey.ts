/**
 * The signing key of a project that was given none: made once, kept in `.errand/signing.key`. `errand start` and
 * `errand functions` may start at the same moment, so the file appears whole or not at all, and only the first one to
 * bring it counts.
 */
import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { configError } from '../core/errors.js'
import { keyBytes } from '../core/functions/signature.js'

/** Throws `CONFIG` where the file cannot be written, or holds no key. */
export async function localSigningKey(dir: string): Promise<string> {
  const file = join(dir, 'signing.key')
  const key = (await readIfThere(file)) ?? (await bringKey(dir, file))
  return checked(key.trim(), file)
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    const key = await readFile(file, 'utf8')
    await keepFromOthers(file)
    return key
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw cannotKeep(file, error)
  }
}

/**
 * A file that was copied may be open to all. A group alone that may read it was let in on purpose, and what is another
 * user's is theirs to mend.
 */
async function keepFromOthers(file: string): Promise<void> {
  const { mode } = await stat(file)
  if ((mode & 0o007) !== 0) await chmod(file, 0o600).catch(() => {})
}

async function bringKey(dir: string, file: string): Promise<string> {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    await mkdir(dir, { recursive: true })
    await keepOutOfGit(dir)
    await writeFile(draft, `${newSigningKey()}\n`, { mode: 0o600, flag: 'wx' })
    // a link fails where the file exists, and what it makes is complete
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    return await readFile(file, 'utf8')
  } catch (error) {
    throw cannotKeep(file, error)
  } finally {
    await rm(draft, { force: true })
  }
}

/** In a project whose own .gitignore knows nothing of Errand yet, the key would be committed. */
const keepOutOfGit = (dir: string): Promise<void> =>
  writeFile(join(dir, '.gitignore'), '*\n', { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })

export const newSigningKey = (): string => `whsec_${randomBytes(32).toString('base64')}`

function checked(key: string, file: string): string {
  try {
    keyBytes(key)
    return key
  } catch {
    throw configError(
      `The signing key in ${file} is damaged. Delete that file and start coordinator and functions again, or set ERRAND_SIGNING_KEYS.`,
    )
  }
}

const cannotKeep = (file: string, error: unknown): Error =>
  configError(
    `The signing key cannot be kept in ${file} (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'}). Make its folder writable, or set ERRAND_SIGNING_KEYS.`,
    error,
  )

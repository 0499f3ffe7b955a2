/**
 * The data folder holds the args and results of all jobs, so it is for its owner alone, also where it was made with
 * wider rights.
 */
import { chmod, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Files that the engines, ours or `mongod`, put into their folder. */
const ofEngine =
  /\.wt$|^(WiredTiger.*|\.embedded-mongodb.*|_tmp|journal|mongod.*|diagnostic\.data|holder\.json.*|storage\.bson)$/

/**
 * Takes the rights of other users away: those of the folder, or, where it holds other things as well, those of the
 * engine's own files. Tells what it did, or could not do. Rights of the folder's group alone were given on purpose and
 * stay.
 */
export async function keepForOwner(folder: string, tell: (line: string) => void): Promise<void> {
  const { mode, uid } = await stat(folder)
  // Windows has no such rights
  if ((mode & 0o007) === 0 || process.getuid === undefined) return
  const names = await readdir(folder)
  const own = names.filter((name) => ofEngine.test(name))
  const isItsOwn = own.length === names.length && uid === process.getuid()
  try {
    if (isItsOwn) await chmod(folder, 0o700)
    else for (const name of own) await closeToOthers(join(folder, name))
    tell(
      `Other users of this machine could read ${isItsOwn ? folder : `the database in ${folder}`}. That is over: only its owner can.`,
    )
  } catch (error) {
    tell(
      `Other users of this machine can read the database in ${folder}, which holds the args and results of jobs, and that cannot be changed here (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'}). Run \`chmod -R go-rwx\` on it as its owner, or set ERRAND_DATA to another folder.`,
    )
  }
}

async function closeToOthers(path: string): Promise<void> {
  const entry = await stat(path)
  if ((entry.mode & 0o077) !== 0) await chmod(path, entry.isDirectory() ? 0o700 : 0o600)
}

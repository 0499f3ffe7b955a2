/** Where things lie, seen from the compiled file: dist/bench/harness/repository.js. */
import { join } from 'node:path'

export const repository = join(import.meta.dirname, '..', '..', '..')
export const benchFolder = join(repository, 'bench')

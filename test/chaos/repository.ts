/** Where things lie, seen from the compiled file: dist/test/chaos/repository.js. */
import { join } from 'node:path'

export const repository = join(import.meta.dirname, '..', '..', '..')

/** Where the code lies, seen from the source as from the compiled file. */
import { join } from 'node:path'

const twoUp = join(import.meta.dirname, '..', '..')
export const repository = twoUp.endsWith('dist') ? join(twoUp, '..') : twoUp

/**
 * Programs of the platforms that are too heavy for everybody's `npm ci`, because they come with compilers and build
 * scripts. They have a lock file of their own in this folder: `npm ci --prefix test/platforms` installs them, and the
 * suite then uses them instead of its own stand-ins.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The path of a file that is installed here; otherwise `undefined`. */
export function vendored(file: string): string | undefined {
  const path = join(import.meta.dirname, 'node_modules', file)
  if (existsSync(path)) return path
  if (process.env['ERRAND_TEST_PLATFORMS'] === 'own') {
    throw new Error(`${file} is missing. Run \`npm ci --prefix test/platforms\`, or unset ERRAND_TEST_PLATFORMS.`)
  }
  return undefined
}

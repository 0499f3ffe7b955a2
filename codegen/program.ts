/** Programs of codegen that run in a process or thread of their own. */
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'

/**
 * The program as it is built; run from sources (tests), it is bundled into `folder`, since Node 20 runs no TypeScript.
 */
export async function programFile(name: string, folder: string): Promise<string> {
  const built = join(import.meta.dirname, `${name}.js`)
  if (existsSync(built)) return built
  const { build } = await import('esbuild')
  const outfile = join(folder, `${basename(name)}.mjs`)
  await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
  })
  return outfile
}

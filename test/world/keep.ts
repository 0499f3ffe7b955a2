/**
 * Keeps what this commit makes, for later ones to work with: the bundles of test/world/project, and the typed client in
 * one file. `npm run world:keep` writes them to test/world/kept/, under the wire version that they speak.
 */
import { cp, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { generate } from '../../codegen/index.js'
import { wireVersion } from '../../core/wireVersion.js'
import { repository } from '../support/repository.js'

const kept = join(repository, 'test/world/kept', `wire-${wireVersion}`)
const root = await mkdtemp(join(tmpdir(), 'errand-world-'))
try {
  await cp(join(repository, 'test/world/project'), root, { recursive: true })
  await symlink(join(repository, 'node_modules'), join(root, 'node_modules'))
  await writeFile(join(root, 'package.json'), '{ "name": "world", "private": true, "type": "module" }\n')
  await generate({ root })
  await rm(kept, { recursive: true, force: true })
  const built = join(root, '.errand')
  await cp(join(built, 'manifest.json'), join(kept, 'built/manifest.json'))
  const modules = (await readdir(built, { recursive: true })).filter((file) => file.endsWith('.mjs'))
  await build({
    entryPoints: modules.map((file) => join(built, file)),
    outbase: built,
    outdir: join(kept, 'built'),
    outExtension: { '.js': '.mjs' },
    format: 'esm',
    target: 'node20',
    minify: true,
  })
  await build({
    entryPoints: [join(repository, 'client/index.ts')],
    outfile: join(kept, 'client.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minify: true,
    absWorkingDir: repository,
  })
} finally {
  await rm(root, { recursive: true, force: true })
}
console.log(`Kept in ${kept.slice(repository.length + 1)}.`)

import { build } from 'esbuild'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { repository } from '../support/repository.js'

it('adds less than 15 kB gzipped to a function, and neither zod nor anything of Node', async () => {
  const { metafile, outputFiles } = await build({
    stdin: { contents: `export { wrap } from './runtime/index.ts'`, resolveDir: repository },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'esm',
    // a platform without Node's modules: an import of one would not resolve
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
  })
  expect(gzipSync(outputFiles[0]!.contents).length).toBeLessThan(15_000)
  expect(Object.keys(metafile.inputs).filter((file) => /node_modules\/zod\/|core\/requests\//.test(file))).toEqual([])
})

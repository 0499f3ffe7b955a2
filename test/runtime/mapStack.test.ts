import { build } from 'esbuild'
import { SourceMap } from 'node:module'
import { expect, it } from 'vitest'
import { stackMapper } from '../../runtime/mapStack.js'

/** A map of many segments, long steps and names, as esbuild writes it. */
async function bundled(minify: boolean) {
  const { outputFiles } = await build({
    entryPoints: ['runtime/context.ts'],
    bundle: true,
    write: false,
    minify,
    sourcemap: 'external',
    outdir: '.',
    format: 'esm',
    logLevel: 'silent',
  })
  return { map: outputFiles[0]!.text, code: outputFiles[1]!.text }
}

it.each([true, false])('finds the same places as Node does (minified: %s)', async (minify) => {
  const { map, code } = await bundled(minify)
  const reference = new SourceMap(JSON.parse(map) as never)
  const mapStack = stackMapper('job.mjs', map)
  let compared = 0
  code.split('\n').forEach((text, line) => {
    for (let column = 0; column < text.length; column += 7) {
      const entry = reference.findEntry(line, column) as {
        originalSource?: string
        generatedLine: number
        originalLine: number
        originalColumn: number
      }
      // Node takes the line before where a line has no place of its own
      if (entry.generatedLine !== line) continue
      const place = `${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
      expect(mapStack(`job.mjs:${line + 1}:${column + 1}`)).toBe(place)
      compared++
    }
  })
  expect(compared).toBeGreaterThan(200)
})

it('leaves frames of other files and places outside of the map as they are', () => {
  const mapStack = stackMapper('job.mjs', '{"version":3,"sources":[],"mappings":""}')
  expect(mapStack('at run (index.mjs:1:2)\nat x (job.mjs:9:9)')).toBe('at run (index.mjs:1:2)\nat x (job.mjs:9:9)')
})

import { SourceMap } from 'node:module'
import { build } from 'esbuild'
import { expect, it } from 'vitest'
import { endOf, mappingsBehind, type SourceMap as Map } from '../../../codegen/link/sourceMaps.js'

/** A text and its map, with names, since minified code has other ones. */
async function bundled(entry: string): Promise<{ code: string; map: Map }> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    minify: true,
    lineLimit: 200,
    sourcemap: 'external',
    outdir: '.',
    format: 'esm',
    logLevel: 'silent',
  })
  return { map: JSON.parse(outputFiles[0]!.text) as Map, code: outputFiles[1]!.text }
}

it('leads from both parts of a joined text to where their own maps lead', async () => {
  const [first, second] = [await bundled('runtime/context.ts'), await bundled('runtime/post.ts')]
  const lines = first.code.split('\n').length - 1
  const joined = new SourceMap({
    version: 3,
    sources: [...first.map.sources, ...second.map.sources],
    names: [...first.map.names, ...second.map.names],
    mappings: first.map.mappings + mappingsBehind(first.map, endOf(first.map), lines, second.map),
  } as never)
  let compared = 0
  for (const [part, above] of [
    [first, 0],
    [second, lines],
  ] as const) {
    const alone = new SourceMap({ version: 3, ...part.map } as never)
    part.code.split('\n').forEach((text, line) => {
      for (let column = 0; column < text.length; column++) {
        const { generatedLine, name, ...place } = alone.findEntry(line, column) as {
          generatedLine: number
          name?: string
        }
        // Node takes the line before where a line has no place of its own
        if (generatedLine !== line) continue
        const found = joined.findEntry(line + above, column) as typeof place & { name?: string }
        expect(found).toMatchObject({ ...place, generatedLine: line + above })
        // where two places begin at once Node takes either, and one of them may have no name
        expect([undefined, '', name]).toContain(name && found.name)
        compared++
      }
    })
  }
  expect(compared).toBeGreaterThan(2_000)
})

it('leaves alone what has no source', () => {
  const first: Map = { sources: ['a'], names: [], mappings: 'AAAA' }
  const second: Map = { sources: ['b'], names: [], mappings: 'A,C;;AAAA,CAAC' }
  expect(mappingsBehind(first, endOf(first), 2, second)).toBe(';;A,C;;ACAA,CAAC')
})

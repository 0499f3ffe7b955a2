import { afterEach, describe, expect, it } from 'vitest'
import { openInspector, type Inspector } from '../../../codegen/check/inspect.js'

const workers = [{ worker: 'a', typeName: 'A' }]
const bundle = (code: string) => ({ code, map: '{"version":3,"sources":[],"mappings":""}' })

let inspector: Inspector
afterEach(() => inspector.close())

describe.each([{ ready: false }, { ready: true }])('an inspector, $ready', (options) => {
  it('looks at each bundle in a process of its own', async () => {
    inspector = openInspector(options)
    const code = `const before = globalThis.seen
globalThis.seen = 'by another'
export default { a: async () => { throw new Error('seen: ' + before) } }`
    for (let time = 0; time < 3; time++) {
      const found = await inspector.inspect(bundle(code), workers)
      expect(found.get('a')).toMatchObject({ kind: 'failed', message: 'seen: undefined' })
    }
  })

  it('tells of one that ends its process, and looks at the next', async () => {
    inspector = openInspector(options)
    const ends = await inspector.inspect(bundle('export default { a: () => process.exit() }'), workers)
    expect(ends.get('a')).toMatchObject({ kind: 'failed', message: 'it ended the process that loaded it' })
    const next = await inspector.inspect(
      bundle(`export default { a: async () => { throw new Error('mine') } }`),
      workers,
    )
    expect(next.get('a')).toMatchObject({ kind: 'failed', message: 'mine' })
  })

  it('tells of one that throws what cannot be read', async () => {
    inspector = openInspector(options)
    const code = `const refuse = () => { throw 1 }
export default { a: async () => { throw new Proxy({}, { get: refuse, has: refuse, getPrototypeOf: refuse }) } }`
    const found = await inspector.inspect(bundle(code), workers)
    expect(found.get('a')).toMatchObject({ kind: 'failed', message: 'what it threw cannot be read' })
  })
})

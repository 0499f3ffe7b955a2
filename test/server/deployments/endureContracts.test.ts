/** In processes of their own, because what nobody catches is about the whole process. */
import { build } from 'esbuild'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-endure-'))
  await build({
    stdin: {
      contents: `
        import { endureContracts } from './server/deployments/endureContracts.ts'
        import { contractsUrl } from './server/deployments/contractsUrl.ts'
        globalThis.ours = () => { throw new Error('ours') }
        endureContracts((level, message, { error }) => console.log(level, message, error.message))
        await import(contractsUrl(process.argv[2]))
        setTimeout(() => console.log('goes on'), 100)`,
      resolveDir: fileURLToPath(new URL('../../..', import.meta.url)),
    },
    outfile: join(folder, 'program.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
  })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** How a process fares that has loaded these contracts. */
const outcomeOf = (contracts: string) =>
  new Promise<{ code: number; out: string; err: string }>((resolve) => {
    execFile(process.execPath, [join(folder, 'program.mjs'), contracts], (error, out, err) =>
      resolve({ code: (error?.code as number | undefined) ?? 0, out, err }),
    )
  })

describe('a process that endures its contracts', () => {
  it.each([
    ['throws in a timer', 'setTimeout(() => { throw new TypeError("late") }, 10); export default {}'],
    [
      'leaves a rejection to nobody',
      'const later = async () => { throw new Error("late") }; later(); export default {}',
    ],
    ['throws in a callback of Node', 'process.nextTick(() => JSON.parse("late")); export default {}'],
  ])('goes on where one %s, and says so', async (_, contracts) => {
    const { code, out } = await outcomeOf(contracts)
    expect(out).toMatch(/^error the contracts of a deployment threw after they were loaded.*late/)
    expect(out).toContain('goes on')
    expect(code).toBe(0)
  })

  it.each([
    ['its own code throws', 'setTimeout(ours, 10); export default {}', 'Error: ours'],
    ['its own code throws, called by a contract', 'setTimeout(() => ours(), 10); export default {}', 'Error: ours'],
    ['nobody can tell who threw', 'setTimeout(() => { throw "a text" }, 10); export default {}', 'a text'],
  ])('ends as any process where %s', async (_, contracts, message) => {
    const { code, out, err } = await outcomeOf(contracts)
    expect(code).toBe(1)
    expect(err).toContain(message)
    expect(out).not.toContain('goes on')
  })
})

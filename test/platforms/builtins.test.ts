/** Our list of Node's modules on Cloudflare, held against workerd. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { cloudflareBuiltins } from '../../codegen/check/limits.js'
import { compatibilityDate } from '../../codegen/targets/cloudflare.js'
import { startWorkerd } from './cloudflare.js'

const probe = `export default {
  async fetch(request) {
    const names = await request.json()
    const missing = []
    for (const name of names) await import(name).catch(() => missing.push(name))
    return Response.json(missing)
  },
}`

it('has no module of Node that workerd does not have', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'errand-builtins-'))
  await writeFile(join(folder, 'index.mjs'), probe)
  const wrangler = {
    main: 'index.mjs',
    compatibility_date: compatibilityDate,
    rules: [{ type: 'ESModule', globs: ['*.mjs'] }],
  }
  await writeFile(join(folder, 'wrangler.jsonc'), JSON.stringify(wrangler))
  await using running = await startWorkerd(folder, {})
  const names = [...cloudflareBuiltins.map((name) => `node:${name}`), 'node:sea']
  const answer = await fetch(running.url, { method: 'POST', body: JSON.stringify(names) })
  expect(await answer.json()).toEqual(['node:sea'])
  await rm(folder, { recursive: true })
})

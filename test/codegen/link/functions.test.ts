import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { bundleFunctions } from '../../../codegen/link/functions.js'
import { findErrandPackage } from '../../../codegen/errandPackage.js'
import { openSharedPackages } from '../../../codegen/link/sharedPackages.js'
import { testProject, worker, type TestProject } from '../project.js'

/** The default export of a function, as a platform would load it. */
async function load(project: TestProject, name: string): Promise<{ fetch(request: Request): Promise<Response> }> {
  const path = join(project.root, '.errand/functions', name, 'index.mjs')
  return ((await import(/* @vite-ignore */ pathToFileURL(path).href)) as { default: never }).default
}

const cjs = (name: string, source: string, more: Record<string, string> = {}): Record<string, string> => ({
  [`node_modules/${name}/package.json`]: `{ "name": "${name}", "version": "1.0.0", "main": "index.js" }`,
  [`node_modules/${name}/index.js`]: source,
  ...more,
})

describe('a function', () => {
  it('is a module whose default export answers requests', async () => {
    await using project = await testProject({
      'jobs/a.ts': worker('args: z.object({}), result: z.null(), run: () => null'),
    })
    await project.generate()
    const handler = await load(project, 'a')
    const response = await handler.fetch(new Request('http://localhost/a', { method: 'POST', body: '{}' }))
    expect(response.status).toBeGreaterThanOrEqual(400)
  })

  it('maps back to the module as written', async () => {
    await using project = await testProject({
      'jobs/a.ts': worker('args: z.object({}), result: z.null(), run: () => null'),
    })
    await project.generate()
    const map = JSON.parse(await project.read('.errand/functions/a/index.mjs.map')) as { sources: string[] }
    expect(map.sources).toContain('../../../jobs/a.ts')
    expect(await project.read('.errand/functions/a/index.mjs')).toMatch(/\/\/# sourceMappingURL=index\.mjs\.map\n$/)
  })

  it('holds only the parts of zod that it uses, however zod is imported', async () => {
    await using project = await testProject({
      'jobs/a.ts': worker('args: z.object({}), result: z.null(), run: () => null'),
      'jobs/b.ts': `import { defineJob } from 'errand'\nimport {\n  z as zod,\n  type ZodError,\n} from 'zod'\nexport type E = ZodError\nexport default defineJob({ args: zod.object({}), result: zod.null(), run: () => null })\n`,
      'jobs/whole.ts': `import { defineJob } from 'errand'\nimport { z } from 'zod'\nexport default defineJob({ args: z.object({}), result: z.null(), run: () => (globalThis as { z?: unknown }).z = z })\n`,
    })
    await project.generate()
    const size = async (name: string) => (await project.read(`.errand/functions/${name}/index.mjs`)).length
    expect(await size('a')).toBeLessThan((await size('whole')) / 2)
    expect(await size('b')).toBeLessThan((await size('whole')) / 2)
  })

  it('gives CommonJS packages the require and the __dirname they ask for, and adds nothing for others', async () => {
    await using project = await testProject({
      'jobs/cjs.ts': worker(
        `args: z.object({}), result: z.string(), run: () => where + Object.keys(os).length`,
        `import { where } from 'needs-dirname'\nimport os from 'needs-require'\nObject.assign(globalThis, { seenByTest: where })`,
      ),
      'jobs/plain.ts': worker(`args: z.object({}), result: z.null(), run: () => null`),
      ...cjs('needs-dirname', `exports.where = __dirname + __filename`),
      ...cjs('needs-require', `module.exports = require('os')`),
    })
    await project.generate()
    await load(project, 'cjs')
    const folder = join(project.root, '.errand/functions/cjs')
    expect((globalThis as { seenByTest?: string }).seenByTest).toBe(folder + join(folder, 'index.mjs'))
    expect(await project.read('.errand/functions/plain/index.mjs')).not.toMatch(
      /createRequire|import\.meta|from ['"]node:/,
    )
  })

  it('does not clash with a require or __dirname that the module makes for itself', async () => {
    await using project = await testProject({
      'jobs/own.ts': worker(
        `args: z.object({}), result: z.null(), run: () => null`,
        `import os from 'needs-require'\nimport { where } from 'needs-dirname'\nimport { createRequire } from 'node:module'\nimport { dirname } from 'node:path'\nimport { fileURLToPath } from 'node:url'\nconst require = createRequire(import.meta.url)\nconst __dirname = dirname(fileURLToPath(import.meta.url))\nObject.assign(globalThis, { seenOwn: [__dirname, where, require('node:os') === os] })`,
      ),
      ...cjs('needs-require', `module.exports = require('os')`),
      ...cjs('needs-dirname', `exports.where = __dirname`),
    })
    await project.write(
      'jobs/alone.ts',
      worker(
        `args: z.object({}), result: z.null(), run: () => null`,
        `const __dirname = import.meta.dirname\nObject.assign(globalThis, { seenAlone: __dirname })`,
      ),
    )
    await project.generate()
    await load(project, 'alone')
    expect((globalThis as { seenAlone?: unknown }).seenAlone).toBe(join(project.root, '.errand/functions/alone'))
    await load(project, 'own')
    const folder = join(project.root, '.errand/functions/own')
    expect((globalThis as { seenOwn?: unknown }).seenOwn).toEqual([folder, folder, true])
  })

  it('refuses a native addon with what to do, and leaves a package outside that is named in package.json', async () => {
    const native = worker(`args: z.object({}), result: z.null(), run: () => add`, `import add from 'native'`)
    await using project = await testProject({
      'jobs/native.ts': native,
      ...cjs('native', `module.exports = require('./build/addon.node')`, {
        'node_modules/native/build/addon.node': 'x',
      }),
    })
    expect(await project.problems()).toEqual([
      'node_modules/native/index.js:1:26 "native" is a native addon, which cannot be bundled. Keep it outside: "errand": { "external": ["native"] } in package.json, and install it where the function runs.',
    ])
    await project.write('package.json', `{ "errand": { "external": ["native"] } }`)
    await project.generate()
    expect(await project.read('.errand/functions/native/index.mjs')).toMatch(/from "native"/)
  })

  it('has the same bytes whether it is built alone or in company', async () => {
    await using project = await testProject({
      // `lazy` makes esbuild wrap the shared modules, which must not show in the others
      'jobs/lazy.ts': worker(
        `args: z.object({}), result: z.null(), run: async () => (await import('./_shared.js')).shared() as never`,
      ),
      'jobs/eager.ts': worker(
        `args: z.object({}), result: z.null(), run: () => shared() as never`,
        `import { shared } from './_shared.js'`,
      ),
      'jobs/both.ts': worker(
        `args: z.object({}), result: z.null(), run: async () => [deep, await import('./_shared.js')] as never`,
        `import { deep } from './_deep.js'`,
      ),
      'jobs/plain.ts': worker(`args: z.object({}), result: z.null(), run: () => null`),
      'jobs/required.ts': worker(
        `args: z.object({}), result: z.null(), run: () => old as never`,
        `import old from 'old'`,
      ),
      'jobs/_shared.ts': `import { deep } from './_deep.js'\nexport const shared = () => deep\n`,
      'jobs/_deep.ts': `export const deep = { n: 1 }\n`,
      ...cjs('old', `module.exports = [require('young'), () => import('young')]`),
      'node_modules/young/package.json': `{ "name": "young", "version": "1.0.0", "type": "module", "main": "index.js" }`,
      'node_modules/young/index.js': `export const young = true\n`,
    })
    const workers = ['both', 'eager', 'lazy', 'plain', 'required'].map((name) => ({ name, file: `jobs/${name}.ts` }))
    const setting = { root: project.root, errand: findErrandPackage(project.root), external: [], name: undefined }
    const build = async (chosen: typeof workers) => {
      const built: Record<string, string> = {}
      const shared = openSharedPackages(setting)
      const failed = await bundleFunctions(setting, shared, chosen, async ({ worker: { name }, code, map, inputs }) => {
        built[name] = `${inputs.join()}\n${Buffer.from(code).toString()}\n${Buffer.from(map).toString()}`
      })
      expect(failed).toEqual([])
      return built
    }
    const together = await build(workers)
    const alone = await Promise.all(workers.map((one) => build([one])))
    expect(together).toEqual(Object.assign({}, ...alone))
    expect(together['lazy']).toMatch(/__esm|init_shared/)
    expect(together['eager']).not.toMatch(/__esm|init_shared/)
  })
})

/**
 * The workers that Errand runs in the bench: a project of its own, built by the real codegen. Text and not modules,
 * because `errand` is found from a project's folder, and bench/ is a package beside it.
 */
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generate } from '../../codegen/index.js'
import { repository } from '../harness/repository.js'

/** Different keys of the workers with a limit. */
export const keyCount = 10_000

/** How often `flaky` is tried before it succeeds. */
export const flakyAttempts = 3

const worker = (policies: string, run = ''): string => `
import { defineJob } from 'errand'
import { z } from 'zod'

export default defineJob({
  args: z.object({ i: z.number().int(), email: z.email() }),
  result: z.object({ n: z.number() }),
  ${policies}
  run({ i }, { attempt }) {
    ;(globalThis as unknown as { handled(i: number): void }).handled(i)
    ${run}
    return { n: i + attempt - attempt }
  },
})
`

const workers = {
  noop: worker(''),
  /** Several of its jobs travel in one call. */
  batched: worker('jobsPerCall: 50,'),
  /** Like `noop`, and told apart from it: the jobs that are measured while others wait. */
  sample: worker(''),
  throttled: worker(`throttle: { limit: 1000, per: '1s', key: ({ i }) => \`k\${i % ${keyCount}}\` },`),
  limited: worker(`concurrency: { limit: 4, key: ({ i }) => \`k\${i % ${keyCount}}\` },`),
  flaky: worker(
    `retry: { attempts: 5, backoff: { kind: 'fixed', delay: '100ms' } },`,
    `if (attempt < ${flakyAttempts}) throw new Error('not yet')`,
  ),
}

/** Answers with codegen's output folder. */
export async function makeProject(root: string): Promise<{ dir: string }> {
  await mkdir(join(root, 'jobs'))
  await mkdir(join(root, 'node_modules'))
  await symlink(repository, join(root, 'node_modules', 'errand'))
  await symlink(join(repository, 'node_modules', 'zod'), join(root, 'node_modules', 'zod'))
  await writeFile(join(root, 'package.json'), '{ "name": "bench-jobs", "type": "module" }\n')
  for (const [name, text] of Object.entries(workers)) await writeFile(join(root, 'jobs', `${name}.ts`), text)
  await generate({ root })
  return { dir: join(root, '.errand') }
}

/**
 * A project's options for its targets: `"errand": { "targets": { "vercel": { "plan": "hobby" } } }` in package.json.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { configError } from '../../core/errors.js'
import { cronProblem } from '../../core/time/cron.js'
import { targetNames } from '../../core/targets.js'

const settingName = z.string().regex(/^[A-Za-z_]\w*$/, 'must be the name of an environment variable')

const schema = z.strictObject({
  node: z.strictObject({}),
  vercel: z.strictObject({
    /** Decides the longest duration, and how often a cron may run. Default `pro`. */
    plan: z.enum(['hobby', 'pro']).default('pro'),
    /**
     * When the coordinator is woken, as five cron fields in UTC; `false` for never. Default: each minute, on Hobby once
     * a day.
     */
    tick: z
      .union([
        z.string().refine((cron) => cronProblem(cron) === undefined, 'must be a cron expression'),
        z.literal(false),
      ])
      .optional(),
    /** The Node runtime. Default `nodejs22.x`. */
    runtime: z.enum(['nodejs20.x', 'nodejs22.x', 'nodejs24.x']).default('nodejs22.x'),
    /** Megabytes. Default: Vercel's. */
    memory: z.int().min(128).max(4096).optional(),
  }),
  'aws-lambda': z.strictObject({
    runtime: z.enum(['nodejs20.x', 'nodejs22.x', 'nodejs24.x']).default('nodejs22.x'),
    architecture: z.enum(['arm64', 'x86_64']).default('arm64'),
    /** Megabytes. Default 512. */
    memory: z.int().min(128).max(10_240).default(512),
    /**
     * Whether each function has a URL, open to the world; without one it is called by Lambda's Invoke. Default true.
     */
    url: z.boolean().default(true),
    /** Days that logs are kept. Default 14. */
    logDays: z
      .union([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731].map((days) => z.literal(days)))
      .default(14),
    /** Environment variables that jobs read: each becomes a parameter of the stack. Default: none. */
    environment: z.array(settingName).default([]),
  }),
  cloudflare: z.strictObject({
    /** The Workers are called `<prefix>-<worker>`. Default `errand`. */
    prefix: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 'takes lower-case letters, digits and - only')
      .default('errand'),
    /** Modules of Node that a dependency imports and does not use, such as `node:child_process`. Default: none. */
    allow: z.array(z.string().startsWith('node:')).default([]),
    /**
     * Milliseconds of CPU time for each call, on the paid plan only. Default: Cloudflare's, 30 s, or 10 ms on the free
     * plan.
     */
    cpuMs: z.int().min(10).max(300_000).optional(),
  }),
})

const defaults = { node: {}, vercel: {}, 'aws-lambda': {}, cloudflare: {} }

export type TargetOptions = z.output<typeof schema>

/** Throws `CONFIG` with the path of the first option that cannot be. */
export function readTargetOptions(root: string): TargetOptions {
  const given = readPackage(join(root, 'package.json')).errand?.targets ?? {}
  const result = schema.safeParse({ ...defaults, ...given })
  if (result.success) return result.data
  const { path, message } = result.error.issues[0]!
  const where = ['errand', 'targets', ...path].join('.')
  throw configError(`"${where}" in package.json: ${message}. Targets are ${targetNames.join(', ')}; see docs/.`)
}

function readPackage(path: string): { errand?: { targets?: object } } {
  if (!existsSync(path)) return {}
  return JSON.parse(readFileSync(path, 'utf8')) as { errand?: { targets?: object } }
}

/**
 * Holds each platform's limits of a function, and checks which worker would break them. It does so at build time,
 * because a platform itself tells it at deploy, or in the middle of the night.
 */
import { formatDuration } from '../../core/time/duration.js'
import { formatBytes } from '../../core/payload/size.js'
import { maxAnswerBytes, maxCallBytes } from '../../core/functions/limits.js'
import type { Artefact } from '../targets/artefact.js'
import { isBuiltin } from '../targets/artefact.js'
import type { TargetOptions } from '../targets/options.js'
import type { TargetName } from '../../core/targets.js'

export interface Limits {
  /** As sentences name it. */
  platform: string
  /** How long a function may run for one call. */
  timeoutMs: number
  /** How long it may go on after it has answered, for workers with `receipt: 'posted'`. */
  postedTimeoutMs: number
  /** A function with everything it is deployed with, unpacked. */
  functionBytes: number
  /** The body of a call, and of its answer. */
  requestBytes: number
  responseBytes: number
  /** Node's modules that work there; absent where all do. */
  builtins?: ReadonlySet<string>
  /** Whether packages that are kept outside of the bundle can be installed where the function runs. */
  externals: boolean
}

const seconds = 1_000
const MB = 1_000_000
const MiB = 1024 * 1024

/** Those that work, wholly or for the most part. The others can be imported at best, and throw when they are used. */
export const cloudflareBuiltins = [
  'assert',
  'assert/strict',
  'async_hooks',
  'buffer',
  'console',
  'constants',
  'crypto',
  'diagnostics_channel',
  'dns',
  'dns/promises',
  'events',
  'fs',
  'fs/promises',
  'http',
  'https',
  'module',
  'net',
  'os',
  'path',
  'path/posix',
  'path/win32',
  'perf_hooks',
  'process',
  'punycode',
  'querystring',
  'stream',
  'stream/consumers',
  'stream/promises',
  'stream/web',
  'string_decoder',
  'sys',
  'timers',
  'timers/promises',
  'tls',
  'url',
  'util',
  'util/types',
  'zlib',
]

export function limitsOf(target: TargetName, options: TargetOptions): Limits {
  switch (target) {
    case 'node':
      return {
        platform: 'the Node host',
        timeoutMs: Infinity,
        postedTimeoutMs: Infinity,
        functionBytes: Infinity,
        // Errand's own, in runtime/
        requestBytes: maxCallBytes,
        responseBytes: maxAnswerBytes,
        externals: true,
      }
    case 'vercel': {
      // https://vercel.com/docs/functions/limitations (2026-07-01), /docs/functions/configuring-functions/duration
      // (2026-08-24)
      const hobby = options.vercel.plan === 'hobby'
      const timeoutMs = (hobby ? 300 : 800) * seconds
      return {
        platform: hobby ? 'Vercel Hobby' : 'Vercel',
        timeoutMs,
        postedTimeoutMs: timeoutMs,
        functionBytes: 250 * MB,
        requestBytes: 4.5 * MB,
        responseBytes: 4.5 * MB,
        externals: false,
      }
    }
    case 'aws-lambda':
      // https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
      return {
        platform: 'AWS Lambda',
        timeoutMs: 900 * seconds,
        postedTimeoutMs: 900 * seconds,
        functionBytes: 250 * MB,
        requestBytes: 6 * MB,
        responseBytes: 6 * MB,
        externals: false,
      }
    case 'cloudflare':
      // https://developers.cloudflare.com/workers/platform/limits/ (64 MiB since May 2026: cloudflare-docs pull requests
      // 31002 and 31067), /workers/runtime-apis/context/#waituntil (30 s after the answer),
      // /workers/runtime-apis/nodejs/
      return {
        platform: 'Cloudflare Workers',
        timeoutMs: Infinity,
        postedTimeoutMs: 30 * seconds,
        functionBytes: 64 * MiB,
        requestBytes: 100 * MB,
        responseBytes: Infinity,
        builtins: new Set([...cloudflareBuiltins.map((name) => `node:${name}`), ...options.cloudflare.allow]),
        externals: false,
      }
  }
}

/** A limit that a worker breaks, and the option to change, if it is one. */
export interface LimitProblem {
  worker: string
  /** Leads to the option inside `defineJob`; empty for the module as a whole. */
  path: string[]
  message: string
}

export const limitProblems = (limits: Limits, artefacts: readonly Artefact[]): LimitProblem[] =>
  artefacts.flatMap((artefact) => [
    ...timeoutProblems(limits, artefact),
    ...sizeProblems(limits, artefact),
    ...importProblems(limits, artefact),
    ...bodyProblems(limits, artefact),
  ])

const elsewhere = 'or deploy it elsewhere (--only leaves it out of this target)'

function timeoutProblems(limits: Limits, { worker }: Artefact): LimitProblem[] {
  const { name, timeoutMs, receipt } = worker
  const posted = receipt === 'posted'
  const maxMs = posted ? limits.postedTimeoutMs : limits.timeoutMs
  if (timeoutMs <= maxMs) return []
  const when =
    posted && limits.postedTimeoutMs < limits.timeoutMs ? ' after it has answered, as posted receipts need it' : ''
  const message = `${name} has a timeout of ${formatDuration(timeoutMs)}, and ${limits.platform} ends a function after ${formatDuration(maxMs)}${when}. Shorten the timeout, split the work, ${elsewhere}.`
  return [{ worker: name, path: ['timeout'], message }]
}

function sizeProblems({ platform, functionBytes }: Limits, { worker, code, map }: Artefact): LimitProblem[] {
  const bytes = code.byteLength + Buffer.byteLength(map)
  if (bytes <= functionBytes) return []
  const message = `The function of ${worker.name} takes ${formatBytes(bytes)}, and ${platform} takes at most ${formatBytes(functionBytes)}. Import less, build with --minify, ${elsewhere}.`
  return [{ worker: worker.name, path: [], message }]
}

function importProblems({ platform, builtins, externals }: Limits, { worker, imports }: Artefact): LimitProblem[] {
  return imports.flatMap((name) => {
    const message = isBuiltin(name)
      ? builtins &&
        !builtins.has(name) &&
        `${worker.name} imports ${name}, which does not work on ${platform}. Do without it, ${elsewhere}; where it is imported and never used, name it in "errand.targets.cloudflare.allow" in package.json.`
      : !externals &&
        `${worker.name} imports ${name}, which "errand.external" in package.json keeps outside of bundles, and ${platform} is given bundles alone. Do without it, ${elsewhere}.`
    return message ? [{ worker: worker.name, path: [], message }] : []
  })
}

/** Allows for the rest of a call around a job's args, and of an answer around its result. */
const envelopeBytes = 4_000

/** By what the worker says itself; what the coordinator takes of others fits into one job's call anywhere. */
function bodyProblems({ platform, requestBytes, responseBytes }: Limits, { worker }: Artefact): LimitProblem[] {
  const { name, jobsPerCall, maxArgsBytes, maxResultBytes } = worker
  const check = (option: 'args' | 'result', bytes: number | undefined, body: string, limit: number): LimitProblem[] => {
    if (bytes === undefined || jobsPerCall * (bytes + envelopeBytes) <= limit) return []
    const jobs = jobsPerCall === 1 ? '' : `${jobsPerCall} jobs a call with `
    const each = jobsPerCall === 1 ? '' : ' each'
    const cure = jobsPerCall === 1 ? `Lower limits.${option}` : `Lower jobsPerCall or limits.${option}`
    const message = `${name} may have ${jobs}${option} of up to ${formatBytes(bytes)}${each}, and ${platform} takes ${body} of at most ${formatBytes(limit)}. ${cure}, ${elsewhere}.`
    return [{ worker: name, path: ['limits', option], message }]
  }
  return [
    ...check('args', maxArgsBytes, 'calls', requestBytes),
    ...check('result', maxResultBytes, 'answers', Math.min(responseBytes, maxAnswerBytes)),
  ]
}

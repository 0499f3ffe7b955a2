import { describe, expect, it } from 'vitest'
import { limitProblems, limitsOf, type Limits } from '../../../codegen/check/limits.js'
import type { Artefact } from '../../../codegen/targets/artefact.js'
import { readTargetOptions } from '../../../codegen/targets/options.js'
import { targetNames } from '../../../core/targets.js'

const options = readTargetOptions('/nowhere')

const artefactOf = (bytes: number): Artefact => ({
  worker: {
    name: 'big',
    file: 'jobs/big.ts',
    hash: '',
    timeoutMs: 30_000,
    receipt: 'answered',
    jobsPerCall: 1,
    maxArgsBytes: undefined,
    maxResultBytes: undefined,
  },
  code: { byteLength: bytes } as Uint8Array,
  map: '',
  imports: [],
  sha256: '',
  build: '',
  gzipBytes: 0,
})

describe.each(targetNames)('%s', (target) => {
  const limits: Limits = limitsOf(target, options)

  it('takes the args and results that the coordinator takes when nothing is set', () => {
    expect(limits.requestBytes).toBeGreaterThan(1024 * 1024 + 16_384)
    expect(limits.responseBytes).toBeGreaterThanOrEqual(4 * 1024 * 1024)
  })

  it('refuses a function that is too large, by its name, the limit and the platform', () => {
    expect(limitProblems(limits, [artefactOf(1_000_000)])).toEqual([])
    const problems = limitProblems(limits, [artefactOf(300_000_000)])
    expect(problems.map(({ worker }) => worker)).toEqual(limits.functionBytes === Infinity ? [] : ['big'])
    for (const { message } of problems) {
      expect(message).toMatch(new RegExp(`The function of big takes 300 MB, and ${limits.platform} takes at most \\d`))
    }
  })
})

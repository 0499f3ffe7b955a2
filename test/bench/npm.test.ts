import { expect, it } from 'vitest'
import { problemOf } from '../../bench/harness/npm.js'

const args = ['ci']

it('shows what npm said, without its usage and its log', () => {
  const stderr = [
    'npm error code EUSAGE',
    'npm error',
    'npm error Missing: some-package-darwin-arm64@3.0.7 from lock file',
    'npm error',
    'npm error Clean install a project',
    'npm error',
    'npm error Usage:',
    'npm error npm ci',
    '',
  ].join('\n')
  expect(problemOf({ code: 1, stderr, message: '' }, args)).toBe(
    '`npm ci` ended with code 1:\n  code EUSAGE\n  Missing: some-package-darwin-arm64@3.0.7 from lock file',
  )
})

it('tells an npm that is not there from one that hangs', () => {
  expect(problemOf({ code: 'ENOENT', message: 'spawn npm ENOENT' }, args)).toMatch(
    'could not be started: spawn npm ENOENT',
  )
  expect(problemOf({ code: null, killed: true, message: '' }, args)).toMatch('not done after 10 minutes')
})

/** docs/errors.md, which errors link to. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { docsOf, errorCodes, type ErrorCode } from '../../core/errorCodes.js'
import { repository } from '../support/repository.js'

const page = readFileSync(join(repository, 'docs/errors.md'), 'utf8')
const sections = page
  .split(/^## /m)
  .slice(1)
  .map((section) => /^(\w+)\n\nStatus (\d+)\. /.exec(section)!)
  .map(([, code = '', status]) => [code, Number(status)] as const)

it('has one section for each code, with its status', () => {
  expect(sections).toHaveLength(Object.keys(errorCodes).length)
  expect(Object.fromEntries(sections)).toEqual(errorCodes)
})

it('is where errors link to', () => {
  // a heading's anchor is its text in lower case
  const anchors = sections.map(([code]) => `docs/errors.md#${code.toLowerCase()}`)
  expect(sections.map(([code]) => docsOf(code as ErrorCode))).toEqual(anchors)
})

import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { repository } from '../support/repository.js'
import { anchorOf, readPage } from './page.js'

const readme = await readFile(join(repository, 'README.md'), 'utf8')
const rows = readme
  .split('\n| feature ')[1]!
  .split('\n\n')[0]!
  .split('\n')
  .slice(2)
  .map((row) => row.split('|').map((cell) => cell.trim()))
const linkOf = (cell = '') => /^\[.+\]\((.+)\)$/.exec(cell)?.[1]

describe("the README's table of features", () => {
  it.each(rows)('%s%s', async (_, _feature, docs, test) => {
    const headings = (await readPage('control')).map(({ heading }) => anchorOf(heading))
    const [file, anchor] = linkOf(docs)?.split('#') ?? []
    expect(file).toBe('docs/control.md')
    expect(headings).toContain(anchor)
    await expect(access(join(repository, linkOf(test)!))).resolves.toBeUndefined()
  })

  it('has a row for each section of docs/control.md that is written', async () => {
    const written = (await readPage('control')).filter(({ blocks }) => blocks.length > 0)
    const linked = rows.map(([, , docs]) => linkOf(docs)?.split('#')[1])
    expect(written.map(({ heading }) => anchorOf(heading)).filter((anchor) => !linked.includes(anchor))).toEqual([])
  })
})

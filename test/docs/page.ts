/** Reads a page of docs/: its sections, and the examples in them. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repository } from '../support/repository.js'

export type Block =
  /** A module of jobs/. */
  | { kind: 'worker'; file: string; text: string; line: number }
  | { kind: 'client' | 'sh' | 'http'; text: string; line: number }

export interface Section {
  heading: string
  blocks: Block[]
  text: string
}

/** `docs/<name>.md`, by its headings of the second level. Throws for a fence that is none of the kinds of examples. */
export async function readPage(name: string): Promise<Section[]> {
  const markdown = await readFile(join(repository, 'docs', `${name}.md`), 'utf8')
  return readSections(markdown)
}

function readSections(markdown: string): Section[] {
  const sections: Section[] = []
  const lines = markdown.split('\n')
  let inComment = false
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!
    if (inComment || line.startsWith('<!--')) {
      inComment = !line.includes('-->')
      continue
    }
    const heading = /^## (.+)$/.exec(line)?.[1]
    if (heading !== undefined) sections.push({ heading, blocks: [], text: '' })
    const section = sections.at(-1)
    if (!section) continue
    const info = /^```(.*)$/.exec(line)?.[1]
    if (info === undefined) {
      section.text += `${line}\n`
      continue
    }
    const end = lines.indexOf('```', index + 1)
    const block = blockOf(info, lines.slice(index + 1, end).join('\n'), index + 2)
    if (block) section.blocks.push(block)
    index = end
  }
  return sections
}

function blockOf(info: string, text: string, line: number): Block | undefined {
  const file = /^ts (jobs\/\S+\.ts)$/.exec(info)?.[1]
  if (file !== undefined) return { kind: 'worker', file, text, line }
  if (info === 'ts client') return { kind: 'client', text, line }
  if (info === 'sh' || info === 'http') return { kind: info, text, line }
  // shown, not run: what a program prints, a table, a diagram
  if (info === 'text') return undefined
  throw new Error(
    `Line ${line - 1}: "${info}" is no kind of example. Write "ts jobs/….ts", "ts client", "sh", "http" or "text".`,
  )
}

/** As GitHub makes them of headings. */
export const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-')

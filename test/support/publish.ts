/** Writes tables into docs/reliability.md, between the markers of the program that made them. */
import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'

/** `name` is that of the npm script. */
export async function publish(repository: string, name: string, tables: string): Promise<void> {
  const page = join(repository, 'docs', 'reliability.md')
  const text = await readFile(page, 'utf8')
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`]
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/reliability.md needs the lines ${begin} and ${end}.`)
  const note = `_Made by \`npm run ${name} -- --publish\`. Do not edit between the markers._`
  const changed = `${text.slice(0, from)}${begin}\n\n${note}\n\n${tables}\n\n${text.slice(to)}`
  await writeFile(page, await format(changed, { ...(await resolveConfig(page)), filepath: page }))
}

/** Of a repository, with a `+` where something in it is changed. */
export function commitOf(folder: string): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, encoding: 'utf8' }).trim()
    return (
      git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+')
    )
  } catch {
    return 'unknown'
  }
}

/** Reads a file that a command was given, or standard input where it is written as `-`. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Cli } from './cli.js'
import { UsageError } from './problem.js'

export interface InputFile {
  /** As problems call it. */
  name: string
  text: string
}

/** Throws `UsageError` for a file that cannot be read. */
export async function readInputFile(cli: Cli, file: string): Promise<InputFile> {
  if (file === '-') return { name: 'standard input', text: await cli.readInput() }
  try {
    return { name: file, text: await readFile(resolve(cli.cwd, file), 'utf8') }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UsageError(
      `${file} cannot be read${code === undefined ? '' : ` (${code})`}. Give a file, or - for standard input.`,
    )
  }
}

#!/usr/bin/env node
/** The process of the `errand` command: what it is given, and how it ends. */
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { runCommand } from './program.js'

/** From the compiled file: dist/cli/main.js. */
function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

async function askAtTerminal(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined
  const { createInterface } = await import('node:readline/promises')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`${question} [y/N] `)
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}

const { env, stdin, stdout, stderr } = process
let serving = false

// `errand jobs list | head -1`: the reader has what it wanted
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    if (!serving) process.exit(0)
  })
}

process.exitCode = await runCommand(process.argv.slice(2), {
  env,
  cwd: process.cwd(),
  stdout,
  stderr,
  version: packageVersion(),
  readInput: () => text(stdin),
  confirm: askAtTerminal,
  ignoreClosedPipes: () => (serving = true),
})
// pools and timers of libraries must not hold the process; what was written comes first
await Promise.all([stdout, stderr].map((stream) => new Promise((written) => stream.write('', written))))
process.exit()

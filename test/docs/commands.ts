/**
 * The commands that examples call, so that a page runs on a machine with Node only. `errand` hands what it was called
 * with to this process, which has its modules loaded: to start the program anew took most of the time of an example.
 */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { errand, type RunOptions } from '../cli/support.js'

interface Called extends RunOptions {
  args: string[]
}

/** Sends what it was called with, and passes on what comes back. */
const handOver = (socket: string): string => `
const { connect } = require('node:net')
const args = process.argv.slice(2)
const input = args.includes('-') ? require('node:fs').readFileSync(0, 'utf8') : ''
const socket = connect(${JSON.stringify(socket)})
let answer = ''
socket.setEncoding('utf8').on('data', (text) => (answer += text)).on('end', () => {
  const { code, stdout, stderr } = JSON.parse(answer)
  process.stderr.write(stderr)
  process.stdout.write(stdout)
  process.exitCode = code
})
socket.end(JSON.stringify({ args, input, cwd: process.cwd(), env: process.env }))
`

/** As much of `jq` as the examples use. */
const jq = `
const path = process.argv.at(-1).split('.').slice(1)
let values = [JSON.parse(require('node:fs').readFileSync(0, 'utf8'))]
for (const step of path) {
  const [, name, all] = /^([^[]*)(\\[\\])?/.exec(step)
  values = values.map((value) => (name === '' ? value : value[name]))
  if (all) values = values.flat()
}
for (const value of values) console.log(typeof value === 'string' ? value : JSON.stringify(value))
`

/** Puts them into `bin/`, and answers them until the end of the scope. */
export async function putCommands(root: string): Promise<AsyncDisposable> {
  const bin = join(root, 'bin')
  await mkdir(bin)
  const socket = join(bin, 'errand.socket')
  const server = createServer({ allowHalfOpen: true }, (caller) => {
    let called = ''
    caller.setEncoding('utf8').on('data', (text: string) => (called += text))
    caller.on('end', () => void answer(called).then((ended) => caller.end(ended)))
  }).listen(socket)
  // the project around them is one of modules
  await writeFile(join(bin, 'package.json'), '{ "type": "commonjs" }')
  for (const [name, text] of Object.entries({ errand: handOver(socket), jq })) {
    await writeFile(join(bin, name), `#!${process.execPath}\n${text}`)
    await chmod(join(bin, name), 0o755)
  }
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) }
}

async function answer(called: string): Promise<string> {
  const { args, ...options } = JSON.parse(called) as Called
  return JSON.stringify(await errand(args, options))
}

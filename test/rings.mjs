/**
 * Runs a ring of checks, or one command under its name, and prints what each step took beside what was committed for
 * it in rings.json: seconds, and seconds of processor time of all its processes. Times never fail a ring; a growth by
 * half is worth a look.
 *
 *   node test/rings.mjs check                     all steps of the ring, until one fails
 *   node test/rings.mjs test:unit -- vitest run   this command, under that name
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

const rings = {
  test: ['build', 'vitest'],
  check: [
    'format:check',
    'lint',
    'unused',
    'types',
    'codegen:check',
    'test',
    'test:programs',
    'check:real',
    'demo',
    'bench:quick',
  ],
}
const committed = JSON.parse(readFileSync(new URL('rings.json', import.meta.url), 'utf8'))

/** Of all processes below this one that have ended. Linux tells it; elsewhere it is not known. */
function childrenCpuSeconds() {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8')
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(13, 15)
      .map(Number)
    return (user + system) / 100 // a tick of the clock is 10 ms on every Linux of today
  } catch {
    return undefined
  }
}

let running
let stopped = false
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    stopped = true
    running?.kill(signal)
  })
}

/** Its exit code. */
const run = (command, args) =>
  new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit' })
    running = child
    child.once('error', (error) => {
      console.error(error.message)
      resolve(127)
    })
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)))
  })

/** Adds a row to the table, and answers with the exit code of the work. */
async function measure(name, work) {
  const cpuBefore = childrenCpuSeconds()
  const startedAt = performance.now()
  const code = await work()
  const cpu = cpuBefore === undefined ? undefined : childrenCpuSeconds() - cpuBefore
  rows.push({ name, seconds: (performance.now() - startedAt) / 1_000, cpu })
  return code
}

/** One step after the other, until one fails; what is given besides is for the last, such as files of tests. */
async function runRing(steps, given) {
  for (const step of steps) {
    const more = step === steps.at(-1) && given.length > 0 ? ['--', ...given] : []
    const code = await measure(step, () => run('npm', ['run', '--silent', step, ...more]))
    if (code !== 0 || stopped) return code || 130
  }
  return 0
}

const shown = ({ seconds, cpu }) =>
  `${Math.round(seconds)} s`.padStart(7) + (cpu === undefined ? '' : ` ${Math.round(cpu)} s`.padStart(8))

function tell() {
  const { made, ...figures } = committed
  console.error(`\n${'what it took'.padEnd(16)}   time processor   committed (${made})`)
  for (const row of rows) {
    const before = figures[row.name]
    console.error(`${row.name.padEnd(16)}${shown(row)}   ${before === undefined ? '' : shown(before)}`)
  }
}

const rows = []
const [name, ...given] = process.argv.slice(2)
const [dashes, command, ...args] = given
process.exitCode = await measure(name, () => (dashes === '--' ? run(command, args) : runRing(rings[name], given)))
tell()

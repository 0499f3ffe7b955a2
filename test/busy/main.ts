/**
 * Runs a command beside six busy loops: `npm run check:busy`, or another one, such as `npm run check:busy -- npm run
 * demo`. What people run first must not depend on how quick their machine is, or what else it does.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

const loops = 6
const [command = 'npm', ...args] = process.argv.length > 2 ? process.argv.slice(2) : ['npm', 'run', 'check']

const busy: ChildProcess[] = Array.from({ length: loops }, () =>
  spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
)
process.once('exit', () => busy.forEach((loop) => loop.kill('SIGKILL')))

const began = Date.now()
const beside = spawn(command, args, { stdio: 'inherit' })
// it ends by itself then, and this program behind it
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => beside.kill(signal))
const [code] = (await once(beside, 'exit')) as [number | null]
console.log(
  `\n${[command, ...args].join(' ')}, beside ${loops} busy loops: exit code ${code ?? 'none'}, ${Math.round((Date.now() - began) / 1_000)} s`,
)
process.exit(code ?? 1)

#!/usr/bin/env node
/**
 * The `errand` command. Assembled from light parts: what a command needs (database, compiler, server) it imports when
 * it runs.
 */
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { Command } from 'commander'
import type { Cli } from './cli.js'
import { addAudit } from './commands/audit.js'
import { addBuild } from './commands/build.js'
import { addCodegen } from './commands/codegen.js'
import { addDeploy } from './commands/deploy.js'
import { addDeployments } from './commands/deployments.js'
import { addDev } from './commands/dev.js'
import { addEnqueue } from './commands/enqueue.js'
import { addEnqueueMany } from './commands/enqueueMany.js'
import { addFunctions } from './commands/functions.js'
import { addGroups } from './commands/groups.js'
import { addJobs } from './commands/jobs.js'
import { addKeys } from './commands/keys.js'
import { addPauses } from './commands/pause.js'
import { addSchedules } from './commands/schedules.js'
import { addStart } from './commands/start.js'
import { addTick } from './commands/tick.js'
import { createOutput, type Output } from './output.js'
import { tellProblem } from './problem.js'
import { addExamples } from './help.js'

function createProgram(cli: Cli): Command {
  const program = new Command('errand')
    .description('Type-safe background jobs for serverless.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('--help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    // problems are told in one place, with our exit codes
    .exitOverride()
    .configureOutput({ outputError: () => {} })
  addExamples(program, [
    ['errand dev', 'everything in one terminal, reloaded on edit'],
    [`errand enqueue mail.send '{"to":"ada@example.org"}' --wait`, 'a job, and its receipt'],
    ['errand jobs list --state failed', 'what went wrong'],
  ])
  program.addHelpText('after', '\nEvery command has --help with examples, and --json for machines.')
  addDev(program, cli)
  addCodegen(program, cli)
  addBuild(program, cli)
  addDeploy(program, cli)
  addDeployments(program, cli)
  addStart(program, cli)
  addFunctions(program, cli)
  addEnqueue(program, cli)
  addEnqueueMany(program, cli)
  addJobs(program, cli)
  addGroups(program, cli)
  addSchedules(program, cli)
  addKeys(program, cli)
  addPauses(program, cli)
  addAudit(program, cli)
  addTick(program, cli)
  return program
}

/** From the compiled file: dist/cli/main.js. */
function packageVersion(): string {
  const file = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

/** The names of the commands that the arguments begin with. */
function commandPath(program: Command, [name, ...rest]: readonly string[]): string[] {
  const command = program.commands.find((known) => known.name() === name)
  return command === undefined ? [] : [command.name(), ...commandPath(command, rest)]
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
const outputs: Output[] = []
let serving = false
const cli: Cli = {
  env,
  cwd: process.cwd(),
  debug: env['ERRAND_DEBUG'] === '1',
  now: () => new Date(),
  readInput: () => text(stdin),
  confirm: askAtTerminal,
  output({ json = false }) {
    const output = createOutput({ stdout, stderr, env, json })
    outputs.push(output)
    return output
  },
  ignoreClosedPipes: () => (serving = true),
}

// `errand jobs list | head -1`: the reader has what it wanted
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    if (!serving) process.exit(0)
  })
}

const args = process.argv.slice(2)
const program = createProgram(cli)
try {
  await program.parseAsync(args, { from: 'user' })
} catch (thrown) {
  // where the command line cannot be read there are no options yet
  const asJson = args.slice(0, args.includes('--') ? args.indexOf('--') : undefined).includes('--json')
  const help = `errand ${[...commandPath(program, args), '--help'].join(' ')}`
  process.exitCode = tellProblem(thrown, cli.output({ json: asJson }), { debug: cli.debug, help })
}
for (const output of outputs) output.close()
// pools and timers of libraries must not hold the process; what was written comes first
await Promise.all([stdout, stderr].map((stream) => new Promise((written) => stream.write('', written))))
process.exit()

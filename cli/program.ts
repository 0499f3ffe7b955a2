/**
 * The `errand` command, without the process that it runs in. Assembled from light parts: what a command needs
 * (database, compiler, server) it imports when it runs.
 */
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
import { addWorkers } from './commands/workers.js'
import { createOutput, type Output, type Sink } from './output.js'
import { tellProblem } from './problem.js'
import { addExamples } from './help.js'

/** Given to a command by the process; a test gives its own. */
export interface Terminal extends Pick<Cli, 'env' | 'cwd' | 'readInput' | 'confirm' | 'ignoreClosedPipes'> {
  stdout: Sink
  stderr: Sink
  /** Of the package. */
  version: string
}

/** Columns of a text that goes into a pipe or a file. */
const pipeWidth = 80

/** Runs one command to its end, tells what went wrong, and answers with the exit code. */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const { env, cwd, stdout, stderr, readInput, confirm, ignoreClosedPipes } = terminal
  const outputs: Output[] = []
  const cli: Cli = {
    env,
    cwd,
    debug: env['ERRAND_DEBUG'] === '1',
    now: () => new Date(),
    readInput,
    confirm,
    output({ json = false }) {
      const output = createOutput({ stdout, stderr, env, json })
      outputs.push(output)
      return output
    },
    ignoreClosedPipes,
  }
  const program = createProgram(cli, terminal)
  try {
    await program.parseAsync(args, { from: 'user' })
    return 0
  } catch (thrown) {
    // where the command line cannot be read there are no options yet
    const asJson = args.slice(0, args.includes('--') ? args.indexOf('--') : undefined).includes('--json')
    const help = `errand ${[...commandPath(program, args), '--help'].join(' ')}`
    return tellProblem(thrown, cli.output({ json: asJson }), { debug: cli.debug, help })
  } finally {
    for (const output of outputs) output.close()
  }
}

function createProgram(cli: Cli, { stdout, stderr, version }: Terminal): Command {
  const program = new Command('errand')
    .description('Type-safe background jobs for serverless.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    // problems are told in one place, with our exit codes
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => stdout.columns ?? pipeWidth,
      outputError: () => {},
    })
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
  addWorkers(program, cli)
  addKeys(program, cli)
  addPauses(program, cli)
  addAudit(program, cli)
  addTick(program, cli)
  return program
}

/** The names of the commands that the arguments begin with. */
function commandPath(program: Command, [name, ...rest]: readonly string[]): string[] {
  const command = program.commands.find((known) => known.name() === name)
  return command === undefined ? [] : [command.name(), ...commandPath(command, rest)]
}

/**
 * `errand keys rotate` and `errand keys derive`: the keys by which coordinator and functions know each other. They ask
 * no coordinator, and keep nothing.
 */
import type { Command } from 'commander'
import { workerNamePattern } from '../../core/job/names.js'
import { configError } from '../../core/errors.js'
import { functionKey } from '../../server/functions/functionKey.js'
import type { Cli } from '../cli.js'
import { addExamples, addSettings } from '../help.js'
import { UsageError } from '../problem.js'
import { openProject } from '../project.js'
import { currentSigningKeys } from '../settings.js'
import { newSigningKey } from '../signingKey.js'
import { jsonOption, rootOption } from '../usage.js'

interface SigningKeyOptions {
  root?: string
  json?: boolean
}

export function addSigningKeys(keys: Command, cli: Cli): void {
  const rotating = keys
    .command('rotate')
    .description('make a new signing key, and print what to set, step by step, so that no call is refused meanwhile')
    .option(...rootOption)
    .option(...jsonOption)
    .action((options: SigningKeyOptions) => rotate(cli, options))
  addSettings(rotating, ['ERRAND_SIGNING_KEYS'])
  addExamples(rotating, [
    ['errand keys rotate', ''],
    ['errand keys rotate --json | jq -r .steps[0].signingKeys', 'for a script'],
  ])

  const deriving = keys
    .command('derive <worker...>')
    .description("print a function's own ERRAND_SIGNING_KEYS, good for calls of that worker alone")
    .option(...rootOption)
    .option(...jsonOption)
    .action((workers: string[], options: SigningKeyOptions) => derive(cli, workers, options))
  addSettings(deriving, ['ERRAND_SIGNING_KEYS'])
  addExamples(deriving, [['errand keys derive mail.send', '']])
}

interface Step {
  /** Who gets the setting. */
  where: string
  when: string
  /** The value of `ERRAND_SIGNING_KEYS`. */
  signingKeys: string
}

/**
 * Coordinators and functions know the new key before any signs by it, and know the old one until nothing that it signed
 * is under way.
 */
const stepsFrom = (current: string, next: string): Step[] => [
  { where: 'coordinators and functions, in any order', when: 'now', signingKeys: `${current},${next}` },
  { where: 'coordinators', when: 'when all of them have the first', signingKeys: `${next},${current}` },
  {
    where: 'coordinators and functions, in any order',
    when: "when attempts that began before the second have ended: after the longest timeout, or the longest maxRuntime of workers with receipt: 'posted'",
    signingKeys: next,
  },
]

async function rotate(cli: Cli, options: SigningKeyOptions): Promise<void> {
  const [current, ...others] = await currentSigningKeys(cli.env, openProject(cli.cwd, options.root))
  if (others.length > 0) {
    throw configError(
      `ERRAND_SIGNING_KEYS holds ${others.length + 1} keys, so keys are being rotated. Go on with that first: where the new key stands last, put it first on coordinators; where it stands first, leave it alone once attempts that began before have ended.`,
    )
  }
  const steps = stepsFrom(current!, newSigningKey())
  cli
    .output(options)
    .result({ steps }, (style) =>
      steps
        .map(({ where, when, signingKeys }, index) =>
          [`${style.bold(`${index + 1}. On ${where}`)}, ${when}:`, `   ERRAND_SIGNING_KEYS=${signingKeys}`].join('\n'),
        )
        .join('\n'),
    )
}

async function derive(cli: Cli, workers: readonly string[], options: SigningKeyOptions): Promise<void> {
  const wrong = workers.find((worker) => !workerNamePattern.test(worker))
  if (wrong !== undefined) throw new UsageError(`"${wrong}" is no name of a worker, such as mail.send.`)
  const keys = await currentSigningKeys(cli.env, openProject(cli.cwd, options.root))
  const out = cli.output(options)
  for (const worker of workers) {
    const signingKeys = keys.map((key) => functionKey(key, worker)).join(',')
    out.result({ worker, signingKeys }, () => (workers.length === 1 ? signingKeys : `${worker} ${signingKeys}`))
  }
}

import { describe, expect, it } from 'vitest'
import { errandProgram } from './program.js'
import { closedUrl, errand } from './support.js'

const leaves = [
  ['dev'],
  ['codegen'],
  ['start'],
  ['functions'],
  ['enqueue'],
  ['enqueue-many'],
  ['jobs', 'list'],
  ['jobs', 'get'],
  ['jobs', 'why'],
  ['jobs', 'cancel'],
  ['jobs', 'retry'],
  ['groups', 'add'],
  ['groups', 'get'],
  ['groups', 'jobs'],
  ['groups', 'cancel'],
  ['groups', 'retry'],
  ['jobs', 'replay'],
  ['pause'],
  ['resume'],
  ['pauses'],
  ['schedules', 'list'],
  ['schedules', 'add'],
  ['schedules', 'get'],
  ['schedules', 'preview'],
  ['schedules', 'update'],
  ['schedules', 'pause'],
  ['schedules', 'resume'],
  ['schedules', 'run'],
  ['schedules', 'remove'],
  ['workers', 'list'],
  ['workers', 'get'],
  ['keys', 'create'],
  ['keys', 'list'],
  ['keys', 'revoke'],
  ['audit', 'list'],
]

describe('help', () => {
  it('lists every command', async () => {
    const help = await errand(['--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    for (const [name] of leaves) expect(help.stdout).toMatch(new RegExp(`^  ${name}`, 'm'))
  })

  it.each(leaves.map((path) => path.join(' ')))('of `errand %s` has examples and --json', async (path) => {
    const { code, stdout, stderr } = await errand([...path.split(' '), '--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`Usage: errand ${path}`)
    expect(stdout).toContain('--json')
    expect(stdout).toMatch(/Examples:\n.*errand /)
  })

  it('shows the version', async () => {
    const { code, stdout } = await errandProgram(['--version'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
  })

  it('takes the place of a missing command, as wrong usage', async () => {
    for (const args of [[], ['jobs']]) {
      const { code, stdout, stderr } = await errand(args)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).toContain('Usage: errand')
    }
  })

  it('loads none of the heavy packages', async () => {
    const { stderr } = await errandProgram(['--help'], { env: { NODE_DEBUG: 'module,esm' } })
    expect(stderr).toContain('node_modules/commander/')
    expect(stderr).not.toMatch(/node_modules\/(mongodb|ts-morph|esbuild|hono|@trpc|zod|undici)\//)
  })
})

describe('wrong usage', () => {
  it.each([
    ['a misspelt command', ['enqeue'], /Unknown command 'enqeue'\. Did you mean enqueue\?/],
    ['a retry of nothing', ['jobs', 'retry'], /by their ids, or by a filter/],
    ['a retry of ids and a filter', ['jobs', 'retry', 'a', '--worker', 'b'], /exclude each other/],
    ['a retry now of a filter', ['jobs', 'retry', '--worker', 'b', '--now'], /--now takes ids/],
    ['an erase of nothing', ['jobs', 'erase'], /by --worker and --key, or by --parent/],
    ['an erase of a worker', ['jobs', 'erase', '--worker', 'a'], /by --worker and --key/],
    ['an erase of ids and a parent', ['jobs', 'erase', 'a', '--parent', 'b'], /or by --parent/],
    ['args for many', ['jobs', 'replay', '--worker', 'b', '--args', '{}'], /takes one id/],
    ['a pause of nothing', ['pause'], /Name a worker, or say --all/],
    ['a resume of a worker and everything', ['resume', 'a', '--all'], /exclude each other/],
    ['a key without its worker', ['pause', '--all', '--key', 'k'], /A key belongs to a worker/],
    ['a misspelt subcommand', ['jobs', 'lst'], /Did you mean list\?/],
    ['a misspelt option', ['codegen', '--chek'], /Unknown option '--chek'\. Did you mean --check\?/],
    ['a misspelt state', ['jobs', 'list', '--state', 'fialed'], /Did you mean "failed"\?/],
    ['a missing argument', ['enqueue', 'mail.send'], /Missing required argument 'json'/],
    ['too many arguments', ['jobs', 'get', 'a', 'b'], /Too many arguments/],
    ['a missing option', ['schedules', 'add', 'mail.send'], /needs --cron.*or --every/],
    ['malformed JSON', ['enqueue', 'mail.send', '{to:1}'], /must be JSON: character 2 is wrong/],
    ['an unexpected token', ['enqueue', 'mail.send', '{"to":}'], /must be JSON: the } is unexpected/],
    ['JSON that is cut short', ['enqueue', 'mail.send', '{'], /must be JSON: (it ends too early|character 2 is wrong)/],
    ['JSON that is no object', ['enqueue', 'mail.send', '[1]'], /must be a JSON object.*an array/],
    ['a duration without a unit', ['enqueue', 'a', '{}', '--delay', '10'], /"10" is not a duration/],
    ['a worker taken for a duration', ['enqueue', '--wait', 'mail.send', '{}'], /"mail.send" is not a duration/],
    ['a priority out of range', ['enqueue', 'a', '{}', '--priority', '1001'], /from -1000 to 1000/],
    ['two times', ['enqueue', 'a', '{}', '--delay', '1m', '--run-at', '2030-01-01'], /cannot be used with/],
    ['a limit out of range', ['jobs', 'list', '--limit', '0'], /from 1 to 500/],
    ['an address that is none', ['jobs', 'list', '--url', 'here'], /http:\/\/127\.0\.0\.1:4100/],
    ['a folder that is not there', ['codegen', '--root', '/nowhere/at/all'], /no folder \/nowhere\/at\/all/],
    ['--check with --watch', ['codegen', '--check', '--watch'], /cannot be used with/],
  ])('such as %s ends with exit code 2 and says where help is', async (_what, args, message) => {
    const { code, stdout, stderr } = await errand(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/See errand .*--help\n$/)
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
  })

  it('is told as JSON to machines', async () => {
    const { code, stdout, stderr } = await errandProgram(['jobs', 'list', '--state', 'fialed', '--json'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'USAGE' } })
  })

  it('never repeats args, which may be secret', async () => {
    const { stderr } = await errand(['enqueue', 'mail.send', '{"password":"hunter2'])
    expect(stderr).not.toContain('hunter2')
  })
})

describe('a problem', () => {
  it('such as a coordinator that is not there is said in a line, with exit code 1', async () => {
    const url = await closedUrl()
    const { code, stdout, stderr } = await errand(['jobs', 'list'], { env: { ERRAND_URL: url } })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^errand: No coordinator answers at \S+ \(ECONNREFUSED\)\. Start one with `errand dev`.*\n$/)
  })

  it('is told as JSON to machines', async () => {
    const ended = await errand(['jobs', 'list', '--json', '--url', await closedUrl()])
    expect(ended.code).toBe(1)
    expect(JSON.parse(ended.stderr)).toMatchObject({ error: { code: 'UNAVAILABLE' } })
  })

  it('shows its stack with ERRAND_DEBUG=1 only', async () => {
    const quiet = await errand(['start'], { env: { ERRAND_PORT: 'x' } })
    expect(quiet).toMatchObject({ code: 1, stderr: expect.stringMatching(/^errand: ERRAND_PORT is "x".*\n$/) })
    const loud = await errand(['start'], { env: { ERRAND_PORT: 'x', ERRAND_DEBUG: '1' } })
    expect(loud.stderr).toMatch(/\n {4}at /)
  })
})

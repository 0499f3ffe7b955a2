import { describe, expect, it } from 'vitest'
import { functionKey } from '../../server/functions/functionKey.js'
import { errand, jsonOf, makeProject } from './support.js'

const key = `whsec_${Buffer.from('a key of thirty-two bytes for it').toString('base64')}`
const otherKey = `whsec_${Buffer.from('another one of thirty-two bytes!').toString('base64')}`

const run = async (args: string[], env: Record<string, string>) => {
  await using project = await makeProject({})
  return await errand(args, { cwd: project.root, env })
}

describe('errand keys rotate', () => {
  it('prints the setting of each step, from the key of today to a new one', async () => {
    const { code, stdout } = await run(['keys', 'rotate'], { ERRAND_SIGNING_KEYS: key })
    const settings = stdout.split('\n').flatMap((line) => /ERRAND_SIGNING_KEYS=(.*)/.exec(line)?.[1] ?? [])
    const made = settings[2]!
    expect({ code, settings }).toEqual({ code: 0, settings: [`${key},${made}`, `${made},${key}`, made] })
    expect(Buffer.from(made.slice('whsec_'.length), 'base64')).toHaveLength(32)
    expect(made).not.toBe(key)
  })

  it("begins with the project's own key where none is set, and prints the same for machines", async () => {
    const { steps } = jsonOf(await run(['keys', 'rotate', '--json'], {})) as {
      steps: { where: string; when: string; signingKeys: string }[]
    }
    expect(steps.map(({ signingKeys }) => signingKeys.split(',').length)).toEqual([2, 2, 1])
  })

  it('makes no third key while two are in use, says how to go on, and repeats no key', async () => {
    const { code, stdout, stderr } = await run(['keys', 'rotate'], { ERRAND_SIGNING_KEYS: `${key},${otherKey}` })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('holds 2 keys')
    expect(stderr).not.toContain('whsec_')
  })
})

describe('errand keys derive', () => {
  it("prints a function's own setting, with one key for each in use", async () => {
    const { code, stdout } = await run(['keys', 'derive', 'mail.send'], { ERRAND_SIGNING_KEYS: `${key},${otherKey}` })
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `${functionKey(key, 'mail.send')},${functionKey(otherKey, 'mail.send')}\n`,
    })
  })

  it('prints a line for each of several workers', async () => {
    const { stdout } = await run(['keys', 'derive', 'mail.send', 'shop.sync'], { ERRAND_SIGNING_KEYS: key })
    expect(stdout).toBe(`mail.send ${functionKey(key, 'mail.send')}\nshop.sync ${functionKey(key, 'shop.sync')}\n`)
  })

  it('refuses what is no name', async () => {
    expect(await run(['keys', 'derive', 'mail send'], { ERRAND_SIGNING_KEYS: key })).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('"mail send" is no name of a worker'),
    })
  })
})

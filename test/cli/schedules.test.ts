/** `errand schedules preview` of a rule that is not stored: no coordinator runs here. */
import { describe, expect, it } from 'vitest'
import { closedUrl, errand, jsonOf } from './support.js'

const preview = async (...args: string[]) =>
  errand(['schedules', 'preview', ...args], { env: { ERRAND_URL: await closedUrl() } })
const berlin = ['--cron', '30 2 * * *', '--timezone', 'Europe/Berlin']

describe('schedules preview', () => {
  it('shows the occurrences of a rule as a table: the local time, and the moment', async () => {
    const { code, stdout, stderr } = await preview(...berlin, '--from', '2027-03-27', '--count', '3')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(4)
    expect(lines[0]).toMatch(/^ +EUROPE\/BERLIN +UTC$/)
    expect(lines[2]).toMatch(/^Sun {2}2027-03-28 03:30:00 \+02:00 {2}2027-03-28 01:30:00 /)
  })

  it('prints JSON for machines, and follows the policies', async () => {
    const autumn = [...berlin, '--from', '2027-10-31', '--json']
    const twice = jsonOf(await preview(...autumn, '--count', '2', '--dst-overlap', 'both'))
    expect(twice).toMatchObject({ timezone: 'Europe/Berlin', dstGap: 'after', dstOverlap: 'both' })
    expect(twice.occurrences).toEqual([
      { at: '2027-10-31T00:30:00.000Z', local: '2027-10-31T02:30:00+02:00' },
      { at: '2027-10-31T01:30:00.000Z', local: '2027-10-31T02:30:00+01:00' },
    ])
    const spring = jsonOf(await preview(...berlin, '--dst-gap', 'skip', '--from', '2027-03-28 00:00', '--json'))
    expect(spring.occurrences).toHaveLength(10)
    expect(spring.occurrences[0].at).toBe('2027-03-29T00:30:00.000Z')
  })

  it('takes every, spread with an id, and up to a thousand occurrences', async () => {
    const often = jsonOf(await preview('--every', '10m', '--from', '2030-01-01T00:00:00Z', '--count', '1000', '--json'))
    expect(often.occurrences).toHaveLength(1_000)
    expect(often.occurrences[0].at).toBe('2030-01-01T00:10:00.000Z')
    const rule = ['--cron', '@daily', '--spread', '1h', '--from', '2030-01-01', '--count', '1', '--json']
    const [a, b] = await Promise.all(['a', 'b'].map(async (id) => jsonOf(await preview(...rule, '--id', id))))
    expect(a.occurrences[0].at).toMatch(/^2030-01-01T00:/)
    expect(a.occurrences).not.toEqual(b.occurrences)
  })

  it('looks no further than a century', async () => {
    const rare = jsonOf(await preview('--cron', '0 0 * 2 1#5', '--from', '2030-01-01', '--count', '1000', '--json'))
    expect(rare.occurrences.map(({ at }: { at: string }) => at.slice(0, 4))).toEqual(['2044', '2072', '2112'])
  })

  it.each([
    ['a bad expression', ['--cron', '61 * * * *'], /"61 \* \* \* \*" cannot work/],
    ['an unknown zone', ['--cron', '1 * * * *', '--timezone', 'Mars/Base'], /"Mars\/Base" is not a time zone/],
    ['an unknown policy', [...berlin, '--dst-gap', 'jump'], /choices are skip, after/],
    ['a bad moment', [...berlin, '--from', 'soon'], /from is no time/],
    ['too many', [...berlin, '--count', '1001'], /from 1 to 1000/],
    ['nothing', [], /takes the id of a schedule, or --cron or --every/],
    ['both', ['nightly', ...berlin], /takes the id of a schedule, or --cron or --every/],
    ['two rhythms', [...berlin, '--every', '10m'], /cannot be used with/],
    ['a spread of no schedule', [...berlin, '--spread', '1h'], /--id/],
  ])('says what is wrong with %s, with exit code 2', async (_what, args, message) => {
    const { code, stdout, stderr } = await preview(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
  })

  it('asks the coordinator for a stored schedule', async () => {
    expect(await preview('nightly')).toMatchObject({ code: 1, stderr: expect.stringContaining('No coordinator') })
  })
})

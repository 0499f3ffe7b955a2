import { describe, expect, it } from 'vitest'
import { wireProblem, wireVersion } from '../../core/wireVersion.js'

const sides = { other: 'client', here: 'coordinator' }

describe('the version of the wire', () => {
  it.each([undefined, null, String(wireVersion - 1), String(wireVersion), String(wireVersion + 1)])(
    'is understood where the other side says %s',
    (said) => expect(wireProblem(said, sides)).toBeUndefined(),
  )

  it('names the older side where the two are further apart', () => {
    expect(wireProblem(String(wireVersion + 2), sides)).toContain('update the coordinator.')
    // one that is older than the first never was
    expect(wireProblem('0', sides)).toBeUndefined()
    expect(wireProblem('1x', sides)).toContain('no whole number')
    expect(wireProblem('', sides)).toContain('no whole number')
  })
})

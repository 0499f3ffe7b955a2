import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gather, utf8 } from '../../../core/payload/gather.js'

describe('a body that is gathered', () => {
  it('is the same wherever its pieces are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (pieces) => {
        const body = gather(10_000)
        for (const piece of pieces) expect(body.add(piece)).toBe(true)
        expect(Buffer.from(body.bytes())).toEqual(Buffer.concat(pieces))
      }),
    )
  })

  it('is the piece itself where there is one, and text in UTF-8', () => {
    const piece = Buffer.from('naïve ✓ 🐋')
    const body = gather(100)
    body.add(piece)
    expect(body.bytes()).toBe(piece)
    expect(utf8(body.bytes())).toBe('naïve ✓ 🐋')
    expect(utf8(gather(1).bytes())).toBe('')
  })

  it('changes no piece that came', () => {
    const first = Buffer.from('abcdef').subarray(0, 3)
    const body = gather(100)
    for (const piece of [first, Buffer.from('123')]) body.add(piece)
    expect(utf8(body.bytes())).toBe('abc123')
    expect(Buffer.from(first.buffer, first.byteOffset, 6).toString()).toBe('abcdef')
  })

  it('ends at its limit', () => {
    const body = gather(5)
    expect(body.add(Buffer.from('123'))).toBe(true)
    expect(body.add(Buffer.from('456'))).toBe(false)
    expect(body.add(Buffer.from('45'))).toBe(true)
    expect(utf8(body.bytes())).toBe('12345')
  })

  it('takes no more than twice its bytes, however small the pieces are', () => {
    const body = gather(1_000_000)
    for (let count = 0; count < 100_000; count++) body.add(Uint8Array.of(7))
    expect(body.bytes()).toHaveLength(100_000)
    expect(body.bytes().buffer.byteLength).toBeLessThanOrEqual(200_000)
  })
})

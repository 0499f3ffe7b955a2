import { describe, expect, it } from 'vitest'
import { formatAgo, formatTable, formatTook, plain } from '../../cli/format.js'
import { createStyle, paintState } from '../../cli/style.js'

const now = new Date('2030-01-01T12:00:00Z')
const ago = (ms: number) => formatAgo(new Date(now.getTime() - ms), now)

describe('what people read', () => {
  it('tells times by their distance, the nearer the finer', () => {
    expect(
      [0, 999, 4_000, 59_999, 61_000, 150_000, 600_000, 3_700_000, 7_300_000, 100_000_000, 1_000_000_000].map(ago),
    ).toEqual([
      'now',
      'now',
      '4s ago',
      '59s ago',
      '1m 1s ago',
      '2m 30s ago',
      '10m ago',
      '1h 1m ago',
      '2h 1m ago',
      '1d 3h ago',
      '11d ago',
    ])
    expect([-4_000, -600_000, -86_400_000 * 3].map(ago)).toEqual(['in 4s', 'in 10m', 'in 3d'])
  })

  it('tells how long an attempt took', () => {
    const took = (ms: number) => formatTook(now.toISOString(), new Date(now.getTime() + ms).toISOString())
    expect([0, 12, 1_240, 59_990, 130_400].map(took)).toEqual(['0ms', '12ms', '1.24s', '59.99s', '2m 10s'])
  })

  it('aligns columns by what is seen, colours left out', () => {
    const style = createStyle({ isTTY: true }, {})
    const table = formatTable(
      createStyle({}, {}),
      ['ID', 'STATE', ''],
      [
        ['1', paintState(style, 'failed'), 'x'],
        ['22', paintState(style, 'succeeded'), 'y'],
      ],
    )
    expect(plain(table).split('\n')).toEqual(['ID  STATE', '1   failed     x', '22  succeeded  y'])
  })

  it('has colours on a terminal only, and none with NO_COLOR', () => {
    expect(createStyle({ isTTY: true }, {}).red('x')).not.toBe('x')
    expect(createStyle({ isTTY: true }, { NO_COLOR: '1' }).red('x')).toBe('x')
    expect(createStyle({ isTTY: true }, { TERM: 'dumb' }).red('x')).toBe('x')
    expect(createStyle({}, {}).red('x')).toBe('x')
  })

  it("shows a job's words without what they could do to the terminal", () => {
    expect(plain('\u001b[31mred\u001b[0m \u001b]0;title\u0007\rover\u0000 two\nlines\tand tabs')).toBe(
      'red over two\nlines\tand tabs',
    )
  })
})

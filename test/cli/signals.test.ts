import { describe, expect, it } from 'vitest'
import { listenForSignals } from '../../cli/signals.js'

describe('signals', () => {
  it('ask for a clean stop, then for a quick one, then end the process', () => {
    let now = 0
    let ended = 0
    const signals = listenForSignals(
      () => new Date(now),
      () => ended++,
    )
    const told = () => [signals.stop.aborted, signals.force.aborted, ended]
    const send = (signal: NodeJS.Signals, at: number) => {
      now = at
      process.emit(signal, signal)
      return told()
    }
    try {
      expect(told()).toEqual([false, false, 0])
      expect(send('SIGINT', 0)).toEqual([true, false, 0])
      // npm hands a Ctrl-C on to a process that has it already
      expect(send('SIGINT', 20)).toEqual([true, false, 0])
      expect(send('SIGINT', 1_000)).toEqual([true, true, 0])
      expect(send('SIGTERM', 1_001)).toEqual([true, true, 1])
    } finally {
      signals[Symbol.dispose]()
    }
    expect(process.listenerCount('SIGINT')).toBe(0)
  })
})

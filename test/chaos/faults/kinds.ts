/** Every kind of fault. Each does its harm, undoes it, and is over when it returns; what recovers is looked at then. */
import { setTimeout as sleep } from 'node:timers/promises'
import { command, type FaultProxy } from '../../support/faultProxy.js'
import type { House, Wing } from '../house/house.js'
import type { Service } from '../house/service.js'
import type { Random } from '../../support/random.js'

export interface Fault {
  name: string
  /** Told apart in the ledger; the wings that are asked afterwards whether work goes on. */
  strike(scene: Scene): Promise<void>
  /** All wings stand behind what was struck. */
  everybody?: true
}

interface Scene {
  house: House
  /** Those that were struck. */
  wing: Wing
  random: Random
}

type Part = 'coordinator' | 'host'

const killed = (part: Part): Fault => ({
  name: `${part} killed`,
  async strike({ wing, random }) {
    await wing[part].kill()
    await sleep(random.chance(0.5) ? 0 : random.int(500, 4_000))
    wing[part].start()
  },
})

/** SIGTERM, as a deployment does; in `hurry` a second one follows, and running calls are broken off. */
const ended = (part: Part, hurry: boolean): Fault => ({
  name: `${part} ended${hurry ? ' in a hurry' : ''}`,
  async strike({ wing, random }) {
    await wing[part].end(40_000, hurry ? random.int(100, 1_500) : undefined)
    wing[part].start()
  },
})

/** SIGSTOP: as a machine that is asleep, or far too busy. */
const stopped = (part: Part, longestMs: number): Fault => ({
  name: `${part} stopped`,
  strike: async ({ wing, random }) => stopFor(wing[part], random.int(500, longestMs)),
})

async function stopFor(service: Service, ms: number): Promise<void> {
  service.pause()
  await sleep(ms)
  service.resume()
}

const onLine = (
  line: keyof Wing['lines'],
  name: string,
  act: (proxy: FaultProxy, random: Random) => Promise<void>,
): Fault => ({
  name: `${line} line ${name}`,
  async strike({ wing, random }) {
    await act(wing.lines[line], random)
  },
})

const held = async (proxy: FaultProxy, random: Random) => {
  proxy.hold(random.pick([undefined, 'requests', 'answers'] as const))
  await sleep(random.int(500, 8_000))
  proxy.pass()
}

/** All bytes are swallowed for a moment, and then all connections end at once: a balancer that moves. */
const heldAndCut = async (proxy: FaultProxy, random: Random) => {
  proxy.hold()
  await sleep(random.int(500, 4_000))
  await proxy.cut()
  proxy.pass()
}

const cut = async (proxy: FaultProxy) => {
  await proxy.cut()
}

const refused = async (proxy: FaultProxy, random: Random) => {
  await proxy.refuse()
  await proxy.cut()
  await sleep(random.int(500, 8_000))
  await proxy.accept()
}

const slow = async (proxy: FaultProxy, random: Random) => {
  proxy.delay({ requests: random.int(20, 300), answers: random.int(20, 300) })
  await sleep(random.int(2_000, 8_000))
  proxy.delay({})
}

const swallowed = async (proxy: FaultProxy) => {
  proxy.swallow()
  await sleep(20_000)
  await proxy.heal()
}

/** The next write of some kind, before the database has it or after; or nothing, where none comes. */
const write = (moment: 'cutBefore' | 'cutAfter'): Fault => ({
  name: `${moment === 'cutBefore' ? 'write' : 'answer of a write'} lost`,
  async strike({ wing, random }) {
    const [name, collection] = random.pick([
      ['insert', 'jobs'],
      ['insert', 'receipts'],
      ['update', 'jobs'],
      ['update', 'schedules'],
      ['update', 'throttles'],
      ['insert', undefined],
      ['update', undefined],
      ['findAndModify', undefined],
    ] as const)
    const { database } = wing.lines
    const named = collection === undefined ? undefined : `errand_${collection}`
    await Promise.race([database[moment](command(name, named)), sleep(5_000)])
    await database.heal()
  },
})

const engineKilled: Fault = {
  name: 'engine killed',
  everybody: true,
  async strike({ house, random }) {
    await house.engine.crash(random.int(0, 4_000))
  },
}

const engineStopped: Fault = {
  name: 'engine stopped',
  everybody: true,
  async strike({ house, random }) {
    house.engine.pause()
    await sleep(random.int(500, 8_000))
    house.engine.resume()
  },
}

/** All lines to the database at once. */
const databaseAway: Fault = {
  name: 'database away for all',
  everybody: true,
  async strike({ house, random }) {
    const act = random.pick([held, heldAndCut, refused])
    await Promise.all(house.wings.map(({ lines }) => act(lines.database, random)))
  },
}

/** Two coordinators of a rolling deployment, one shortly after the other. */
const rolling: Fault = {
  name: 'coordinators ended one after the other',
  everybody: true,
  async strike({ house, random }) {
    for (const { coordinator } of house.wings) {
      void coordinator.end(40_000, random.int(100, 1_500)).then(() => coordinator.start())
      await sleep(random.int(500, 2_500))
    }
    await Promise.all(house.wings.map(({ coordinator }) => coordinator.ready()))
  },
}

export const faults: readonly Fault[] = [
  killed('coordinator'),
  ended('coordinator', false),
  ended('coordinator', true),
  stopped('coordinator', 9_000),
  rolling,
  killed('host'),
  ended('host', false),
  stopped('host', 6_000),
  engineKilled,
  engineStopped,
  databaseAway,
  onLine('database', 'held', held),
  onLine('database', 'held and cut', heldAndCut),
  onLine('database', 'cut', cut),
  onLine('database', 'refused', refused),
  onLine('database', 'slow', slow),
  onLine('database', 'swallowed', swallowed),
  write('cutBefore'),
  write('cutAfter'),
  write('cutAfter'),
  onLine('functions', 'held', held),
  onLine('functions', 'cut', cut),
  onLine('functions', 'refused', refused),
  onLine('functions', 'slow', slow),
  onLine('front', 'held', held),
  onLine('front', 'cut', cut),
  onLine('front', 'refused', refused),
]

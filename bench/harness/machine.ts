/**
 * What the machine is, and who else used it while we measured. Reads /proc; elsewhere than on Linux nothing is known,
 * and said.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { sleep } from './time.js'

export interface Machine {
  cpu: string
  cores: number
  memoryGb: number
  system: string
  node: string
}

export function describeMachine(): Machine {
  const processors = cpus()
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: `${type()} ${release()}`,
    node: process.version,
  }
}

/** Jiffies: hundredths of a second on every Linux that Node runs on. */
interface Stat {
  parent: number
  own: number
  /** Of children that have ended and were waited for. */
  children: number
  rssBytes: number
}

function statOf(pid: number | string): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const at = (index: number) => fields[index] ?? 0
    return { parent: at(1), own: at(11) + at(12), children: at(13) + at(14), rssBytes: at(21) * 4_096 }
  } catch {
    return undefined
  }
}

export interface Usage {
  cpuMs: number
  rssMb: number
}

/** Of these processes alone. */
export function usageOf(pids: readonly number[]): Usage {
  const stats = pids.flatMap((pid) => statOf(pid) ?? [])
  return {
    cpuMs: stats.reduce((sum, { own }) => sum + own * 10, 0),
    rssMb: stats.reduce((sum, { rssBytes }) => sum + rssBytes, 0) / 1024 ** 2,
  }
}

/** A process and all below it. */
export function treeOf(root: number): number[] {
  const parents = allParents()
  const isBelow = (pid: number): boolean => {
    for (let each: number | undefined = pid, depth = 0; each !== undefined && depth < 20; depth++) {
      if (each === root) return true
      each = parents.get(each)
    }
    return false
  }
  return [...parents.keys()].filter(isBelow)
}

function allParents(): Map<number, number> {
  const parents = new Map<number, number>()
  for (const name of listProcesses()) {
    const stat = statOf(name)
    if (stat) parents.set(Number(name), stat.parent)
  }
  return parents
}

function listProcesses(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}

const ownJiffies = (): number =>
  treeOf(process.pid).reduce((sum, pid) => {
    const stat = statOf(pid)
    return sum + (stat ? stat.own + stat.children : 0)
  }, 0)

function machineJiffies(): { total: number; busy: number } | undefined {
  try {
    const [first = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1)
    const fields = first.trim().split(/\s+/).slice(1, 9).map(Number)
    const total = fields.reduce((sum, field) => sum + field, 0)
    return { total, busy: total - fields[3]! - fields[4]! }
  } catch {
    return undefined
  }
}

/** Begins to measure. The answer says which part of the machine, in percent, others than the bench used meanwhile. */
export function meterOthers(): () => number | undefined {
  const before = machineJiffies()
  const ownBefore = ownJiffies()
  return () => {
    const after = machineJiffies()
    if (!before || !after || after.total - before.total < 3) return undefined
    const others = after.busy - before.busy - (ownJiffies() - ownBefore)
    return Math.max(0, Math.round((100 * others) / (after.total - before.total)))
  }
}

/** Resolves when the machine was quiet twice in a row, or the limit has passed. */
export async function quiet(limitMs: number): Promise<void> {
  let quietSamples = 0
  for (let waitedMs = 0; waitedMs < limitMs && quietSamples < 2; waitedMs += 400) {
    const before = machineJiffies()
    await sleep(400)
    const after = machineJiffies()
    if (!before || !after) return
    const busy = (after.busy - before.busy) / (after.total - before.total)
    quietSamples = busy < 0.2 ? quietSamples + 1 : 0
  }
}

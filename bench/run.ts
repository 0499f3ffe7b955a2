/**
 * Runs workloads: each run measures all systems in turn, so that what disturbs the machine disturbs all of them alike.
 */
import type { Bench } from './harness/bench.js'
import { meterOthers, quiet } from './harness/machine.js'
import { summarise } from './harness/statistics.js'
import type { Settings, System } from './systems/system.js'
import type { Figure, Scale, Unit, Workload } from './workloads/workload.js'

export interface Row {
  system: string
  workload: string
  median: number
  min: number
  max: number
  unit: Unit
  settings: Settings
  /** One for each run. */
  values: number[]
  /** Which part of the machine others used meanwhile, in percent, for each run. */
  othersCpu: (number | undefined)[]
}

export interface Failure {
  system: string
  workload: string
  message: string
}

export interface Outcome {
  rows: Row[]
  failures: Failure[]
}

export interface Plan {
  systems: readonly System[]
  workloads: readonly Workload[]
  runs: number
  scale: Scale
}

/** A measurement that others disturbed more than this, in percent of the machine, is made again. */
const disturbedAbove = 12
const extraTries = 2

export async function runAll({ systems, workloads, runs, scale }: Plan, bench: Bench): Promise<Outcome> {
  const measured: Measured[] = []
  const failures: Failure[] = []
  for (let run = 1; run <= runs; run++) {
    for (const { workload, system } of pairs(workloads, systems)) {
      bench.log(`${workload.name} ${system.name}, run ${run} of ${runs}`)
      try {
        measured.push(await measureQuietly(workload, system, bench, scale))
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        failures.push({ system: system.name, workload: workload.name, message })
        bench.log(`  failed: ${error instanceof Error ? error.stack : message}`)
      }
    }
  }
  return { rows: rowsOf(measured), failures }
}

const pairs = (workloads: readonly Workload[], systems: readonly System[]) =>
  workloads.flatMap((workload) =>
    systems.filter((system) => takesPart(system, workload)).map((system) => ({ workload, system })),
  )

const takesPart = ({ name, lacks }: System, { name: workload, only }: Workload): boolean =>
  (only ? only.includes(name) : name !== 'raw') && lacks?.[workload] === undefined

interface Measured {
  system: string
  figures: Figure[]
  othersCpu: number | undefined
}

async function measureQuietly(workload: Workload, system: System, bench: Bench, scale: Scale): Promise<Measured> {
  for (let tries = 0; ; tries++) {
    if (!scale.quick) await quiet(20_000)
    const stop = meterOthers()
    const figures = await workload.measure(system, bench, scale)
    const othersCpu = stop()
    const disturbed = (othersCpu ?? 0) > disturbedAbove
    bench.log(
      `  ${figures.map(figureText).join(', ')}${disturbed ? ` (others used ${othersCpu}% of the machine)` : ''}`,
    )
    if (scale.quick || !disturbed || tries === extraTries) return { system: system.name, figures, othersCpu }
  }
}

const figureText = ({ workload, value, unit }: Figure): string => `${workload} ${summarise([value]).median} ${unit}`

function rowsOf(measured: Measured[]): Row[] {
  const rows = new Map<string, Row>()
  for (const { system, figures, othersCpu } of measured) {
    for (const { workload, value, unit, settings = {} } of figures) {
      const key = `${system} ${workload}`
      const row = rows.get(key) ?? {
        system,
        workload,
        median: 0,
        min: 0,
        max: 0,
        unit,
        settings,
        values: [],
        othersCpu: [],
      }
      row.values.push(value)
      row.othersCpu.push(othersCpu)
      rows.set(key, row)
    }
  }
  return [...rows.values()].map((row) => ({ ...row, ...summarise(row.values) }))
}

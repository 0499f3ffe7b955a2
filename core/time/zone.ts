/**
 * Time zones, as stretches of constant offset. Inside a stretch local time and UTC run together; where one ends the
 * local clock is set forward (a gap: local times that do not exist) or back (an overlap: local times that exist twice).
 */
import { IANAZone } from 'luxon'

export interface Stretch {
  /** Local time minus UTC. */
  offsetMs: number
  /** When the stretch began and what held before, where that is within the horizon. */
  before: { untilMs: number; offsetMs: number } | undefined
  /** When it ends, or the horizon. */
  endMs: number
}

/**
 * How far we look for a change of the clock. Longer than any gap (Samoa left out a whole day), and shorter than the
 * time between two changes: since 1970 no zone has set its clock twice within six days.
 */
const horizonMs = 2 * 86_400_000

/** Throws `RangeError` for a name that is no zone; `timezoneProblem` says so beforehand. */
export function zoneNamed(timezone: string): IANAZone {
  const zone = IANAZone.create(timezone)
  if (!zone.isValid) throw new RangeError(`"${timezone}" is not a time zone.`)
  return zone
}

const offsetMsAt = (zone: IANAZone, atMs: number): number => Math.round(zone.offset(atMs) * 60_000)

export function stretchAt(zone: IANAZone, atMs: number): Stretch {
  const offsetMs = offsetMsAt(zone, atMs)
  const earlier = offsetMsAt(zone, atMs - horizonMs)
  const later = offsetMsAt(zone, atMs + horizonMs)
  return {
    offsetMs,
    before:
      earlier === offsetMs
        ? undefined
        : { offsetMs: earlier, untilMs: changeBetween(zone, atMs - horizonMs, atMs, offsetMs) },
    endMs: later === offsetMs ? atMs + horizonMs : changeBetween(zone, atMs, atMs + horizonMs, later),
  }
}

/** The first moment of the later offset. */
function changeBetween(zone: IANAZone, fromMs: number, toMs: number, laterOffsetMs: number): number {
  let before = fromMs
  let after = toMs
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (offsetMsAt(zone, middle) === laterOffsetMs) after = middle
    else before = middle
  }
  return after
}

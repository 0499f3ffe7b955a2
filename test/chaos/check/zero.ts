import type { Evidence } from './evidence.js'

/** Something that must never happen. */
export interface Zero {
  name: string
  /** How it is counted, in a sentence for the page that is published. */
  counted: string
  /** One text for each time it happened, which names what to look at; and of how many it was looked for. */
  check(evidence: Evidence): { of: number; broken: string[] }
}

/** Clocks of coordinators are set to the database's, through lines that are slow at times. */
export const clockSlackMs = 1_000

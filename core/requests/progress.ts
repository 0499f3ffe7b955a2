/** The progress that an attempt tells beside its receipt: how far it is, and lines of its log. */
import { z } from 'zod'
import {
  boundLog,
  maxLogFieldsLength,
  maxLogLines,
  maxLogMessageLength,
  maxNoteLength,
  type AttemptLog,
  type LogLine,
} from '../job/attemptLog.js'
import { isNestedDeeper, maxDepth, tooDeep } from '../payload/depth.js'

const text = (max: number) => z.string().transform((value) => value.slice(0, max))

const progress = z.strictObject({
  /** From 0 to 1. */
  fraction: z.number().min(0).max(1),
  note: text(maxNoteLength).optional(),
})

const logLine = z
  .strictObject({
    at: z.iso.datetime({ offset: true }),
    message: text(maxLogMessageLength),
    fields: z.record(z.string(), z.unknown()).optional(),
  })
  .refine(({ fields }) => !isNestedDeeper(maxDepth, fields), {
    message: `must not be ${tooDeep()}`,
    path: ['fields'],
    abort: true,
  })
  .refine(({ fields }) => fields === undefined || JSON.stringify(fields).length <= maxLogFieldsLength, {
    message: `takes at most ${maxLogFieldsLength} characters as JSON`,
    path: ['fields'],
  })

/** The same while the attempt runs, and in its receipt. */
export const progressFields = {
  progress: progress.optional(),
  /** All lines that are kept, oldest first; they take the place of those that were sent before. */
  log: z.array(logLine).max(maxLogLines).optional(),
  /** How many older lines were dropped. */
  logDropped: z.int().min(0).optional(),
}

/** `POST /job/:id/progress` */
export const progressRequest = z.strictObject(progressFields)
export type ParsedProgress = z.output<typeof progressRequest>

/** The lines that were sent, in the form in which they are kept. */
export const sentLog = ({ log, logDropped = 0 }: ParsedProgress): AttemptLog | undefined =>
  log && boundLog({ lines: log.map((line) => JSON.stringify(line)), dropped: logDropped })

/** Progress and log, as a job that runs and a receipt show them. */
export interface AttemptProgressView {
  /** How far the attempt is, or was at its end. */
  progress?: ProgressView
  /** Oldest first; absent where nothing was logged. */
  log?: LogLine[]
  /** How many older lines were dropped; absent where none was. */
  logDropped?: number
}

export interface ProgressView {
  /** From 0 to 1. */
  fraction: number
  note?: string
  /** ISO 8601: when the coordinator heard it. */
  at: string
}

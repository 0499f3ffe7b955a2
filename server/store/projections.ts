/** Leaves fields in the database where many documents are read. */
import type { Document } from 'mongodb'
import type { JobDocument } from './documents.js'

export const argsLeftOut = { args: 0, argsMeta: 0 } as const

const logsLeftOut = { 'runProgress.log': 0, 'runProgress.earlierLog': 0 } as const

/**
 * Of jobs in a list. A field that is left out is not there, though the type has it; the view of a caller that asked so
 * does not look at it.
 */
export const rowProjection = (withoutArgs: boolean): Document =>
  withoutArgs ? { ...logsLeftOut, ...argsLeftOut } : logsLeftOut

/** Of those that were read with their args. */
export const argsLength = ({ args = '', argsMeta = '' }: Partial<Pick<JobDocument, 'args' | 'argsMeta'>>): number =>
  args.length + argsMeta.length

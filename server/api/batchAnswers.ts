/**
 * Queries that travel in one request are answered in one, which must not be larger than the answer to one query may be.
 * So they have their turn one after the other, each knows what those before it took, and those that wait for something
 * share the time that a request is held open.
 */
import { longestWaitMs } from '../../core/limits.js'
import { ErrandError } from '../../core/errors.js'
import { maxPageLength } from '../store/page.js'

export interface BatchAnswers {
  /** How long each of them may wait. */
  readonly mostWaitMs: number
  /** Runs a query in its turn. Throws `PAYLOAD_TOO_LARGE` where those before it have filled the answer. */
  inTurn<Answer extends { ok: boolean; data?: unknown }>(query: () => Promise<Answer>): Promise<Answer>
}

/** A query that travels alone needs no turn. */
const answeredAlone: BatchAnswers = { mostWaitMs: longestWaitMs, inTurn: (query) => query() }

export function answeredTogether(queries: number): BatchAnswers {
  if (queries <= 1) return answeredAlone
  let length = 0
  let last: Promise<unknown> = Promise.resolve()
  return {
    mostWaitMs: Math.floor(longestWaitMs / queries),
    inTurn(query) {
      const answer = last.then(async () => {
        if (length > maxPageLength) throw tooLarge()
        const answer = await query()
        if (answer.ok) length += lengthOf(answer.data)
        return answer
      })
      last = answer.catch(() => {})
      return answer
    },
  }
}

/** About: what JSON cannot say is small. */
const lengthOf = (data: unknown): number =>
  JSON.stringify(data, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))?.length ?? 0

const tooLarge = (): ErrandError =>
  new ErrandError(
    'PAYLOAD_TOO_LARGE',
    `The answers to this batch are larger than ${maxPageLength} characters together. Ask for less at once.`,
    { details: { maxLength: maxPageLength } },
  )

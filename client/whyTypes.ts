/** Why a job does not run, in the typed client: as on the wire, with Dates for times. */
import type { WhyView } from '../core/views/answers.gen.js'
import type { Reason } from '../core/views/why.js'

/** Fields that are times, at any depth. */
type TimeField = 'at' | 'deadline' | 'finishedAt' | 'since' | 'startedAt' | 'until'

type Dated<Value> = Value extends object
  ? { [Field in keyof Value]: Field extends TimeField ? Date : Dated<Value[Field]> }
  : Value

/** One thing that keeps a job from running; `kind` says which, and what else there is. */
export type WhyReason = Dated<Reason> & {
  /** The same in words. Times in it are ISO 8601. */
  message: string
}

export interface Why extends Omit<WhyView, 'reasons'> {
  /** The reason that would have to go first stands first. */
  reasons: WhyReason[]
}

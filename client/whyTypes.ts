/** Why a job does not run, in the typed client. */
import type { WhyReason as ReasonView, WhyView } from '../core/views/answers.gen.js'
import type { Dated } from './dated.js'

/** One thing that keeps a job from running; `kind` says which, and what else there is. */
export type WhyReason = Dated<ReasonView>

export interface Why extends Dated<WhyView> {}

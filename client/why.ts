/** Why: the coordinator's answer, with Dates for times. */
import type { WhyView } from '../core/views/answers.gen.js'
import type { Why } from './whyTypes.js'

export const whyOf = (view: WhyView): Why => ({
  ...view,
  reasons: view.reasons.map((reason) => dated(reason) as unknown as Why['reasons'][number]),
})

const timeFields = new Set(['at', 'deadline', 'finishedAt', 'since', 'startedAt', 'until'])

function dated(value: object): object {
  return Object.fromEntries(
    Object.entries(value).map(([field, inner]: [string, unknown]) => {
      if (timeFields.has(field)) return [field, new Date(inner as string)]
      if (Array.isArray(inner)) return [field, inner.map((each) => dated(each as object))]
      return [field, inner]
    }),
  )
}

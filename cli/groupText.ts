/** A group, as text for people. */
import type { GroupEnd, GroupView } from '../core/views/answers.gen.js'
import type { GroupState } from '../core/views/groupTypes.js'
import { jobStates } from '../core/states.js'
import { count, formatFields, formatMoment, plain } from './format.js'
import { paintState, type Style } from './style.js'

function paintGroupState(style: Style, state: GroupState): string {
  switch (state) {
    case 'open':
      return style.yellow(state)
    case 'stuck':
      return style.red(state)
    case 'closed':
      return style.green(state)
    case 'cancelled':
      return style.dim(state)
  }
}

export const groupLine = (style: Style, { id, state }: Pick<GroupView, 'id' | 'state'>): string =>
  `${id}  ${paintGroupState(style, state)}`

export function describeGroup(style: Style, group: GroupView, now: Date): string {
  const { total, open, counts, groups, policy, parentId, createdAt, closedAt } = group
  const states = jobStates.filter((state) => counts[state] !== undefined)
  const fields = formatFields(style, [
    ['members', open === 0 ? count(total, 'member') : `${count(total, 'member')}, ${open} of them open`],
    ['jobs', states.map((state) => `${counts[state]} ${paintState(style, state)}`).join(', ') || undefined],
    ['policy', policy],
    ['then', describeCallback(group)],
    ['problem', group.problem && style.red(plain(group.problem.message))],
    ['inside', parentId && `group ${parentId}`],
    ['created', formatMoment(createdAt, now)],
    ['closed', closedAt === undefined ? undefined : formatMoment(closedAt, now)],
  ])
  const nested = groups.map((each) => `  ${groupLine(style, each)}  ${count(each.total, 'member')}`)
  return [
    style.bold('group') + `  ${groupLine(style, group)}`,
    '',
    fields,
    ...(nested.length > 0 ? ['', ...nested] : []),
  ].join('\n')
}

const describeCallback = ({ then }: GroupEnd): string | undefined =>
  then && (then.jobId === undefined ? then.worker : `${then.worker}, job ${then.jobId}`)

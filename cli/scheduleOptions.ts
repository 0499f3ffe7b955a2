/** The options that say when a schedule makes jobs: of `add`, `update` and `preview` alike. */
import { Option, type Command } from 'commander'
import type { Duration } from '../core/time/duration.js'
import {
  dstGapPolicies,
  missedPolicies,
  dstOverlapPolicies,
  overlapPolicies,
  type DstGapPolicy,
  type MissedPolicy,
  type DstOverlapPolicy,
  type OverlapPolicy,
} from '../core/job/schedulePolicies.js'
import { readDuration } from './usage.js'

export interface TimingOptions {
  cron?: string
  every?: Duration
  timezone?: string
  dstGap?: DstGapPolicy
  dstOverlap?: DstOverlapPolicy
  spread?: Duration
}

export interface RuleOptions extends TimingOptions {
  missed?: MissedPolicy
  overlap?: OverlapPolicy
}

export const addTimingOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--cron <expression>',
        'five fields (minute hour day month weekday), or six with seconds first',
      ).conflicts('every'),
    )
    .option('--every <duration>', 'in place of --cron: so long after one another, such as 10m', readDuration)
    .option('--timezone <zone>', 'an IANA name (default: UTC)')
    .addOption(
      new Option(
        '--dst-gap <policy>',
        'a local time that does not exist: fire after the gap (default), or not',
      ).choices(dstGapPolicies),
    )
    .addOption(
      new Option(
        '--dst-overlap <policy>',
        'a local time that comes twice (default: first; both for a rule of every hour)',
      ).choices(dstOverlapPolicies),
    )
    .option('--spread <duration>', 'move all occurrences by a part of this window that the id decides', readDuration)

export const addRuleOptions = (command: Command): Command =>
  addTimingOptions(command)
    .addOption(
      new Option('--missed <policy>', 'occurrences missed while no coordinator was there (default: last)').choices(
        missedPolicies,
      ),
    )
    .addOption(
      new Option('--overlap <policy>', 'an occurrence while the job before is not final (default: allow)').choices(
        overlapPolicies,
      ),
    )

/** Options that were given, and nothing else. */
export function pickRule({
  cron,
  every,
  timezone,
  dstGap,
  dstOverlap,
  spread,
  missed,
  overlap,
}: RuleOptions): RuleOptions {
  const fields = Object.entries({ cron, every, timezone, dstGap, dstOverlap, spread, missed, overlap })
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined))
}

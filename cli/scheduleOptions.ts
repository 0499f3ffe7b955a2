/** The options that say when a schedule makes jobs: of `add`, `update` and `preview` alike. */
import { Option, type Command } from 'commander'
import type { Duration } from '../core/time/duration.js'
import {
  gapPolicies,
  missedPolicies,
  overlapPolicies,
  overrunPolicies,
  type GapPolicy,
  type MissedPolicy,
  type OverlapPolicy,
  type OverrunPolicy,
} from '../core/job/schedulePolicies.js'
import { readDuration } from './usage.js'

export interface TimingOptions {
  cron?: string
  every?: Duration
  timezone?: string
  gap?: GapPolicy
  overlap?: OverlapPolicy
  spread?: Duration
}

export interface RuleOptions extends TimingOptions {
  missed?: MissedPolicy
  overrun?: OverrunPolicy
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
      new Option('--gap <policy>', 'a local time that does not exist: tick after the gap (default), or not').choices(
        gapPolicies,
      ),
    )
    .addOption(
      new Option(
        '--overlap <policy>',
        'a local time that comes twice (default: first; both for a rule of every hour)',
      ).choices(overlapPolicies),
    )
    .option('--spread <duration>', 'move all ticks by a part of this window that the id decides', readDuration)

export const addRuleOptions = (command: Command): Command =>
  addTimingOptions(command)
    .addOption(
      new Option('--missed <policy>', 'ticks missed while no coordinator was there (default: last)').choices(
        missedPolicies,
      ),
    )
    .addOption(
      new Option('--overrun <policy>', 'a tick while the job before is not final (default: allow)').choices(
        overrunPolicies,
      ),
    )

/** What was given, and nothing else. */
export function pickRule({ cron, every, timezone, gap, overlap, spread, missed, overrun }: RuleOptions): RuleOptions {
  const fields = Object.entries({ cron, every, timezone, gap, overlap, spread, missed, overrun })
  return Object.fromEntries(fields.filter(([, value]) => value !== undefined))
}

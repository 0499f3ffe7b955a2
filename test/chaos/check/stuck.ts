/** What is left at the end, and who did not come back. */
import type { Zero } from './zero.js'

export const stuck: Zero = {
  name: 'stuck',
  counted:
    'Fifteen seconds after the last fault every coordinator is ready, and everything becomes final in time; and after each fault a new job was acknowledged and run within two minutes.',
  check({ settled, records, jobs }) {
    const lost = records.flatMap((record) =>
      record.kind === 'recovered' && record.ms === null
        ? [
            `no work went on for two minutes after: ${record.fault} (${record.target}), at ${new Date(record.at).toISOString()}`,
          ]
        : [],
    )
    return {
      of: jobs.size,
      broken: [...settled.unready.map((name) => `${name} was not ready again`), ...settled.stuck, ...lost],
    }
  },
}

/** No queue at all: what the machine itself can do, so that figures have something to stand beside. */
import { packageVersion } from '../harness/packages.js'
import type { System } from './system.js'

export const raw: System = {
  name: 'raw',
  pace: 'fast',
  facts: () => ({
    versions: [packageVersion('undici')],
    durability: 'none',
    call: { drain: 'none', http: 'HTTP call' },
    processes: 'caller, endpoint',
  }),
  open: () => Promise.reject(new Error('there is no queue to open')),
}

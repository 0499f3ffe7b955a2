import { codegenSize } from './codegenSize.js'
import { coordinators } from './coordinators.js'
import { backlogDrain, batchDrain, httpDrain } from './drain.js'
import { bulkEnqueue, singleEnqueue } from './enqueue.js'
import { idle } from './idle.js'
import { keys } from './keys.js'
import { latency } from './latency.js'
import { others } from './others.js'
import { rawHttp } from './rawHttp.js'
import { retries } from './retries.js'
import { steady } from './steady.js'
import type { Workload } from './workload.js'

export const workloads: readonly Workload[] = [
  rawHttp,
  bulkEnqueue,
  singleEnqueue,
  backlogDrain,
  steady,
  latency,
  others,
  httpDrain,
  batchDrain,
  idle,
  coordinators,
  keys,
  retries,
  codegenSize,
]

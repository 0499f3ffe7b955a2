/** `errand workers`: what is deployed, and how to call it. */
import type { Command } from 'commander'
import type { Cli } from '../cli.js'
import { addExamples } from '../help.js'
import { addOperation } from '../operation.js'
import { describeWorker, workerTable } from '../workerText.js'

export function addWorkers(program: Command, cli: Cli): void {
  const workers = program.command('workers').description('the deployed workers: their policies, their args, their jobs')
  addExamples(workers, [
    ['errand workers list', 'all that are deployed'],
    ['errand workers get mail.send', 'what its args look like, with an example'],
  ])

  addOperation(
    workers.command('list').description('list the deployed workers, with their jobs that are not final'),
    cli,
    {
      roles: ['observe'],
      doing: 'Looking for workers',
      call: (router) => router.workers.list.query,
      json: ({ workers }) => workers,
      text: (style, { workers }) =>
        workers.length === 0 ? 'No workers. `errand codegen` makes them of jobs/.' : workerTable(style, workers),
      examples: [
        ['errand workers list', ''],
        [`errand workers list --json | jq -r '.[] | select(.paused) | .name'`, 'those that are paused'],
      ],
    },
  )

  const getting = workers
    .command('get <name>')
    .description('show a worker: policies, address, jobs, args as JSON Schema, and an example to paste')
  addOperation(getting, cli, {
    roles: ['observe'],
    doing: 'Looking for the worker',
    request: (name: string) => ({ name }),
    call: (router) => router.workers.get.query,
    text: (style, worker) => describeWorker(style, worker, cli.now()),
    examples: [
      ['errand workers get mail.send', ''],
      ['errand workers get mail.send --json | jq .example', 'args that it takes'],
    ],
  })
}

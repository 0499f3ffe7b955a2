/**
 * Runs in a process of its own with an empty environment, as the coordinator has none of the jobs' settings: loads
 * contracts one by one, tells the problems of each, and prints the types of their args and results. Reports on file
 * descriptor 3, because standard output belongs to what the contracts' modules print.
 */
import { readFileSync, writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { ContractOptions } from '../../core/job/contract.js'
import { look, messageOfThrown } from '../../core/thrown.js'
import { optionProblems, scheduleArgsProblems, unserialisableProblems } from './contractProblems.js'
import { redactSchemaProblems } from './redactProblems.js'
import type { InspectOrder, InspectReport, Inspection } from './inspect.js'
import { schemaType } from '../types/schemaType.js'
import { takenName } from '../types/typeNames.js'

type Loaders = Record<string, () => Promise<unknown>>

// everything is loaded by now, and it waits here
const orderText = readFileSync(0, 'utf8')
// the parent that kept it ready has ended
if (orderText === '') process.exit(0)
const order = JSON.parse(orderText) as InspectOrder
const report = (line: InspectReport): void => void writeSync(3, `${JSON.stringify(line)}\n`)

const { default: loaders } = (await import(pathToFileURL(order.contracts).href)) as { default: Loaders }
for (const { worker, typeName } of order.workers) {
  report({ started: worker })
  report({ finished: worker, inspection: await inspect(loaders[worker]!, typeName) })
}
// a contract's module may have left timers behind
process.exit(0)

async function inspect(load: () => Promise<unknown>, typeName: string): Promise<Inspection> {
  try {
    return await inspectOptions((await load()) as ContractOptions, typeName)
  } catch (error) {
    const message = messageOfThrown(error) ?? look(() => String(error)) ?? 'what it threw cannot be read'
    const stack = look(() => (error as Error).stack)
    return { kind: 'failed', message, stack: typeof stack === 'string' ? stack : '' }
  }
}

async function inspectOptions(options: ContractOptions, typeName: string): Promise<Inspection> {
  const problems = optionProblems(options)
  if (problems.some(({ path }) => path[0] === 'args' || path[0] === 'result')) return { kind: 'refused', problems }
  const args = schemaType(options.args, 'input', `${typeName}Args`)
  const result = options.result && schemaType(options.result, 'output', `${typeName}Result`)
  problems.push(...unserialisableProblems('args', args), ...(result ? unserialisableProblems('result', result) : []))
  problems.push(...(await scheduleArgsProblems(options)))
  if (!problems.some(({ path }) => path[0] === 'redact')) problems.push(...redactSchemaProblems(options))
  if (problems.length > 0) return { kind: 'refused', problems }
  const taken = result ? undefined : schemaType(options.args, 'output', takenName(typeName))
  return {
    kind: 'sound',
    args,
    ...(result && { result }),
    ...(taken?.opaque.length === 0 && { taken }),
    receipt: options.receipt ?? 'answered',
    scheduled: options.schedule !== undefined,
  }
}

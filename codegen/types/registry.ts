/** jobs/registry.gen.ts: the types that a client needs of each worker, in one file that stands on its own. */
import type { PrintedType } from './printType.js'
import { fieldName } from './typeModel.js'

export interface RegistryEntry {
  name: string
  file: string
  typeName: string
  args: PrintedType
  result: PrintedType
}

const header = `/* eslint-disable */
// Made by \`errand codegen\` from the workers in jobs/. Do not edit: change a worker, then run \`npm run codegen\`.
// It stands on its own: an app in another repository can use a copy of this file with \`createClient<Jobs>()\`.`

const width = 120

/** The same workers give the same bytes. `entries` come sorted by name. */
export const printRegistry = (entries: readonly RegistryEntry[]): string =>
  `${[header, printJobs(entries), ...entries.map(printEntry)].join('\n\n')}\n`

function printJobs(entries: readonly RegistryEntry[]): string {
  if (entries.length === 0) return 'export interface Jobs {}'
  return `export interface Jobs {\n${entries.map(printJob).join('\n')}\n}`
}

function printJob({ name, typeName }: RegistryEntry): string {
  const line = `  ${fieldName(name)}: { args: ${typeName}Args; result: ${typeName}Result }`
  if (line.length <= width) return line
  return `  ${fieldName(name)}: {\n    args: ${typeName}Args\n    result: ${typeName}Result\n  }`
}

const printEntry = ({ name, file, args, result }: RegistryEntry): string =>
  `// ${name}: ${file}\n${args.text}\n\n${result.text}`

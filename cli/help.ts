/** The text below a command's help: examples, and the settings it reads. */
import type { Command } from 'commander'
import { settingsHelp, type Setting } from './settings.js'

/** What to type, and what it does. */
export type Examples = readonly (readonly [line: string, does: string])[]

/** Examples below a command's help; what they do stands there as a comment of the shell. */
export function addExamples(command: Command, examples: Examples): Command {
  const width = Math.min(widestExample, Math.max(...examples.map(([line]) => line.length)))
  const lines = examples.map(([line, does]) => `  ${does === '' ? line : `${line.padEnd(width)}  # ${does}`}`)
  return command.addHelpText('after', ['', 'Examples:', ...lines].join('\n'))
}

/** One longer than this does not push the comments of the others away. */
const widestExample = 56

/** The settings that a command reads from its environment. */
export function addSettings(command: Command, names: readonly Setting[]): Command {
  const width = Math.max(...names.map((name) => name.length))
  const lines = names.map((name) => `  ${name.padEnd(width)}  ${settingsHelp[name]}`)
  return command.addHelpText('after', ['', 'Settings, from the environment:', ...lines].join('\n'))
}

/** Those of a coordinator. */
export const serviceSettings = Object.keys(settingsHelp).filter((name) => name !== 'ERRAND_API_KEY') as Setting[]

/** Those of commands that call one. */
export const callerSettings: readonly Setting[] = ['ERRAND_URL', 'ERRAND_API_KEY']

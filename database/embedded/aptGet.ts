/**
 * `apt-get` with everything it keeps in a folder of ours and one source list. The machine's own settings stay in force
 * (proxies, mirrors' passwords, certificates); its hooks after an update do not run, since nothing of the machine
 * changed.
 */
import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

const settings = `
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
`

/** Percent come in steps of this size, so that a log without a terminal stays short. */
const percentStep = 25

export interface AptOptions {
  folder: string
  /** One-line format if it ends in `.list`, stanzas if in `.sources`. */
  sourceList: string
  architecture: string
}

type RunApt = (args: readonly string[], cwd: string, onPercent: (percent: number) => void) => Promise<void>

export const aptGet = async ({ folder, sourceList, architecture }: AptOptions): Promise<RunApt> => {
  await mkdir(join(folder, 'state/lists/partial'), { recursive: true })
  await mkdir(join(folder, 'cache/archives/partial'), { recursive: true })
  await writeFile(join(folder, 'status'), '') // nothing is installed, as far as this apt knows
  await writeFile(join(folder, 'settings.conf'), settings)
  const options = {
    'Dir::Etc::SourceList': sourceList,
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'APT::Architecture': architecture,
    'APT::Sandbox::User': 'root', // as root, apt would download as _apt, who may not enter our folder
    'APT::Update::Error-Mode': 'any', // else it ends well without the list
    'APT::Status-Fd': '3',
  }
  const fixed = ['-q', '-c', join(folder, 'settings.conf')].concat(
    Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
  )
  return (args, cwd, onPercent) => run([...fixed, ...args], cwd, onPercent)
}

const run = (args: readonly string[], cwd: string, onPercent: (percent: number) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn('apt-get', args, {
      cwd,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    })
    let complaints = ''
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (complaints += chunk))
    readPercent(child.stdio[3] as Readable, onPercent)
    child.once('error', (error) => reject(new Error(`apt-get cannot be started (${error.message})`)))
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(firstComplaint(complaints, code)))))
  })

/** Lines such as `dlstatus:1:42.5:Retrieving file 1 of 2`. */
const readPercent = (status: Readable, onPercent: (percent: number) => void): void => {
  let told = -1
  status.setEncoding('utf8').on('data', (chunk: string) => {
    for (const [, percent] of chunk.matchAll(/^dlstatus:\d+:([\d.]+):/gm)) {
      const step = Math.floor(Number(percent) / percentStep) * percentStep
      if (step > told) onPercent(step)
      told = Math.max(told, step)
    }
  })
}

const firstComplaint = (complaints: string, code: number | null): string => {
  const line = complaints.split('\n').find((text) => /^[EW]:/.test(text))
  return line === undefined ? `apt-get ended with exit code ${code}` : line.replace(/^[EW]:\s*/, '').trim()
}

/** What the fuzz found, as text for people and for docs/reliability.md. */
import { rules, type Finding, type Rule } from './checks.js'
import type { PartFound } from './part.js'
import type { Memory } from './targetRun.js'

export interface FuzzReport {
  seed: number
  requests: number
  commit: string
  at: string
  parts: PartFound[]
  memory: { before: Memory; after: Memory }
  findings: Finding[]
}

const shownOfEach = 5

export function reportText({ seed, requests, commit, parts, memory, findings }: FuzzReport): string {
  const { before, after } = memory
  const kinds = new Map<string, Finding[]>()
  for (const finding of findings) kinds.set(finding.kind, [...(kinds.get(finding.kind) ?? []), finding])
  return [
    `seed ${seed}, ${requests} requests, commit ${commit}`,
    ...parts.flatMap((part) => [
      `${part.name}: ${part.count} requests, ${statusesText(part.statuses)}`,
      `  slowest answer ${part.slowestMs} ms; longest turn ${part.longestTurnMs} ms of the processor; good work ${part.beside.rounds} times, ${part.beside.slowestMs} ms at worst; ${part.linesLogged} lines logged`,
    ]),
    `memory kept ${before.keptMb} → ${after.keptMb} MB, RSS ${before.rssMb} → ${after.rssMb} MB`,
    ...[...kinds].flatMap(([kind, found]) => [
      `✖ ${found.length} × ${kind}`,
      ...found.slice(0, shownOfEach).map(({ n, what }) => `    ${n === undefined ? '' : `#${n} `}${what}`),
    ]),
    ...(findings.length === 0 ? ['✔ nothing was found'] : []),
  ].join('\n')
}

const statusesText = (statuses: Record<string, number>): string =>
  Object.entries(statuses)
    .map(([status, count]) => `${count} × ${status}`)
    .join(', ')

/** In Markdown. */
export function reportTables({ seed, requests, commit, at, parts, memory, findings }: FuzzReport): string {
  const brokenOf = (rule: Rule) => findings.filter((finding) => finding.rule === rule).length
  const zeros = Object.entries(rules).map(([rule, text]) => `| ${text} | ${brokenOf(rule as Rule)} |`)
  const figures = parts.map(
    ({ name, count, statuses, slowestMs, longestTurnMs, beside, linesLogged }) =>
      `| ${name} | ${count} | ${statusesText(statuses)} | ${longestTurnMs} ms | ${slowestMs} ms | ${beside.rounds} times, ${beside.slowestMs} ms at worst | ${linesLogged} |`,
  )
  const { before, after } = memory
  return [
    `${requests.toLocaleString('en-US')} requests, seed ${seed}, commit ${commit}, ${at.slice(0, 10)}.`,
    ['| what must be so | found otherwise |', '| --- | --- |', ...zeros].join('\n'),
    [
      '| | requests | answers by status | longest turn | slowest answer | good work beside | lines logged |',
      '| --- | --- | --- | --- | --- | --- | --- |',
      ...figures,
    ].join('\n'),
    `Memory in use once garbage is collected: ${before.keptMb} MB before, ${after.keptMb} MB after (RSS ${before.rssMb} and ${after.rssMb} MB). The longest turn is that of all that came together in it, the collector's too; a turn that is too long is judged by what was in it, each request sent three times by itself.`,
  ].join('\n\n')
}

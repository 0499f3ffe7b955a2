/** Runs the examples of a page of docs/, as the comment at the top of docs/control.md says that they are written. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { transform } from 'esbuild'
import { ts } from 'ts-morph'
import { expect } from 'vitest'
import * as client from '../../client/index.js'
import type { Block } from './page.js'

/** What a section's examples have named so far. */
export type Scope = Record<string, unknown>

export interface Stage {
  /** Where the project with the page's workers is. */
  root: string
  /** The coordinator's address, and a key for everything. */
  url: string
  apiKey: string
}

/** Throws for what is not as the block says, with its line on the page. */
export async function runBlock(stage: Stage, scope: Scope, { kind, text, line }: Block): Promise<void> {
  try {
    if (kind === 'client') await runClient(stage, scope, text)
    if (kind === 'sh') await runShell(stage, scope, text)
    if (kind === 'http') await runHttp(stage, scope, text)
  } catch (error) {
    throw new Error(`In the example at line ${line}: ${(error as Error).message}`, { cause: error })
  }
}

/** Top-level names of a block become names of the section; `expression // → value` and `// throws CODE` are checked. */
async function runClient({ url, apiKey }: Stage, scope: Scope, text: string): Promise<void> {
  const { code: typed, names } = rewriteClient(text)
  const { code } = await transform(typed, { loader: 'ts', target: 'es2023', format: 'esm' })
  const given: Scope = {
    ...client,
    url,
    apiKey,
    errand: client.createClient({ url, apiKey }),
    ...scope,
    $same: async (value: () => unknown, wanted: () => unknown, line: string) => {
      const [actual, pattern] = [await value(), wanted()]
      about(line, () => {
        if (typeof pattern === 'object' && pattern !== null) expect(actual).toMatchObject(pattern)
        else expect(actual).toEqual(pattern)
      })
    },
    $throws: async (value: () => unknown, code: string, line: string) => {
      const thrown = await Promise.resolve()
        .then(value)
        .then(
          () => 'nothing',
          (error: { code?: string }) => error.code ?? error,
        )
      about(line, () => expect(thrown).toBe(code))
    },
  }
  const outer = Object.keys(given).filter((name) => !names.includes(name))
  // oxlint-disable-next-line typescript/no-implied-eval
  const run = new AsyncFunction(...outer, `${code}\nreturn { ${names.join(', ')} }`)
  Object.assign(scope, await run(...outer.map((name) => given[name])))
}

const AsyncFunction = (async () => {}).constructor as new (...code: string[]) => (...args: unknown[]) => Promise<Scope>

/** The code with its checks as calls, and the names that it declares. */
export function rewriteClient(text: string): { code: string; names: string[] } {
  const source = ts.createSourceFile('client.ts', text, ts.ScriptTarget.Latest, true)
  const names: string[] = []
  let code = ''
  for (const statement of source.statements) {
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) names.push(...namesOf(name))
    }
    if (ts.isFunctionDeclaration(statement) && statement.name) names.push(statement.name.text)
    const comments = ts.getTrailingCommentRanges(text, statement.end) ?? []
    const comment = comments.map(({ pos, end }) => text.slice(pos + 2, end).trim()).join(' ')
    const [, wanted] = /^→ (.+)$/.exec(comment) ?? []
    const [, thrown] = /^throws ([A-Z_]+)/.exec(comment) ?? []
    if ((wanted ?? thrown) === undefined) {
      code += `${statement.getFullText(source)}\n`
      continue
    }
    if (!ts.isExpressionStatement(statement)) throw new Error(`Only an expression can be checked: ${comment}`)
    const expression = statement.expression.getText(source)
    const line = JSON.stringify(expression)
    code += wanted
      ? `await $same(async () => (${expression}), () => (${wanted}), ${line})\n`
      : `await $throws(async () => (${expression}), ${JSON.stringify(thrown)}, ${line})\n`
  }
  return { code, names }
}

const namesOf = (name: ts.BindingName): string[] =>
  ts.isIdentifier(name)
    ? [name.text]
    : name.elements.flatMap((element) => (ts.isBindingElement(element) ? namesOf(element.name) : []))

interface Ended {
  code: number
  output: string
  stdout: string
}

/**
 * Each line is a command of its own; `name=$(…)` keeps what it printed; `# exit 1` and `# → text` say what is expected.
 */
async function runShell(stage: Stage, scope: Scope, text: string): Promise<void> {
  for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [command = '', ...comments] = line.split(/ +# (?=exit |→ )/)
    const [, name, inner] = /^(\w+)=\$\((.*)\)$/.exec(command.trim()) ?? []
    const parts = comments
      .flatMap((comment) => /^→ (.*)$/.exec(comment)?.[1]?.trim() ?? [])
      .map((part) => fill(part, scope))
    const { code, output, stdout } = await shownBy(() => shell(stage, scope, inner ?? command), command, parts)
    const wantedCode = comments.flatMap((comment) => /^exit (\d+)/.exec(comment)?.[1] ?? []).map(Number)[0] ?? 0
    about(`${line}\n${output}`, () => expect(code).toBe(wantedCode))
    for (const part of parts) about(line, () => expect(output).toContain(part))
    if (name !== undefined) scope[name] = stdout.trim()
  }
}

/**
 * A list shows what the jobs of the example before it have come to, which may be in a moment only: it is looked at
 * until it does, for a minute at most.
 */
async function shownBy(look: () => Promise<Ended>, command: string, parts: string[]): Promise<Ended> {
  const givenUpAt = performance.now() + 60_000
  for (;;) {
    const ended = await look()
    const isThere = parts.every((part) => ended.output.includes(part))
    if (isThere || !command.startsWith('errand jobs list ') || performance.now() > givenUpAt) return ended
  }
}

function shell({ root, url, apiKey }: Stage, scope: Scope, command: string): Promise<Ended> {
  const words = Object.entries(scope).filter(([, value]) => ['string', 'number'].includes(typeof value))
  const env = {
    ...Object.fromEntries(words.map(([name, value]) => [name, String(value)])),
    PATH: `${join(root, 'bin')}:${process.env['PATH']}`,
    HOME: root,
    ERRAND_URL: url,
    ERRAND_API_KEY: apiKey,
  }
  return new Promise((resolve) => {
    execFile('sh', ['-c', command], { cwd: root, env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, output: `${stdout}${stderr}`, stdout }),
    )
  })
}

/**
 * Request line, headers, an empty line, the body; then `# <status> <pattern>`. The caller's key is added where no
 * header names one.
 */
async function runHttp({ url, apiKey }: Stage, scope: Scope, text: string): Promise<void> {
  const lines = text.split('\n')
  const at = lines.findIndex((line) => line.startsWith('# '))
  const [, status, ...pattern] = lines.slice(at).join('\n').replaceAll('\n#', '\n').split(/\s+/)
  const [head = '', ...body] = fill(lines.slice(0, at).join('\n').trim(), scope).split('\n\n')
  const [requestLine = '', ...headerLines] = head.split('\n')
  const [method = '', path = ''] = requestLine.split(' ')
  const headers = new Headers({ authorization: `Bearer ${apiKey}` })
  if (body.length > 0) headers.set('content-type', 'application/json')
  for (const line of headerLines)
    headers.set(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim())
  const response = await fetch(`${url}${path}`, {
    method,
    headers,
    ...(body.length > 0 ? { body: body.join('\n\n') } : {}),
  })
  let answer = ''
  // a stream would have no end
  if (pattern.length > 0) answer = await response.text()
  else await response.body?.cancel()
  about(`${requestLine} ${answer}`, () => {
    expect(response.status).toBe(Number(status))
    const wanted = pattern.join(' ')
    if (!/^[[{]/.test(wanted)) return expect(answer).toContain(fill(wanted, scope))
    const json = JSON.parse(answer) as unknown
    expect(json).toMatchObject(patternOf(JSON.parse(wanted), json, scope) as object)
  })
}

/** Tells in a failure which line it is about. */
function about(line: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    throw new Error(`${line}: ${(error as Error).message}`, { cause: error })
  }
}

/** `"$name"` in a pattern is compared where the section knows the name, and else takes what the answer has there. */
function patternOf(pattern: unknown, answer: unknown, scope: Scope): unknown {
  const [, name] = typeof pattern === 'string' ? (/^\$(\w+)$/.exec(pattern) ?? []) : []
  if (name !== undefined) return (scope[name] ??= answer)
  if (Array.isArray(pattern)) {
    return pattern.map((each, index) => patternOf(each, (answer as unknown[] | undefined)?.[index], scope))
  }
  if (typeof pattern !== 'object' || pattern === null) return pattern
  const fields = Object.entries(pattern).map(([key, each]) => [
    key,
    patternOf(each, (answer as Scope | undefined)?.[key], scope),
  ])
  return Object.fromEntries(fields) as unknown
}

const fill = (text: string, scope: Scope): string =>
  text.replaceAll(/\$(\w+)/g, (all, name: string) => (name in scope ? String(scope[name]) : all))

/**
 * `import { z } from 'zod'` keeps all of zod in a bundle, because z is one object that holds everything. The same
 * written as a namespace import is tree-shaken: measured on a real job, 97 kB instead of 455 kB. Users go on writing
 * the first, bundles get the second.
 */

const zodImport = /^([ \t]*import\s+)(z|\{[^}]*\}|z\s*,\s*\{[^}]*\})(\s+from\s*(['"])zod(?:\/v4)?\4)/gm

export function namespaceZod(text: string): string {
  if (!text.includes('zod')) return text
  return text.replace(zodImport, (whole, head: string, clause: string, tail: string) => {
    const { namespaces, rest } = split(clause)
    if (namespaces.length === 0) return whole
    // on one line, so that what follows keeps its line
    const others = rest.length > 0 ? [`${head}{ ${rest.join(', ')} }${tail}`] : []
    const lines = clause.split('\n').length - 1
    return [...namespaces.map((name) => `${head}* as ${name}${tail}`), ...others].join('; ') + '\n'.repeat(lines)
  })
}

function split(clause: string): { namespaces: string[]; rest: string[] } {
  const named = /\{([^}]*)\}/.exec(clause)?.[1] ?? ''
  const items = named
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
  const namespaces = clause.startsWith('z') ? ['z'] : []
  const rest: string[] = []
  for (const item of items) {
    const alias = /^z(?:\s+as\s+([\w$]+))?$/.exec(item)
    if (alias) namespaces.push(alias[1] ?? 'z')
    else rest.push(item)
  }
  return { namespaces, rest }
}

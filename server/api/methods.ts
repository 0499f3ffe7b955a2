/** By which methods an address is called: for `Allow`, and for those who ask by OPTIONS. */
import type { Hono } from 'hono'
import { pathsOf } from './trpcPaths.js'
import { rowOf } from './router/rows.js'

/** The methods of the routes at the path; none where nothing is. HEAD and OPTIONS follow from them. */
export function methodsAt({ routes }: Hono, url: string, path: string): string[] {
  if (/^\/trpc(\/|$)/.test(path)) return methodsOfProcedures(url)
  const found = routes.filter((route) => !isForAny(route) && isAt(route.path, path))
  return [...new Set(found.map(({ method }) => method))]
}

/** Those of any route, which `OPTIONS *` asks for. */
export const methodsOfAll = ({ routes }: Hono): string[] => [
  ...new Set(routes.filter((route) => !isForAny(route)).map(({ method }) => method)),
]

/** What `Allow` says: a GET may be a HEAD, and everything may be asked by OPTIONS. */
export const allowed = (methods: readonly string[]): string =>
  [...methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])), 'OPTIONS'].join(', ')

const isForAny = ({ method }: { method: string }): boolean => method === 'ALL' || method === 'OPTIONS'

/** Calls that travel together go by what all of them take. A query takes POST because its input may be long. */
function methodsOfProcedures(url: string): string[] {
  const rows = pathsOf(new URL(url)).flatMap((path) => rowOf(path) ?? [])
  if (rows.length === 0) return []
  return ['GET', 'POST'].filter((method) => method === 'POST' || rows.every(({ type }) => type !== 'mutation'))
}

function isAt(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split('/'), path.split('/')]
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => (part.startsWith(':') ? given[index] !== '' : part === given[index]))
  )
}

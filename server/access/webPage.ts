/**
 * Web pages. Without API keys the coordinator is open to this machine, and a browser on it does for every page what
 * that page asks for: it posts forms, and JSON as far as it is called text, to a loopback address as well. So what
 * changes something, and shows no key, must not come from a page of another origin.
 *
 * A browser says where a request comes from: `Sec-Fetch-Site` (always where a page is on https or loopback), and
 * `Origin` with all but GET. Programs say neither. A page that made a browser take its own name for this machine (DNS
 * rebinding) is of the same origin; it is known by its `Host` (server/access/auth).
 *
 * A caller shows the key that it was given. No page can make a browser show one: `Authorization: Bearer` needs leave
 * (CORS) that is never given here.
 */
import { ErrandError } from '../../core/errors.js'

export interface PageRequest {
  method: string
  authorization: string | undefined
  host: string | undefined
  origin: string | undefined
  fetchSite: string | undefined
}

/** They change nothing: queries of tRPC are GETs too, and no GET is a mutation. */
const looks: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Throws `FORBIDDEN`. */
export function refuseForeignPage({ method, authorization = '', host, origin, fetchSite }: PageRequest): void {
  if (looks.has(method) || /^Bearer ./i.test(authorization)) return
  if (!isForeign(host, origin, fetchSite)) return
  throw new ErrandError(
    'FORBIDDEN',
    'A web page of another origin may not change anything here without an API key. Call the coordinator from your own server, or set ERRAND_API_KEYS and send a key as `Authorization: Bearer <key>`.',
  )
}

/** Another port is another origin, though of the same site. */
function isForeign(host: string | undefined, origin: string | undefined, fetchSite: string | undefined): boolean {
  if (fetchSite === 'cross-site' || fetchSite === 'same-site') return true
  return origin !== undefined && hostOf(origin) !== host?.toLowerCase()
}

/** `null`, which pages in a sandbox and files send, is none. */
const hostOf = (origin: string): string | undefined => (URL.canParse(origin) ? new URL(origin).host : undefined)

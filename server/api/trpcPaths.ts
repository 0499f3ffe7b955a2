/** Which procedures a request by tRPC names. */

/** Calls that may travel in one request. */
export const mostCalls = 100

/** As tRPC reads it: a slash at the end is none, and calls that travel together stand between commas. */
export function pathsOf(url: URL): string[] {
  const path = decodeURIComponent(pathOf(url))
  return url.searchParams.get('batch') === '1' ? path.split(',').slice(0, mostCalls) : [path]
}

/** The address as tRPC can read it: what cannot be decoded is no procedure, and is named as it came. */
export function readableUrl(url: URL): string {
  const read = new URL(url)
  read.pathname = `/trpc/${pathOf(url)}`
  return read.href
}

function pathOf({ pathname }: URL): string {
  const path = pathname.replace(/^\/trpc\/*/, '').replace(/\/+$/, '')
  try {
    decodeURIComponent(path)
    return path
  } catch {
    return encodeURIComponent(path)
  }
}

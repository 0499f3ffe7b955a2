/**
 * A proxy that does to connections what networks do: it holds their bytes, cuts them, refuses new ones and is slow.
 *
 * ```ts
 * await using proxy = await databaseProxy(uri)
 * const cut = proxy.cutAfter(command('insert', 'errand_jobs'))   // the database has the job, its answer never arrives
 * const answer = errand.post('/job', …)                   // through proxy.uri
 * await cut
 * ```
 *
 * What is asked for takes effect before the call returns; what has to be waited for is a promise of the moment it has
 * happened. Between coordinator and database the proxy knows one message from the next (`databaseProxy`); anywhere else
 * a message is whatever arrives in one piece, which on a loopback is one request or one answer as long as both are
 * small (`faultProxy`).
 */
import { frameSplitter, type Frame } from './mongoFrames.js'
import { openProxy, type FaultProxy, type Match, type Piece, type Target } from './openProxy.js'

export type { FaultProxy, Match, Piece } from './openProxy.js'

export interface DatabaseProxy extends FaultProxy<Frame> {
  /** The database as seen through the proxy: for `MONGODB_URI`. */
  readonly uri: string
  /** Where connections lead that are made from now on: an engine that came back at another address. */
  leadTo(uri: string): void
}

/** Matches a request to the database by what it asks for and, where that is given, of which collection. */
export const command =
  (name: string, collection?: string): Match<Frame> =>
  (request) =>
    request.command === name && (collection === undefined || request.collection === collection)

/** `uri` is that of a MongoDB, or of the embedded engine. Of several hosts the first is taken. */
export async function databaseProxy(uri: string, { port = 0 }: { port?: number } = {}): Promise<DatabaseProxy> {
  const [, start = '', hosts = '', path = '', query = ''] =
    /^(mongodb:\/\/(?:[^@/]*@)?)([^/?]+)([^?]*)\??(.*)$/.exec(uri) ?? []
  const proxy = await openProxy<Frame>({
    target: databaseTarget(hosts),
    port,
    split: frameSplitter,
    answers: (request, answer) => answer.responseTo === request.id,
  })
  const options = new URLSearchParams(query)
  // a replica set tells its members' own addresses, which lead past the proxy
  if (options.has('replicaSet')) {
    options.delete('replicaSet')
    options.set('directConnection', 'true')
  }
  return {
    ...proxy,
    uri: `${start}${proxy.host}:${proxy.port}${path === '' ? '/' : path}?${options}`,
    leadTo: (to) => proxy.leadTo(databaseTarget(/^mongodb:\/\/(?:[^@/]*@)?([^/?]+)/.exec(to)?.[1] ?? '')),
  }
}

const databaseTarget = (hosts: string): Target => targetOf(decodeURIComponent(hosts.split(',', 1)[0]!))

/** `url` is what stands behind the proxy, such as `http://127.0.0.1:4101`. */
export const faultProxy = ({ url, port = 0 }: { url: string; port?: number }): Promise<FaultProxy> =>
  openProxy<Piece>({
    target: targetOf(new URL(url).host),
    port,
    split: () => (bytes) => [{ bytes }],
    answers: () => true,
  })

function targetOf(host: string): Target {
  if (host.startsWith('/')) return { path: host }
  const [, name = host, port = '27017'] = /^(.*?)(?::(\d+))?$/.exec(host) ?? []
  return { host: name.replaceAll(/[[\]]/g, ''), port: Number(port) }
}

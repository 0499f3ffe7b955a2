/**
 * Guards which addresses of a network functions may have. A name says nothing: its owner may let it resolve to the
 * machine beside the coordinator, and to another one a second later. So the resolved address is checked when the
 * connection is made, and the connection goes to just that.
 */
import type { lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { buildConnector } from 'undici'
import { namedAddresses } from './functionAddresses.js'

/** `allow`: functions may be anywhere. `refuse`: on public addresses only. */
export type PrivateFunctions = 'allow' | 'refuse'

/** Whether the function of this host may be on a network that is not public. */
export type MayBePrivate = (host: string) => boolean

/**
 * By default that is for hosts that the setting itself names as private ones, by a literal address or by a name that
 * only a private network gives: who wrote them there knows what they are. A public name, and an address that came in
 * any other way, is held to public addresses.
 */
export function mayBePrivate(setting: PrivateFunctions | undefined, functionsUrl: string): MayBePrivate {
  if (setting !== undefined) return () => setting === 'allow'
  const named = namedAddresses(functionsUrl).flatMap(hostPattern)
  return (host) => isPrivateName(host) && named.some((pattern) => pattern.test(host))
}

/**
 * `{worker}` in a host stands for any worker's label. Nothing is connected to for addresses of other schemes, as far as
 * is known here.
 */
function hostPattern(address: string): RegExp[] {
  const standIn = 'errand-stands-in-for-a-worker'
  const example = address.replaceAll('{worker}', standIn)
  if (!/^https?:/.test(address) || !URL.canParse(example)) return []
  const host = bare(new URL(example).hostname)
  return [new RegExp(`^${host.replaceAll('.', '\\.').replaceAll(standIn, '[a-z0-9-]+')}$`)]
}

/** As a socket takes it, without the brackets that an address has around IPv6. */
const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1')

/**
 * `functions` in a compose file, `functions.default.svc.cluster.local`, `functions.internal`: no public registry gives
 * such names away.
 */
const privateName = /^[^.]+$|(^|\.)(localhost|local|internal|home\.arpa)$/

const isPrivateName = (host: string): boolean =>
  isIP(host) === 0 ? privateName.test(host.replace(/\.$/, '')) : !isPublicAddress(host)

/**
 * https://www.iana.org/assignments/iana-ipv4-special-registry and …-ipv6-special-registry: what is not globally
 * reachable, and multicast.
 */
const ipv4Nets = [
  ['0.0.0.0', 8], // this network; Linux takes it for loopback
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // carriers' NAT
  ['127.0.0.0', 8],
  ['169.254.0.0', 16], // link-local, and what clouds tell their machines, credentials among it
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // relays of 6to4
  ['192.168.0.0', 16],
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and broadcast
] as const

const ipv6Nets = [
  ['::', 96], // unspecified, loopback, and IPv4 in a form of old; IPv4-mapped addresses are held to the nets of IPv4
  ['64:ff9b:1::', 48], // NAT64 within a network
  ['100::', 64], // discarded
  ['2001::', 23], // Teredo, benchmarks and other protocols
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4, which holds an IPv4 address
  ['3fff::', 20], // documentation
  ['5f00::', 16], // segment routing
  ['fc00::', 7], // unique local
  ['fe80::', 10], // link-local
  ['fec0::', 10], // site-local of old
  ['ff00::', 8], // multicast
] as const

function createNotPublic(): BlockList {
  const list = new BlockList()
  for (const [net, prefix] of ipv4Nets) {
    list.addSubnet(net, prefix, 'ipv4')
    // behind NAT64 every IPv4 address has this form
    list.addSubnet(`64:ff9b::${net}`, 96 + prefix, 'ipv6')
  }
  for (const [net, prefix] of ipv6Nets) list.addSubnet(net, prefix, 'ipv6')
  return list
}

const notPublic = createNotPublic()

/** Of an IP address, with or without a zone. */
export function isPublicAddress(text: string): boolean {
  const address = text.replace(/%.*$/, '')
  const version = isIP(address)
  return version !== 0 && !notPublic.check(address, version === 6 ? 'ipv6' : 'ipv4')
}

export const addressRefused = 'ADDRESS_REFUSED'

interface GuardedConnectorOptions {
  mayBePrivate: MayBePrivate
  resolve: typeof lookup
  timeoutMs: number
}

/** undici's connector, without refused addresses; the error's `code` is `ADDRESS_REFUSED` then. */
export function guardedConnector({
  mayBePrivate,
  resolve,
  timeoutMs,
}: GuardedConnectorOptions): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs, lookup: guardedLookup(mayBePrivate, resolve) })
  return (options, callback) => {
    // a literal address is not looked up
    const host = bare(options.hostname)
    if (isIP(host) === 0 || isPublicAddress(host) || mayBePrivate(host)) connect(options, callback)
    else queueMicrotask(() => callback(refused(), null))
  }
}

/** Of several addresses the public ones remain. */
function guardedLookup(mayBePrivate: MayBePrivate, resolve: typeof lookup): LookupFunction {
  return (host, options, callback) =>
    resolve(host, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, [])
      const addresses = mayBePrivate(host) ? found : found.filter(({ address }) => isPublicAddress(address))
      const [first] = addresses
      if (first === undefined) return callback(refused(), [])
      if (options.all === true) return callback(null, addresses)
      callback(null, first.address, first.family)
    })
}

const refused = (): NodeJS.ErrnoException =>
  Object.assign(new Error('The address is not a public one.'), { code: addressRefused })

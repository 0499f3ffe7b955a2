/**
 * Where the function of each worker is. A setting says it in one of three ways, because platforms differ in what they give an address to:
 *
 *   https://functions.example.org                     one host for all, such as Vercel or the Node host
 *   https://errand-{worker}.example.workers.dev       a host for each, with the worker's name in it, such as Cloudflare Workers
 *   mail.send=https://a.example,report.*=https://b.example,*=https://c.example
 *                                                     worker by worker, such as AWS Lambda, or several platforms at once
 *
 * The worker's path follows each of them: `mail.send` is called at `…/mail/send`.
 */
import { configError } from '../core/errors.js'
import { hostLabel } from '../core/hostLabel.js'

/** `undefined` where the setting has no address for the worker. */
export type FunctionAddress = (worker: string) => string | undefined

/** Throws `CONFIG` where the text is none of the three. */
export function readFunctionAddresses(text: string): FunctionAddress {
  const find = isPairs(text) ? readPairs(text) : always(checked(text))
  // every call of a function asks
  const known = new Map<string, string | undefined>()
  return (worker) => {
    if (!known.has(worker)) known.set(worker, addressOf(find(worker), worker))
    return known.get(worker)
  }
}

const always = (address: string) => () => address

const addressOf = (base: string | undefined, worker: string): string | undefined =>
  base && `${base.replaceAll('{worker}', hostLabel(worker))}/${worker.replaceAll('.', '/')}`

/** Every address that the setting names, `{worker}` as it stands. Throws as `readFunctionAddresses` does. */
export const namedAddresses = (text: string): string[] =>
  isPairs(text) ? readPairList(text).map(({ address }) => address) : [checked(text)]

const isPairs = (text: string): boolean => text.includes('=') && !/^https?:/.test(text)

/** The worker's own name first, then the pattern that says most of it. */
function readPairs(text: string): (worker: string) => string | undefined {
  const pairs = readPairList(text)
  const exact = new Map(pairs.map(({ pattern, address }) => [pattern, address]))
  const patterns = pairs
    .filter(({ pattern }) => pattern.endsWith('*'))
    .map(({ pattern, address }) => ({ prefix: pattern.slice(0, -1), address }))
    .toSorted((a, b) => b.prefix.length - a.prefix.length)
  return (worker) => exact.get(worker) ?? patterns.find(({ prefix }) => worker.startsWith(prefix))?.address
}

const readPairList = (text: string): { pattern: string; address: string }[] =>
  text
    .split(',')
    .filter((pair) => pair.trim() !== '')
    .map((pair) => {
      const [, pattern, address] = /^\s*([\w.*-]+)=(.+)$/.exec(pair) ?? []
      if (pattern === undefined || !/^[\w.-]+$|^([\w.-]+\.)?\*$/.test(pattern)) throw malformed()
      return { pattern, address: checked(address!) }
    })

function checked(address: string): string {
  const text = address.trim().replace(/\/+$/, '')
  const example = text.replaceAll('{worker}', 'worker')
  if (!URL.canParse(example)) throw malformed()
  const { protocol, username, password, search, hash } = new URL(example)
  if (!/^https?:$/.test(protocol) || username + password + search + hash !== '') throw malformed()
  return text
}

const malformed = () =>
  configError(
    'ERRAND_FUNCTIONS_URL is no address that can be called. Set it to one with http:// or https://, without user name and query, such as https://functions.example.org; ' +
      'to one with {worker} in it; or to worker=address pairs, such as mail.send=https://a.example,*=https://b.example.',
  )

/**
 * Reads where the function of each worker is. A setting says it in one of three ways, because platforms give addresses
 * to different things:
 *
 *   https://functions.example.org                     one host for all, such as Vercel or the Node host
 *   https://errand-{worker}.example.workers.dev       an address for each, with the worker's name in it, such as Cloudflare Workers
 *   mail.send=https://a.example,report.*=https://b.example,*=https://c.example
 *                                                     worker by worker, such as Lambda's URLs, or several platforms at once
 *
 * Each address may be of a kind of its own, which its scheme says. The worker's path follows those of HTTP: `mail.send`
 * is called at `…/mail/send`. Those of Lambda (lambdaAddress.ts) stand for themselves, and so do those of other
 * schemes, for invokers of the user's own.
 */
import { configError } from '../../core/errors.js'
import { hostLabel } from '../../core/functions/hostLabel.js'
import { isLambdaAddress, lambdaAddressOf, readLambdaAddress } from './lambdaAddress.js'

/** `undefined` where the setting has no address for the worker. */
export type FunctionAddress = (worker: string) => string | undefined

/** `schemes` are those of the user's own invokers. Throws `CONFIG` where the text is none of the three. */
export function readFunctionAddresses(text: string, schemes: readonly string[] = []): FunctionAddress {
  for (const address of namedAddresses(text)) check(address, schemes)
  const find = isPairs(text) ? readPairs(text) : always(withoutSlash(text))
  // every call of a function asks
  const known = new Map<string, string | undefined>()
  return (worker) => {
    if (!known.has(worker)) known.set(worker, addressOf(find(worker), worker))
    return known.get(worker)
  }
}

const always = (address: string) => () => address

function addressOf(base: string | undefined, worker: string): string | undefined {
  if (base === undefined) return undefined
  if (isHttp(base)) return `${base.replaceAll('{worker}', hostLabel(worker))}/${worker.replaceAll('.', '/')}`
  return isLambdaAddress(base) ? lambdaAddressOf(base, worker) : base.replaceAll('{worker}', worker)
}

const isHttp = (address: string): boolean => /^https?:/.test(address)

/** Every address that the setting names, `{worker}` as it stands. Throws where pairs cannot be told apart. */
export const namedAddresses = (text: string): string[] =>
  isPairs(text) ? readPairList(text).map(({ address }) => address) : [withoutSlash(text)]

const isPairs = (text: string): boolean => /^\s*[^:/=]+=/.test(text)

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
      return { pattern, address: withoutSlash(address!) }
    })

const withoutSlash = (address: string): string => address.trim().replace(/\/+$/, '')

function check(address: string, schemes: readonly string[]): void {
  const example = address.replaceAll('{worker}', 'worker')
  if (!URL.canParse(example)) throw malformed()
  if (schemes.includes(schemeOf(address))) return
  if (isLambdaAddress(address)) {
    if (readLambdaAddress(example) === undefined) throw malformed()
    return
  }
  const { username, password, search, hash } = new URL(example)
  if (!isHttp(address) || username + password + search + hash !== '') throw malformed()
}

/** How the function is called. An ARN is that of a Lambda function: no other thing of AWS's is called. */
export function schemeOf(address: string): string {
  const scheme = address.slice(0, address.indexOf(':'))
  return scheme === 'arn' ? 'lambda' : scheme
}

const malformed = () =>
  configError(
    'ERRAND_FUNCTIONS_URL is no address that can be called. Set it to one with http:// or https://, without user name and query, such as https://functions.example.org, ' +
      'or one of Lambda, such as lambda:eu-central-1:errand-{worker}; to one with {worker} in it; or to worker=address pairs, such as mail.send=https://a.example,*=https://b.example. ' +
      'Other schemes need an invoker of yours, in createCoordinator.',
  )

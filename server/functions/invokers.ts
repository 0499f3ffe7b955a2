/**
 * Chooses how to call a function by the scheme of its address: `https:` over HTTP, `lambda:` by Lambda's Invoke, and
 * others as the user says.
 */
import type { MayBePrivate } from './addressGuard.js'
import { namedAddresses, schemeOf } from './functionAddresses.js'
import { createHttpInvoker, type Invoker } from './invoke.js'
import { createLambdaInvoker } from './lambdaInvoker.js'
import type { Call, Answer, Invoke } from '../deps.js'

export interface InvokersOptions {
  /** At most so many calls to each host at once. */
  connections: number
  mayBePrivate: MayBePrivate
  /** By scheme, without the colon. They come before Errand's own. */
  more: Readonly<Record<string, Invoke>>
}

export interface Invokers extends Invoker {
  /** Throws `CONFIG` where these functions could not be called with what is installed. */
  ready(functionsUrl: string): Promise<void>
}

export function createInvokers({ connections, mayBePrivate, more }: InvokersOptions): Invokers {
  const http = createHttpInvoker({ connections, mayBePrivate })
  const lambda = createLambdaInvoker({ connections })
  const byScheme = new Map<string, Invoke>(
    Object.entries({ http: http.invoke, https: http.invoke, lambda: lambda.invoke, ...more }),
  )
  return {
    invoke: (call) => (byScheme.get(schemeOf(call.url)) ?? nobody)(call),
    async ready(functionsUrl) {
      const schemes = namedAddresses(functionsUrl).map(schemeOf)
      if (schemes.includes('lambda') && more['lambda'] === undefined) await lambda.ready()
    },
    async close() {
      await Promise.all([http.close(), lambda.close()])
    },
  }
}

const nobody = async ({ url }: Call): Promise<Answer> => ({
  kind: 'failed',
  code: 'NO_INVOKER',
  message: `Nobody said how functions at ${schemeOf(url)}: are called. Give createCoordinator an invoker for it, in \`invokers\`.`,
})

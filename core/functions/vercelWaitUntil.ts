/** Does what `waitUntil` of @vercel/functions does, without the package. */

type WaitUntil = (work: Promise<unknown>) => void

/** Where Vercel keeps it; asked for at each request, because it belongs to the request. */
const requestContext = Symbol.for('@vercel/request-context')

/** Keeps the function awake after its answer; `undefined` where the platform does not. */
export function vercelWaitUntil(): WaitUntil | undefined {
  const holder = (globalThis as { [requestContext]?: { get?(): { waitUntil?: WaitUntil } | undefined } })[
    requestContext
  ]
  const context = holder?.get?.()
  return context?.waitUntil && ((work) => context.waitUntil!(work))
}

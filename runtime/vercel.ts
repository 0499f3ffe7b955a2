/** `import … from 'errand/runtime/vercel'`: a function as Vercel's Node runtime takes it, which is nearly as it is. */
import type { FunctionHandler, PlatformContext } from './wrap.js'

export interface VercelHandler {
  fetch(request: Request): Promise<Response>
}

export const createVercelHandler = (job: FunctionHandler): VercelHandler => ({
  async fetch(request) {
    const waitUntil = platformWaitUntil()
    if (waitUntil) return job.fetch(request, undefined, { waitUntil })
    // nobody keeps the function awake after its answer: it answers when its receipt is posted
    const posting: Promise<unknown>[] = []
    const response = await job.fetch(request, undefined, { waitUntil: (work) => void posting.push(work) })
    await Promise.allSettled(posting)
    return response
  },
})

/** Where Vercel keeps what `waitUntil` of @vercel/functions uses; asked for at each request, because it belongs to the request. */
const requestContext = Symbol.for('@vercel/request-context')

function platformWaitUntil(): PlatformContext['waitUntil'] {
  const holder = (globalThis as { [requestContext]?: { get?(): PlatformContext | undefined } })[requestContext]
  const context = holder?.get?.()
  return context?.waitUntil && ((work) => context.waitUntil!(work))
}

/** `import … from 'errand/runtime/vercel'`: a function as Vercel's Node runtime takes it, which is nearly as it is. */
import { vercelWaitUntil } from '../core/functions/vercelWaitUntil.js'
import type { FunctionHandler } from './wrap.js'

export interface VercelHandler {
  fetch(request: Request): Promise<Response>
}

export const createVercelHandler = (job: FunctionHandler): VercelHandler => ({
  async fetch(request) {
    const waitUntil = vercelWaitUntil()
    if (waitUntil) return job.fetch(request, undefined, { waitUntil })
    // nothing keeps the function awake after its answer: it answers when its receipt is posted
    const posting: Promise<unknown>[] = []
    const response = await job.fetch(request, undefined, { waitUntil: (work) => void posting.push(work) })
    await Promise.allSettled(posting)
    return response
  },
})

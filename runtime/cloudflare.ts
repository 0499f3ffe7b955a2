/** `import … from 'errand/runtime/cloudflare'`: a function as a module worker of Cloudflare Workers. */
import { stackMapper } from './mapStack.js'
import type { FunctionHandler, PlatformContext } from './wrap.js'

export interface CloudflareWorker {
  fetch(
    request: Request,
    env: Record<string, unknown>,
    context: Required<Pick<PlatformContext, 'waitUntil'>>,
  ): Promise<Response>
}

export interface BundleMap {
  /** The bundle's name as stacks write it. */
  file: string
  /** The text of its source map. */
  json: string
}

/** https://developers.cloudflare.com/workers/runtime-apis/context/#waituntil */
const afterAnswerMs = 30_000

export function createCloudflareWorker(job: FunctionHandler, map: BundleMap): CloudflareWorker {
  pointStacksToSource(map)
  return {
    fetch: (request, env, context) =>
      job.fetch(request, env, { waitUntil: (work) => context.waitUntil(work), afterAnswerMs }),
  }
}

/** V8 asks this for the text of each stack, once, when code looks at it. */
function pointStacksToSource({ file, json }: BundleMap): void {
  const mapStack = stackMapper(file, json)
  Error.prepareStackTrace = (error, frames) =>
    [headline(error), ...(frames as unknown[]).map((frame) => `    at ${mapStack(String(frame))}`)].join('\n')
}

/** As V8 writes it. `toString` may be the worker's own, and throw. */
function headline(error: Error): string {
  try {
    return String(error)
  } catch {
    return 'Error'
  }
}

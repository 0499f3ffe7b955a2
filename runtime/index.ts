/** `import … from 'errand/runtime'`: the inside of a deployed function. Web APIs only. */
export { wrap } from './wrap.js'
export type { FunctionHandler, PlatformContext, WrapOptions } from './wrap.js'
export type { RunnableJob } from './perform.js'
export type { Clock } from '../core/time/clock.js'
export { AttemptError } from './attemptError.js'
export type { AttemptErrorCode } from './attemptError.js'

/**
 * `import … from 'errand/runtime/node'`: serves all functions of a folder on one port, each one loaded when it is first
 * called.
 */
export { createFunctionHost } from './host/functionHost.js'
export type { FunctionHost, FunctionHostOptions } from './host/functionHost.js'
export { serveFunctions } from './host/serve.js'
export type { Listening, ListenOptions } from './host/listen.js'

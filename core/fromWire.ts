/** Turns the coordinator's errors back into `ErrandError`s, where they arrive. */
import type { WireError } from './views/answers.gen.js'
import { ErrandError, type ErrorCode } from './errors.js'

export function fromWire({ code, message, issues, docs: _, ...details }: WireError): ErrandError {
  return new ErrandError(code as ErrorCode, message, {
    ...(issues === undefined ? {} : { issues }),
    ...(Object.keys(details).length === 0 ? {} : { details }),
  })
}

export const isWireError = (body: unknown): body is WireError =>
  typeof body === 'object' &&
  body !== null &&
  typeof (body as Partial<WireError>).code === 'string' &&
  typeof (body as Partial<WireError>).message === 'string'

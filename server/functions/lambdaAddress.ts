/**
 * The address of a function on AWS Lambda: `lambda:<region>:<name>`, or its ARN. Either may end with a colon and a
 * version or an alias.
 *
 *   lambda:eu-central-1:errand-mail-send
 *   arn:aws:lambda:eu-central-1:123456789012:function:errand-mail-send:live
 */
import { lambdaName } from '../../core/functions/lambdaName.js'

const short = /^lambda:([a-z0-9-]+):([\w-]+(?::[\w$-]+)?)$/
const arn = /^arn:aws[a-z-]*:lambda:([a-z0-9-]+):\d{12}:function:[\w-]+(?::[\w$-]+)?$/

export interface LambdaAddress {
  region: string
  /** As Invoke takes it: a name or an ARN. */
  name: string
}

/** `undefined` where the text is none. */
export function readLambdaAddress(text: string): LambdaAddress | undefined {
  const [, region, name] = short.exec(text) ?? arn.exec(text) ?? []
  return region === undefined ? undefined : { region, name: name ?? text }
}

/** Whether it may be one, with `{worker}` in it or without. */
export const isLambdaAddress = (text: string): boolean => /^(lambda|arn):/.test(text)

/** `{worker}` is what `errand build --target aws-lambda` puts behind the name of the stack. */
export const lambdaAddressOf = (text: string, worker: string): string => text.replaceAll('{worker}', lambdaName(worker))

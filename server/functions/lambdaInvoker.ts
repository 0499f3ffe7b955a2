/**
 * Calls functions on AWS Lambda by Invoke: no Function URL is needed, and AWS lets only those call who have the right
 * to. The event is the one that runtime/lambda.ts takes through its second door, signed as any other call. AWS's SDK
 * signs the request itself and finds credentials; it is asked for with the first such call, since most coordinators
 * never make one.
 */
import { configError, ErrandError } from '../../core/errors.js'
import { parseJson } from '../../core/payload/parseJson.js'
import { isLargerThan } from '../../core/payload/size.js'
import { readLambdaAddress } from './lambdaAddress.js'
import { maxAnswerBytes } from '../../core/functions/limits.js'
import { readAnswer, type Invoker } from './invoke.js'
import type { Call, Answer } from '../deps.js'

export interface LambdaInvokerOptions {
  /**
   * At most so many calls to each region at once; others wait. Default 100, as many as a coordinator's `concurrency`.
   */
  connections?: number
  /**
   * Further options of the SDK's `LambdaClient`, such as `endpoint` or `credentials`. Default: nothing, and the SDK
   * looks around.
   */
  client?: object
}

export interface LambdaInvoker extends Invoker {
  /** Throws `CONFIG` where the SDK is not installed. */
  ready(): Promise<void>
}

/** The part of the SDK that is used, by its structure, so that Errand's types do not need an optional package. */
interface LambdaSdk {
  LambdaClient: new (config: object) => LambdaClient
  InvokeCommand: new (input: object) => object
}

interface LambdaClient {
  send(command: object, options: { abortSignal: AbortSignal }): Promise<InvokeOutput>
  destroy(): void
}

interface InvokeOutput {
  /** The function threw, ran out of time or of memory, or could not be loaded; the payload tells. */
  FunctionError?: string
  Payload?: Uint8Array
}

const connectMs = 10_000

export function createLambdaInvoker(options: LambdaInvokerOptions = {}): LambdaInvoker {
  const { connections = 100, client: config = {} } = options
  let loading: Promise<LambdaSdk> | undefined
  const sdk = () => (loading ??= importSdk())
  const clients = new Map<string, LambdaClient>()

  const clientOf = ({ LambdaClient }: LambdaSdk, region: string): LambdaClient => {
    const agent = { keepAlive: true, maxSockets: connections }
    const client =
      clients.get(region) ??
      new LambdaClient({
        region,
        // the coordinator decides what is tried again
        maxAttempts: 1,
        requestHandler: { httpsAgent: agent, httpAgent: agent, connectionTimeout: connectMs },
        ...config,
      })
    clients.set(region, client)
    return client
  }

  const send = async (call: Call): Promise<Answer> => {
    const address = readLambdaAddress(call.url)
    if (address === undefined) return noAddress
    const { region, name } = address
    try {
      const loaded = await sdk()
      const command = new loaded.InvokeCommand({
        FunctionName: name,
        InvocationType: 'RequestResponse',
        Payload: JSON.stringify({ headers: call.headers, body: call.body }),
      })
      return readOutput(await clientOf(loaded, region).send(command, { abortSignal: call.signal }))
    } catch (error) {
      return failed(name, error)
    }
  }

  return {
    // the SDK hears of an abort once it has credentials, which may take a while
    invoke: (call) =>
      new Promise((resolve, reject) => {
        call.onAbort(() => resolve({ kind: 'aborted' }))
        send(call).then(resolve, reject)
      }),
    ready: async () => void (await sdk()),
    close: async () => clients.forEach((client) => client.destroy()),
  }
}

/**
 * Bundlers see the name, and by the `try` that it may be missing; the compiler is kept from looking for it. Throws
 * `CONFIG`.
 */
async function importSdk(): Promise<LambdaSdk> {
  try {
    // oxlint-disable-next-line typescript/no-unnecessary-type-assertion
    return (await import('@aws-sdk/client-lambda' as string)) as LambdaSdk
  } catch (error) {
    throw sdkProblem(error)
  }
}

const sdkProblem = (cause: unknown): ErrandError =>
  configError(
    "A function is to be called on AWS Lambda, and AWS's SDK could not be loaded. Run `npm install @aws-sdk/client-lambda` where the coordinator is, or give the function's URL in ERRAND_FUNCTIONS_URL.",
    cause,
  )

const noAddress: Answer = {
  kind: 'failed',
  code: 'NO_ADDRESS',
  message: 'This is no address of a Lambda function. Give lambda:<region>:<name>, or an ARN.',
}

function readOutput({ FunctionError, Payload = new Uint8Array() }: InvokeOutput): Answer {
  const said = parseObject(Buffer.from(Payload).toString('utf8'))
  if (FunctionError !== undefined) return { kind: 'failed', ...functionFailure(said ?? {}) }
  const { statusCode, headers, body = '' } = said ?? {}
  if (typeof statusCode !== 'number' || typeof body !== 'string') {
    return {
      kind: 'failed',
      code: 'BAD_RECEIPT',
      message:
        'The Lambda function answered without { statusCode, headers, body }. Is it one that `errand build --target aws-lambda` made?',
    }
  }
  return readAnswer(statusCode, retryAfterOf(headers), isLargerThan(maxAnswerBytes, body) ? undefined : body)
}

function parseObject(text: string): Record<string, unknown> | undefined {
  const value = parseJson(text)
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
}

function retryAfterOf(headers: unknown): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined
  const found = Object.entries(headers).find(([name]) => name.toLowerCase() === 'retry-after')
  return found && String(found[1])
}

/**
 * https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html. An error of `run` comes in a receipt;
 * these keep it from running.
 */
function functionFailure({ errorType, errorMessage }: Record<string, unknown>): { code: string; message: string } {
  const type = textOf(errorType)
  const message = textOf(errorMessage)
  const told = ([type, message].filter((text) => text !== '').join(': ') || 'no reason was given').slice(0, 1_000)
  if (type === 'Sandbox.Timedout' || /Task timed out after/.test(message)) {
    return { code: 'TIMEOUT', message: `Lambda ended the function at its own Timeout. ${told}` }
  }
  if (type === 'Runtime.OutOfMemory' || /signal: killed/.test(message)) {
    return { code: 'OUT_OF_MEMORY', message: `Lambda ended the function, whose memory was used up. ${told}` }
  }
  return { code: 'FUNCTION_ERROR', message: `The Lambda function did not answer: ${told}` }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

interface ServiceError {
  name?: string
  code?: string
  $metadata?: { httpStatusCode?: number }
  /** In seconds. */
  retryAfterSeconds?: string
}

/** Lambda's own failure, or that it could not be asked. Its sentences name accounts and roles, so they stay out. */
function failed(functionName: string, error: unknown): Answer {
  if (error instanceof ErrandError) return { kind: 'failed', code: error.code, message: error.message }
  const { name, code, $metadata, retryAfterSeconds } = error as ServiceError
  const status = $metadata?.httpStatusCode
  const reason = [name, code].find((text) => text !== undefined && text !== 'Error') ?? 'the connection failed'
  if (status === undefined) {
    const message = `The Lambda function ${functionName} could not be called (${reason}). Has the coordinator credentials, and is the region right?`
    // the SDK does not say whether the call was sent
    return { kind: 'failed', code: 'UNREACHABLE', message, mayRun: true }
  }
  if (status === 429) {
    const { kind, ...answer } = readAnswer(status, retryAfterSeconds, undefined) as Answer & { kind: 'failed' }
    return { kind, ...answer, message: `Lambda answered 429 (${reason}): too many calls at once of ${functionName}.` }
  }
  const message = `Lambda answered ${status} (${reason}) for ${functionName}. Is it deployed, is its deployment, or ERRAND_FUNCTIONS_URL, right, and may the coordinator invoke it?`
  return { kind: 'failed', code: `HTTP_${status}`, message }
}

/**
 * The CloudFormation template of a stack of functions. Each has a role of its own that may write to its own log group
 * and nothing else, and is never tried again by Lambda, because the coordinator decides that.
 */
import { configError } from '../../core/errors.js'
import { lambdaName } from '../../core/functions/lambdaName.js'
import { sha256 } from '../files.js'
import type { TargetOptions } from './options.js'

export interface TemplateFunction {
  worker: string
  /** The zip's name in the bucket, behind the prefix. */
  file: string
  seconds: number
}

type LambdaOptions = TargetOptions['aws-lambda']

/** `coordinator` is the zip's name, where the stack holds one. */
export function printTemplate(
  functions: readonly TemplateFunction[],
  options: LambdaOptions,
  coordinator?: string,
): object {
  const environment = parametersOf(options.environment)
  const variables = variablesOf(environment)
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    Description: 'Functions of Errand workers, made by `errand build --target aws-lambda`.',
    Parameters: {
      Bucket: { Type: 'String', Description: 'The S3 bucket that holds the zips, in the region of the stack.' },
      Prefix: { Type: 'String', Default: '', Description: 'What the keys of the zips begin with, such as errand/.' },
      SigningKeys: {
        Type: 'String',
        NoEcho: true,
        MinLength: 1,
        Description: "ERRAND_SIGNING_KEYS: the coordinator's own, whsec_..., comma separated.",
      },
      ...(coordinator !== undefined && coordinatorParameters),
      ...Object.fromEntries(
        environment.map(([name, parameter]) => [parameter, { Type: 'String', NoEcho: true, Description: name }]),
      ),
    },
    Resources: Object.assign(
      {},
      ...functions.map((one) => resourcesOf(functionOf(one, variables, options), options)),
      coordinator === undefined ? {} : coordinatorResources(coordinator, functions, options),
    ) as object,
    Outputs: {
      ...(coordinator !== undefined && {
        [coordinatorUrl]: { Description: 'The coordinator', Value: urlOf(coordinatorId) },
      }),
      ...Object.fromEntries(
        functions.map(({ worker }) => {
          const id = logicalId(worker)
          return options.url
            ? [`${id}Url`, { Description: worker, Value: urlOf(id) }]
            : [`${id}Arn`, { Description: worker, Value: arnOf(id) }]
        }),
      ),
    },
  }
}

/** One Lambda function with what it needs. */
interface StackFunction {
  /** Its logical id. */
  id: string
  /** Its name, behind the stack's. */
  name: string
  description: string
  file: string
  seconds: number
  variables: object
  /** Whether it has a URL. */
  url: boolean
  /** Ids of functions that it may invoke. */
  invokes: readonly string[]
}

const functionOf = (
  { worker, file, seconds }: TemplateFunction,
  variables: object,
  { url }: LambdaOptions,
): StackFunction => ({
  id: logicalId(worker),
  name: lambdaName(worker),
  description: `Errand worker ${worker}`,
  file,
  seconds,
  variables,
  url,
  invokes: [],
})

const variablesOf = (environment: readonly (readonly [name: string, parameter: string])[]): object => ({
  ERRAND_SIGNING_KEYS: { Ref: 'SigningKeys' },
  ...Object.fromEntries(environment.map(([name, parameter]) => [name, { Ref: parameter }])),
})

const arnOf = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] })
const urlOf = (id: string) => ({ 'Fn::GetAtt': [`${id}Url`, 'FunctionUrl'] })

/** Ids of workers end with a hash. */
const coordinatorId = 'Coordinator'
const coordinatorUrl = `${coordinatorId}Url`
/** Longer than the budget of a tick. */
const coordinatorSeconds = 60

/** Named as `environment` would name them, so that a job which reads the same database shares its parameter. */
const coordinatorParameters = {
  MongodbUri: {
    Type: 'String',
    NoEcho: true,
    MinLength: 1,
    Description: 'MONGODB_URI: the database, which must be reachable from the function.',
  },
  ErrandApiKeys: {
    Type: 'String',
    NoEcho: true,
    MinLength: 1,
    Description: 'ERRAND_API_KEYS: role:key pairs, comma separated; roles enqueue, observe, deploy, operate.',
  },
}

/** URLs are only known by the stack; names follow from its own. */
function functionsUrlOf(functions: readonly TemplateFunction[], { url }: LambdaOptions): object {
  if (!url) return { 'Fn::Sub': 'lambda:${AWS::Region}:${AWS::StackName}-{worker}' }
  const addresses = functions.map(({ worker }) => ({
    'Fn::Sub': [`${worker}=\${Url}`, { Url: urlOf(logicalId(worker)) }],
  }))
  return { 'Fn::Join': [',', addresses] }
}

/** The coordinator knows each function's address from the stack, and a rule wakes it each minute. */
function coordinatorResources(file: string, functions: readonly TemplateFunction[], options: LambdaOptions): object {
  const coordinator: StackFunction = {
    id: coordinatorId,
    name: '_coordinator',
    description: 'Errand coordinator',
    file,
    seconds: coordinatorSeconds,
    variables: {
      ERRAND_SIGNING_KEYS: { Ref: 'SigningKeys' },
      MONGODB_URI: { Ref: 'MongodbUri' },
      ERRAND_API_KEYS: { Ref: 'ErrandApiKeys' },
      ERRAND_FUNCTIONS_URL: functionsUrlOf(functions, options),
    },
    url: true,
    invokes: options.url ? [] : functions.map(({ worker }) => logicalId(worker)),
  }
  const input = JSON.stringify({ errand: 'tick', url: '${Url}' })
  return {
    ...resourcesOf(coordinator, options),
    [`${coordinatorId}Tick`]: {
      Type: 'AWS::Events::Rule',
      Properties: {
        Description: 'Wakes the coordinator',
        ScheduleExpression: 'rate(1 minute)',
        State: 'ENABLED',
        Targets: [
          {
            Id: 'tick',
            Arn: arnOf(coordinatorId),
            Input: { 'Fn::Sub': [input, { Url: urlOf(coordinatorId) }] },
          },
        ],
      },
    },
    [`${coordinatorId}MayTick`]: {
      Type: 'AWS::Lambda::Permission',
      Properties: {
        FunctionName: { Ref: coordinatorId },
        Action: 'lambda:InvokeFunction',
        Principal: 'events.amazonaws.com',
        SourceArn: { 'Fn::GetAtt': [`${coordinatorId}Tick`, 'Arn'] },
      },
    },
  }
}

function resourcesOf(
  { id, name, description, file, seconds, variables, url, invokes }: StackFunction,
  { runtime, architecture, memory, logDays }: LambdaOptions,
): object {
  const ref = { Ref: id }
  return {
    [`${id}Logs`]: {
      Type: 'AWS::Logs::LogGroup',
      Properties: {
        LogGroupName: { 'Fn::Sub': `/aws/lambda/\${AWS::StackName}-${name}` },
        RetentionInDays: logDays,
      },
    },
    [`${id}Role`]: {
      Type: 'AWS::IAM::Role',
      Properties: {
        AssumeRolePolicyDocument: {
          Version: '2012-10-17',
          Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
        },
        Policies: [
          {
            PolicyName: 'logs',
            PolicyDocument: {
              Version: '2012-10-17',
              Statement: [
                {
                  Effect: 'Allow',
                  Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
                  Resource: { 'Fn::GetAtt': [`${id}Logs`, 'Arn'] },
                },
              ],
            },
          },
          ...(invokes.length === 0 ? [] : [invokePolicy(invokes)]),
        ],
      },
    },
    [id]: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        FunctionName: { 'Fn::Sub': `\${AWS::StackName}-${name}` },
        Description: description,
        Runtime: runtime,
        Architectures: [architecture],
        Handler: 'index.handler',
        Code: { S3Bucket: { Ref: 'Bucket' }, S3Key: { 'Fn::Sub': `\${Prefix}${file}` } },
        Role: { 'Fn::GetAtt': [`${id}Role`, 'Arn'] },
        Timeout: seconds,
        MemorySize: memory,
        LoggingConfig: { LogGroup: { Ref: `${id}Logs` } },
        Environment: { Variables: variables },
      },
    },
    [`${id}Retries`]: {
      Type: 'AWS::Lambda::EventInvokeConfig',
      Properties: { FunctionName: ref, Qualifier: '$LATEST', MaximumRetryAttempts: 0 },
    },
    ...(url && urlResources(id)),
  }
}

const invokePolicy = (ids: readonly string[]): object => ({
  PolicyName: 'invoke',
  PolicyDocument: {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: ids.map(arnOf) }],
  },
})

/** The URL, which any caller may call, because the signature of each call keeps strangers out. */
function urlResources(id: string): object {
  const ref = { Ref: id }
  return {
    [`${id}Url`]: {
      Type: 'AWS::Lambda::Url',
      Properties: { TargetFunctionArn: { 'Fn::GetAtt': [id, 'Arn'] }, AuthType: 'NONE', InvokeMode: 'BUFFERED' },
    },
    [`${id}MayCallUrl`]: {
      Type: 'AWS::Lambda::Permission',
      Properties: {
        FunctionName: ref,
        Action: 'lambda:InvokeFunctionUrl',
        Principal: '*',
        FunctionUrlAuthType: 'NONE',
      },
    },
    // since October 2025 a URL needs this one too; the condition keeps it from being a right to invoke by any other way
    [`${id}MayInvoke`]: {
      Type: 'AWS::Lambda::Permission',
      Properties: {
        FunctionName: ref,
        Action: 'lambda:InvokeFunction',
        Principal: '*',
        InvokedViaFunctionUrl: true,
      },
    },
  }
}

/** Letters and digits only; the hash tells `a.b` from `aB`. */
const logicalId = (worker: string): string =>
  `${worker
    .split(/[._-]+/)
    .filter((part) => part !== '')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('')
    .slice(0, 100)}${sha256(worker).slice(0, 6)}`

/** `SMTP_URL` → `SmtpUrl`. */
function parametersOf(names: readonly string[]): [name: string, parameter: string][] {
  const taken = new Set(['Bucket', 'Prefix', 'SigningKeys'])
  return names.map((name) => {
    const parameter = name
      .split('_')
      .map((part) => part.charAt(0).toUpperCase() + part.slice(1).toLowerCase())
      .join('')
    if (taken.has(parameter)) {
      throw configError(
        `"errand.targets.aws-lambda.environment" in package.json: ${name} would be the parameter ${parameter}, which is taken. Give it another name.`,
      )
    }
    taken.add(parameter)
    return [name, parameter]
  })
}

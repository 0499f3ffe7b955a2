/**
 * The CloudFormation template of a stack of functions. Each has a role of its own that may write to its own log group and nothing else, and is never
 * tried again by Lambda, because the coordinator decides that.
 */
import { configError } from '../../core/errors.js'
import { sha256 } from '../files.js'
import type { TargetOptions } from './options.js'

export interface TemplateFunction {
  worker: string
  /** The zip's name in the bucket, behind the prefix. */
  file: string
  seconds: number
}

type LambdaOptions = TargetOptions['aws-lambda']

export function printTemplate(functions: readonly TemplateFunction[], options: LambdaOptions): object {
  const environment = parametersOf(options.environment)
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
      ...Object.fromEntries(
        environment.map(([name, parameter]) => [parameter, { Type: 'String', NoEcho: true, Description: name }]),
      ),
    },
    Resources: Object.assign({}, ...functions.map((one) => resourcesOf(one, options, environment))) as object,
    Outputs: Object.fromEntries(
      functions.map(({ worker }) => {
        const id = logicalId(worker)
        return [`${id}Url`, { Description: worker, Value: { 'Fn::GetAtt': [`${id}Url`, 'FunctionUrl'] } }]
      }),
    ),
  }
}

function resourcesOf(
  { worker, file, seconds }: TemplateFunction,
  { runtime, architecture, memory, logDays }: LambdaOptions,
  environment: readonly (readonly [name: string, parameter: string])[],
): object {
  const id = logicalId(worker)
  const ref = { Ref: id }
  return {
    [`${id}Logs`]: {
      Type: 'AWS::Logs::LogGroup',
      Properties: {
        LogGroupName: { 'Fn::Sub': `/aws/lambda/\${AWS::StackName}-${functionName(worker)}` },
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
        ],
      },
    },
    [id]: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        FunctionName: { 'Fn::Sub': `\${AWS::StackName}-${functionName(worker)}` },
        Description: `Errand worker ${worker}`,
        Runtime: runtime,
        Architectures: [architecture],
        Handler: 'index.handler',
        Code: { S3Bucket: { Ref: 'Bucket' }, S3Key: { 'Fn::Sub': `\${Prefix}${file}` } },
        Role: { 'Fn::GetAtt': [`${id}Role`, 'Arn'] },
        Timeout: seconds,
        MemorySize: memory,
        LoggingConfig: { LogGroup: { Ref: `${id}Logs` } },
        Environment: {
          Variables: {
            ERRAND_SIGNING_KEYS: { Ref: 'SigningKeys' },
            ...Object.fromEntries(environment.map(([name, parameter]) => [name, { Ref: parameter }])),
          },
        },
      },
    },
    [`${id}Retries`]: {
      Type: 'AWS::Lambda::EventInvokeConfig',
      Properties: { FunctionName: ref, Qualifier: '$LATEST', MaximumRetryAttempts: 0 },
    },
    // the signature of each call is what keeps strangers out
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

/** A function's name has 64 characters, and the stack's own comes first. */
const functionName = (worker: string): string => {
  const name = worker.replaceAll('.', '-')
  return name.length <= 36 ? name : `${name.slice(0, 29)}-${sha256(worker).slice(0, 6)}`
}

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

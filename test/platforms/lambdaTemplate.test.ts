/** The CloudFormation template by AWS's own validator, and that it gives no right that is not needed. */
import { CelEngine, TemplateFile } from '@aws/cloudformation-validate'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkCoordinatorKnows } from '../../codegen/targets/lambda.js'
import { printTemplate } from '../../codegen/targets/lambdaTemplate.js'
import { readTargetOptions } from '../../codegen/targets/options.js'
import { readFunctionAddresses } from '../../server/functions/functionAddresses.js'

interface Resource {
  Type: string
  Properties: Record<string, unknown>
}
interface Template {
  Parameters: Record<string, { NoEcho?: boolean; Description?: string }>
  Resources: Record<string, Resource>
  Outputs: Record<string, { Description: string; Value: unknown }>
}

const options = { ...readTargetOptions('/nowhere')['aws-lambda'], environment: ['SMTP_URL'] }
const functionOf = (worker: string, seconds = 35) => ({ worker, file: `${worker}-0.zip`, seconds })
const templateOf = (...workers: string[]) =>
  printTemplate(
    workers.map((worker) => functionOf(worker)),
    options,
  ) as Template
const ofType = ({ Resources }: Template, type: string) =>
  Object.values(Resources).filter(({ Type }) => Type === `AWS::${type}`)

const engine = new CelEngine()

/** What AWS's validator objects to. It has hints about any template, too. */
function diagnose(template: object): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'errand-template-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'template.json')
  writeFileSync(file, JSON.stringify(template))
  const { diagnostics } = engine.validateStandard(new TemplateFile(file)) as {
    diagnostics: { severity: string; message: string }[]
  }
  return diagnostics.filter(({ severity }) => severity !== 'INFO').map(({ message }) => message)
}

describe('the template', () => {
  it('is one that CloudFormation takes', () => {
    expect(diagnose(templateOf('mail.send', 'image.thumbnail'))).toEqual([])
  })

  it('is one that CloudFormation takes with a coordinator, which knows the functions and is woken by a rule', () => {
    const functions = ['mail.send', 'image.thumbnail'].map((worker) => functionOf(worker))
    const template = printTemplate(functions, options, '_coordinator-0.zip') as Template
    expect(diagnose(template)).toEqual([])
    const { Coordinator, CoordinatorTick, CoordinatorMayTick } = template.Resources
    expect(Coordinator!.Properties).toMatchObject({
      Code: { S3Key: { 'Fn::Sub': '${Prefix}_coordinator-0.zip' } },
      Timeout: 60,
      Environment: {
        Variables: {
          MONGODB_URI: { Ref: 'MongodbUri' },
          ERRAND_FUNCTIONS_URL: {
            'Fn::Join': [
              ',',
              [
                {
                  'Fn::Sub': [
                    'mail.send=${Url}',
                    { Url: { 'Fn::GetAtt': [expect.stringMatching(/^MailSend/), 'FunctionUrl'] } },
                  ],
                },
                { 'Fn::Sub': ['image.thumbnail=${Url}', expect.anything()] },
              ],
            ],
          },
        },
      },
    })
    expect(CoordinatorTick!.Properties).toMatchObject({
      ScheduleExpression: 'rate(1 minute)',
      Targets: [{ Input: { 'Fn::Sub': ['{"errand":"tick","url":"${Url}"}', { Url: expect.anything() }] } }],
    })
    expect(CoordinatorMayTick!.Properties).toMatchObject({
      Principal: 'events.amazonaws.com',
      SourceArn: { 'Fn::GetAtt': ['CoordinatorTick', 'Arn'] },
    })
    for (const name of ['MongodbUri', 'ErrandApiKeys'])
      expect(template.Parameters[name]).toMatchObject({ NoEcho: true })
    expect(template.Outputs['CoordinatorUrl']).toBeDefined()
  })

  it('is looked at by a validator that would see a mistake', () => {
    const template = templateOf('mail.send')
    ofType(template, 'Lambda::Function')[0]!.Properties['Timeout'] = 9_999
    expect(diagnose(template)).not.toEqual([])
  })

  it('lets a function write to its own log and do nothing else', () => {
    const template = templateOf('mail.send')
    const [role] = ofType(template, 'IAM::Role')
    const [logId] = Object.entries(template.Resources).find(([, { Type }]) => Type === 'AWS::Logs::LogGroup')!
    expect(role!.Properties).toEqual({
      AssumeRolePolicyDocument: expect.objectContaining({
        Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
      }) as unknown,
      Policies: [
        {
          PolicyName: 'logs',
          PolicyDocument: {
            Version: '2012-10-17',
            Statement: [
              {
                Effect: 'Allow',
                Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
                Resource: { 'Fn::GetAtt': [logId, 'Arn'] },
              },
            ],
          },
        },
      ],
    })
  })

  it('lets the world call a function by its URL alone', () => {
    const permissions = ofType(templateOf('mail.send'), 'Lambda::Permission').map(({ Properties }) => Properties)
    expect(permissions).toEqual([
      expect.objectContaining({ Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE' }),
      expect.objectContaining({ Action: 'lambda:InvokeFunction', InvokedViaFunctionUrl: true }),
    ])
  })

  it('gives functions no URL where they are called by Invoke, and the coordinator of the stack the right to it', () => {
    const closed = { ...options, url: false }
    const template = printTemplate(
      ['mail.send', 'b'].map((worker) => functionOf(worker)),
      closed,
      'c.zip',
    ) as Template
    expect(diagnose(template)).toEqual([])
    // the coordinator's own
    expect(ofType(template, 'Lambda::Url')).toHaveLength(1)
    const ids = Object.entries(template.Resources)
      .filter(([id, { Type }]) => Type === 'AWS::Lambda::Function' && id !== 'Coordinator')
      .map(([id]) => id)
    const arns = ids.map((id) => ({ 'Fn::GetAtt': [id, 'Arn'] }))
    const roles = ofType(template, 'IAM::Role').map(({ Properties }) => JSON.stringify(Properties['Policies']))
    expect(roles.map((policies) => policies.includes('lambda:InvokeFunction'))).toEqual([false, false, true])
    expect(roles[2]).toContain(`"Action":"lambda:InvokeFunction","Resource":${JSON.stringify(arns)}`)
    const { Environment } = template.Resources['Coordinator']!.Properties as {
      Environment: { Variables: Record<string, unknown> }
    }
    const { ERRAND_FUNCTIONS_URL } = Environment.Variables
    expect(ERRAND_FUNCTIONS_URL).toEqual({ 'Fn::Sub': 'lambda:${AWS::Region}:${AWS::StackName}-{worker}' })
    // as CloudFormation fills it in, it is the name that each function has
    const addressOf = readFunctionAddresses('lambda:eu-central-1:errand-{worker}')
    expect(ids.map((id) => template.Resources[id]!.Properties['FunctionName'])).toEqual([
      { 'Fn::Sub': '${AWS::StackName}-mail-send' },
      { 'Fn::Sub': '${AWS::StackName}-b' },
    ])
    expect(addressOf('mail.send')).toBe('lambda:eu-central-1:errand-mail-send')
    expect(Object.values(template.Outputs).map(({ Description }) => Description)).toEqual([
      'The coordinator',
      'mail.send',
      'b',
    ])
    expect(
      Object.values(template.Outputs)
        .slice(1)
        .map(({ Value }) => Value),
    ).toEqual(arns)
  })

  it('holds a coordinator only where it can know and call all functions', () => {
    const check = (count: number, url: boolean) => () =>
      checkCoordinatorKnows(
        Array.from({ length: count }, (_, index) => ({ worker: `worker${index}` })),
        url,
      )
    expect(check(30, true)).not.toThrow()
    expect(check(40, true)).toThrow(/addresses of 40 functions do not fit into the environment/)
    expect(check(60, false)).not.toThrow()
    expect(check(61, false)).toThrow(/61 functions do not fit into one stack/)
  })

  it('switches Lambda’s own retries off', () => {
    expect(ofType(templateOf('mail.send'), 'Lambda::EventInvokeConfig')[0]!.Properties).toMatchObject({
      MaximumRetryAttempts: 0,
      Qualifier: '$LATEST',
    })
  })

  it('shows no secret, and tells each function’s address under its worker’s name', () => {
    const { Parameters, Outputs } = templateOf('mail.send', 'b')
    expect(Parameters['SigningKeys']).toMatchObject({ NoEcho: true })
    expect(Parameters['SmtpUrl']).toMatchObject({ NoEcho: true, Description: 'SMTP_URL' })
    expect(Object.values(Outputs).map(({ Description }) => Description)).toEqual(['mail.send', 'b'])
  })

  it('tells names apart that are alike to CloudFormation', () => {
    const template = templateOf('mail.send', 'mailSend', 'mail_send', 'mail-send')
    expect(ofType(template, 'Lambda::Function')).toHaveLength(4)
  })
})

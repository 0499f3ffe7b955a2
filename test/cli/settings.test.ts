import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openProject, type Project } from '../../cli/project.js'
import { misspeltSettings, readCallerSettings, readSettings } from '../../cli/settings.js'
import { readTenant, type Env } from '../../server/hosts/settings.js'
import { localSigningKey, newSigningKey } from '../../cli/signingKey.js'

let project: Project

beforeEach(async () => {
  project = openProject(await mkdtemp(join(tmpdir(), 'errand-settings-')), undefined)
})
afterEach(() => rm(project.root, { recursive: true, force: true }))

const read = (env: Env) => readSettings(env, project)

describe('a preview', () => {
  it.each<[isPreview: boolean, env: Env]>([
    [true, { VERCEL_ENV: 'preview' }],
    [false, { VERCEL_ENV: 'production' }],
    [true, { RENDER: 'true', IS_PULL_REQUEST: 'true' }],
    [false, { RENDER: 'true', IS_PULL_REQUEST: 'false' }],
    // somebody else's setting of that name
    [false, { IS_PULL_REQUEST: 'true' }],
    [false, {}],
  ])('is told by the platform: %s of %j', (isPreview, env) => {
    expect(readTenant(env, 'shop').preview).toBe(isPreview)
  })
})

describe('the settings of a service', () => {
  it('have the defaults of the design', async () => {
    const settings = await read({})
    expect(settings).toMatchObject({
      database: { uri: undefined, dataDir: join(project.root, '.errand/data') },
      host: '127.0.0.1',
      port: 4100,
      url: undefined,
      functionsUrl: undefined,
      functionsPort: 4101,
      apiKeys: [],
    })
    expect(settings.signingKeys).toEqual([await localSigningKey(project.dir)])
  })

  it('are read from the environment, an empty text being as good as none', async () => {
    const keys = [newSigningKey(), newSigningKey()]
    const settings = await read({
      MONGODB_URI: 'mongodb://db/errand',
      ERRAND_DATA: 'elsewhere',
      ERRAND_HOST: '0.0.0.0',
      ERRAND_PORT: '0',
      ERRAND_URL: 'https://jobs.example.org/',
      ERRAND_FUNCTIONS_URL: 'https://functions.example.org/v1/',
      ERRAND_FUNCTIONS_PORT: '',
      ERRAND_SIGNING_KEYS: keys.join(', '),
      ERRAND_API_KEYS: 'enqueue:0123456789abcdef,operate:fedcba9876543210',
    })
    expect(settings).toEqual({
      database: { uri: 'mongodb://db/errand', dataDir: join(project.root, 'elsewhere') },
      host: '0.0.0.0',
      port: 0,
      url: 'https://jobs.example.org',
      functionsUrl: 'https://functions.example.org/v1',
      functionsPort: 4101,
      signingKeys: keys,
      apiKeys: [
        { role: 'enqueue', key: '0123456789abcdef' },
        { role: 'operate', key: 'fedcba9876543210' },
      ],
    })
  })

  it.each([
    ['ERRAND_PORT', 'http', 'whole number'],
    ['ERRAND_PORT', '65536', 'whole number'],
    ['ERRAND_PORT', '-1', 'whole number'],
    ['ERRAND_FUNCTIONS_PORT', '41 01', 'whole number'],
    ['ERRAND_HOST', 'http://secret.example.org', '127.0.0.1'],
    ['ERRAND_HOST', 'secret:4100', '127.0.0.1'],
    ['ERRAND_URL', 'secret.example.org', 'https://'],
    ['ERRAND_URL', 'https://user:secret@example.org', 'without user name'],
    ['ERRAND_URL', 'ftp://secret.example.org', 'https://'],
    ['ERRAND_FUNCTIONS_URL', 'https://example.org?token=secret', 'query'],
    ['ERRAND_PRIVATE_FUNCTIONS', 'secret', 'allow or refuse'],
    ['ERRAND_SIGNING_KEYS', 'secret', 'Entry 1'],
    ['ERRAND_SIGNING_KEYS', `${newSigningKey()},whsec_secret`, 'Entry 2'],
    ['ERRAND_API_KEYS', 'secret', 'Entry 1'],
    ['ERRAND_API_KEYS', 'admin:secretsecretsecret', 'Entry 1'],
    ['ERRAND_API_KEYS', 'operate:secret', 'at least 16'],
    ['ERRAND_API_KEYS', 'operate+args:secretsecretsecret', '+args, which is for observe only'],
    ['ERRAND_API_KEYS', 'observe(mail.send):secretsecretsecret', 'Only enqueue takes them'],
    ['ERRAND_API_KEYS', 'enqueue():secretsecretsecret', 'enqueue(mail.send|shop.*):key'],
    ['ERRAND_API_KEYS', 'enqueue(secret*):secretsecretsecret', 'enqueue(mail.send|shop.*):key'],
    ['ERRAND_API_KEYS', 'enqueue(mail.send,secret):secretsecretsecret', 'Entry 1'],
    ['ERRAND_API_KEYS', 'operate:sha256:secretsecretsecret', '64 hex digits'],
  ])(
    'that cannot work are refused by name, with what to do and without a secret: %s=%s',
    async (name, value, advice) => {
      const refusal = await read({ [name]: value }).then(
        () => undefined,
        (error: Error) => error.message,
      )
      expect(refusal).toContain(name)
      expect(refusal).toContain(advice)
      expect(refusal).not.toContain('secret')
    },
  )

  it('of keys may hold a hash, the workers of an enqueue key, and that an observe key sees args', async () => {
    const hash = 'A1'.repeat(32)
    const setting = `operate:sha256:${hash}, enqueue(mail.send|shop.*):0123456789abcdef, observe+args:fedcba:9876543210`
    expect((await read({ ERRAND_API_KEYS: setting })).apiKeys).toEqual([
      { role: 'operate', hash: hash.toLowerCase() },
      { role: 'enqueue', workers: ['mail.send', 'shop.*'], key: '0123456789abcdef' },
      { role: 'observe', args: true, key: 'fedcba:9876543210' },
    ])
  })

  it('that are misspelt are noticed, and variables of jobs are left alone', () => {
    expect(
      misspeltSettings({
        ERRAND_SIGNING_KEY: 'x',
        ERRAND_PROT: '1',
        ERRAND_PORT: '1',
        ERRAND_SHOP_TOKEN: 'x',
        PORT: '1',
      }),
    ).toEqual([
      'ERRAND_SIGNING_KEY is no setting. Did you mean ERRAND_SIGNING_KEYS?',
      'ERRAND_PROT is no setting. Did you mean ERRAND_PORT?',
    ])
  })
})

describe("the project's own signing key", () => {
  it('is one, however many processes start at once, and only its owner can read it, and git does not see it', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, () => localSigningKey(project.dir)))
    expect(new Set(keys).size).toBe(1)
    expect((await stat(join(project.dir, 'signing.key'))).mode & 0o777).toBe(0o600)
    expect(await readdir(project.dir)).toEqual(['.gitignore', 'signing.key'])
  })

  it('stays from start to start', async () => {
    const [first] = (await read({})).signingKeys
    expect((await read({})).signingKeys).toEqual([first])
    expect((await readFile(join(project.dir, 'signing.key'), 'utf8')).trim()).toBe(first)
  })

  it('is closed to other users where its file was copied with wider rights', async () => {
    const [key] = (await read({})).signingKeys
    const file = join(project.dir, 'signing.key')
    await chmod(file, 0o644)
    expect((await read({})).signingKeys).toEqual([key])
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it('is not made where keys are given', async () => {
    await read({ ERRAND_SIGNING_KEYS: newSigningKey() })
    await expect(readdir(project.dir)).rejects.toThrow('ENOENT')
  })

  it('is refused when its file is damaged, without being shown', async () => {
    await mkdir(project.dir)
    await writeFile(join(project.dir, 'signing.key'), 'whsec_short')
    await expect(read({})).rejects.toThrow(/signing\.key is damaged.*ERRAND_SIGNING_KEYS/)
    await expect(read({})).rejects.not.toThrow(/whsec_short/)
  })
})

describe('the settings of a caller', () => {
  const keys = 'observe:observe-0123456789,operate:operate-0123456789,enqueue:enqueue-0123456789'

  it('name the local coordinator by default', () => {
    expect(readCallerSettings({}, ['enqueue'])).toEqual({ url: 'http://127.0.0.1:4100', apiKey: undefined })
    expect(readCallerSettings({ ERRAND_HOST: '::', ERRAND_PORT: '80' }, ['enqueue']).url).toBe('http://[::1]:80')
    expect(readCallerSettings({ ERRAND_HOST: '0.0.0.0' }, ['enqueue']).url).toBe('http://127.0.0.1:4100')
  })

  it('prefer --url to ERRAND_URL', () => {
    const env = { ERRAND_URL: 'https://a.example.org/' }
    expect(readCallerSettings(env, ['enqueue']).url).toBe('https://a.example.org')
    expect(readCallerSettings(env, ['enqueue'], 'http://b').url).toBe('http://b')
  })

  it('take ERRAND_API_KEY, else the least powerful key that will do', () => {
    expect(readCallerSettings({ ERRAND_API_KEY: 'mine', ERRAND_API_KEYS: keys }, ['enqueue']).apiKey).toBe('mine')
    expect(readCallerSettings({ ERRAND_API_KEYS: keys }, ['enqueue']).apiKey).toBe('enqueue-0123456789')
    expect(readCallerSettings({ ERRAND_API_KEYS: keys }, ['operate']).apiKey).toBe('operate-0123456789')
    const operateOnly = 'operate:operate-0123456789'
    expect(readCallerSettings({ ERRAND_API_KEYS: operateOnly }, ['observe']).apiKey).toBe('operate-0123456789')
    const some = 'enqueue(mail.*):enqueue-0123456789'
    expect(readCallerSettings({ ERRAND_API_KEYS: `${some},${operateOnly}` }, ['enqueue']).apiKey).toBe(
      'operate-0123456789',
    )
    expect(readCallerSettings({ ERRAND_API_KEYS: some }, ['enqueue']).apiKey).toBe('enqueue-0123456789')
    const hashed = `operate:sha256:${'0'.repeat(64)}`
    expect(readCallerSettings({ ERRAND_API_KEYS: hashed }, ['enqueue']).apiKey).toBe(undefined)
  })

  it.each([
    'enqueue:0123456789abcdef',
    'observe+args:0123456789abcdef',
    'enqueue(a|b):0123456789abcdef',
    'two words',
    'line\nbreak',
    'schlüssel',
  ])('refuse a key that no header can carry, without showing it: %j', (key) => {
    const reading = () => readCallerSettings({ ERRAND_API_KEY: key }, ['enqueue'])
    expect(reading).toThrow(/ERRAND_API_KEY/)
    expect(reading).not.toThrow(key)
  })
})

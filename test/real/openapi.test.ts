/** A client that openapi-typescript makes of `/openapi.json`: a program against it type-checks, and runs. */
import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineJob } from '../../core/index.js'
import { listen } from '../../server/api/listen.js'
import { testErrand } from '../support/errand.js'

const run = promisify(execFile)
const here = import.meta.dirname
const bin = (name: string) => join(here, 'node_modules', '.bin', name)
const apiKey = 'the-key-of-an-operator'

const echo = defineJob({ args: z.object({ text: z.string() }), run: ({ text }) => text })

it('a generated client enqueues, waits, lists, operates, and knows each code', async () => {
  await using errand = await testErrand({ echo }, { apiKeys: [{ role: 'operate', key: apiKey }] })
  const listening = await listen({
    fetch: (request) => errand.coordinator.fetch(request),
    host: '127.0.0.1',
    port: 0,
    setting: 'PORT',
  })
  const folder = await mkdtemp(join(tmpdir(), 'errand-openapi-'))
  try {
    const described = await fetch(`${listening.url}/openapi.json`, { headers: { authorization: `Bearer ${apiKey}` } })
    await writeFile(join(folder, 'openapi.json'), await described.text())
    await symlink(join(here, 'node_modules'), join(folder, 'node_modules'))
    await copyFile(join(here, 'openapiProgram.ts'), join(folder, 'program.ts'))
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
    await run(bin('openapi-typescript'), ['openapi.json', '--output', 'client.d.ts'], { cwd: folder })
    expect(await readFile(join(folder, 'client.d.ts'), 'utf8')).toContain('Args_echo')
    const options = ['--strict', '--module', 'nodenext', '--target', 'es2022']
    await run(bin('tsc'), [...options, 'program.ts'], { cwd: folder }).catch((error: { stdout: string }) => {
      throw new Error(`The program does not fit the generated client:\n${error.stdout}`)
    })
    const env = { PATH: process.env['PATH'], ERRAND_URL: listening.url, ERRAND_API_KEY: apiKey }
    const { stdout } = await run(process.execPath, ['program.js'], { cwd: folder, env })
    expect(JSON.parse(stdout)).toEqual({
      end: ['succeeded', 'hello'],
      job: ['echo', { text: 'hello' }, ['success']],
      why: ['succeeded'],
      many: [true, true, true],
      pages: 3,
      cancelled: 'cancelled',
      retried: 'queued',
      counted: true,
      replayed: true,
      paused: 'worker',
      pauses: ['lunch'],
      scheduled: 'hourly',
      schedules: ['1h'],
      group: [1, 'continue'],
      workers: ['echo'],
      example: { text: 'text' },
      actions: true,
      codes: [
        'UNAUTHORIZED',
        'FORBIDDEN',
        'UNKNOWN_WORKER',
        'INVALID_ARGS',
        'INVALID_TIME',
        'PAYLOAD_TOO_LARGE',
        'ATOMIC_REFUSED',
        'UNKNOWN_JOB',
        'UNKNOWN_GROUP',
        'UNKNOWN_SCHEDULE',
        'UNKNOWN_KEY',
        'UNKNOWN_PAUSE',
        'UNKNOWN_DEPLOYMENT',
        'WRONG_STATE',
        'NAME_TAKEN',
        'BAD_REQUEST',
        'KEY_TAKEN',
      ],
    })
  } finally {
    await listening.close()
    await rm(folder, { recursive: true, force: true })
  }
})

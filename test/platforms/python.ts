/** A function in another language: docs/any-language/errand_function.py, which needs Python and nothing else. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { post, type Platform } from './platform.js'
import { run } from './process.js'

const found = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))'])

export const python: Platform = {
  name: 'python',
  place: /workers\.py", line 2\d, in boom/,
  ...(found.status !== 0 && { missing: 'python3 (3.10 or newer) is not installed' }),
  async start(_, keys) {
    const program = run('python3', [join(import.meta.dirname, 'workers.py')], {
      cwd: import.meta.dirname,
      env: {
        ERRAND_SIGNING_KEYS: keys,
        ERRAND_FUNCTION_DIR: join(import.meta.dirname, '../../docs/any-language'),
        PYTHONDONTWRITEBYTECODE: '1',
      },
    })
    const [, url] = await program.line(/ready at (\S+)/)
    return {
      call: (worker, headers, body) => post(`${url}/${worker.replaceAll('.', '/')}`, headers, body),
      [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
    }
  },
}

/** The Node target: its server as it is, on a free port. */
import { post, type Platform } from './platform.js'
import { run } from './process.js'
import { boomPlace } from './workers.js'

export const nodeHost: Platform = {
  name: 'node',
  target: 'node',
  place: boomPlace,
  async start(dir, keys) {
    const program = run(process.execPath, ['server.mjs'], {
      cwd: dir,
      env: { ERRAND_SIGNING_KEYS: keys, PORT: '0', HOST: '127.0.0.1' },
    })
    const [, url] = await program.line(/ready at (\S+)/)
    return {
      call: (worker, headers, body) => post(`${url}/${worker.replaceAll('.', '/')}`, headers, body),
      [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
    }
  },
}

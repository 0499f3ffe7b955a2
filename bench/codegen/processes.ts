/** Codegen in processes of its own: cold as the command is, and a watcher as `errand dev` has one. */
import { now } from '../harness/time.js'

/** One run. The time includes loading codegen itself, as the command's does. */
export async function codegenRun(_init: object) {
  return {
    commands: {
      async generate({ root }: { root: string }): Promise<number> {
        const startedAt = now()
        const { generate } = await import('../../codegen/index.js')
        await generate({ root })
        return now() - startedAt
      },
    },
  }
}

export async function watcher({ root }: { root: string }) {
  const { watch } = await import('../../codegen/index.js')
  const ended = new AbortController()
  let rebuilds = 0
  let look = () => {}
  const watching = watch({
    root,
    signal: ended.signal,
    onRebuild(outcome) {
      if (outcome instanceof Error) throw outcome
      rebuilds++
      look()
    },
  })
  return {
    commands: {
      /** Answers with the moment at which so many builds were done since the beginning. */
      async rebuilt({ count }: { count: number }): Promise<number> {
        while (rebuilds < count) await new Promise<void>((resolve) => (look = resolve))
        return now()
      },
    },
    async close() {
      ended.abort()
      await watching
    },
  }
}

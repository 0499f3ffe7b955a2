/** The embedded database, which may be killed and comes back on the same folder. */
import { startEngine, type Engine } from '../../../database/embedded/start.js'

export interface KillableEngine {
  readonly uri: string
  readonly pid: number
  /** SIGKILL, and after `awayMs` a new one on the same data. Resolves when it serves. */
  crash(awayMs: number): Promise<void>
  pause(): void
  resume(): void
  stop(): Promise<void>
}

/** `moved` is told the address of each new one. */
export async function openEngine(dataDir: string, moved: (uri: string) => void): Promise<KillableEngine> {
  let engine = await startEngine({ dataDir })
  const signal = (name: NodeJS.Signals) => {
    if (engine.pid > 0) process.kill(engine.pid, name)
  }
  return {
    get uri() {
      return engine.uri
    },
    get pid() {
      return engine.pid
    },
    async crash(awayMs) {
      const { lost }: Engine = engine
      signal('SIGKILL')
      await lost
      await new Promise((resolve) => setTimeout(resolve, awayMs))
      engine = await startEngine({ dataDir })
      moved(engine.uri)
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    stop: () => engine.stop(),
  }
}

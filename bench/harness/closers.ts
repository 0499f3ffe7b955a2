/**
 * What was opened, to be closed in the reverse order; all of it, even where one fails. (`AsyncDisposableStack` came
 * with Node 24.)
 */
export interface Closers {
  add<T extends { close: () => Promise<unknown> }>(opened: T): T
  close(): Promise<void>
}

function createClosers(): Closers {
  const opened: { close: () => Promise<unknown> }[] = []
  return {
    add(each) {
      opened.push(each)
      return each
    },
    async close() {
      const errors: unknown[] = []
      for (const each of opened.splice(0).toReversed()) await each.close().catch((error: unknown) => errors.push(error))
      if (errors.length > 0) throw new AggregateError(errors, 'not all that was opened could be closed')
    },
  }
}

/** Opens a session step by step. Where a step fails, what was opened so far is closed. */
export async function openAll<T>(open: (closers: Closers) => Promise<T>): Promise<T> {
  const closers = createClosers()
  try {
    return await open(closers)
  } catch (error) {
    await closers.close().catch(() => {})
    throw error
  }
}

/** Shared by jobs that write files. */
import type { JobContext } from 'errand'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Lets `write` fill a file of this attempt's own beside `file`, and moves it there in one step once it is whole. So
 * nobody ever reads half a file, and a job that runs more than once, even twice at the same time, leaves the same as
 * one that ran once.
 */
export async function replaceFile<T>(
  file: string,
  { jobId, attempt }: Pick<JobContext, 'jobId' | 'attempt'>,
  write: (temporary: string) => Promise<T>,
): Promise<T> {
  await mkdir(dirname(file), { recursive: true })
  const temporary = `${file}.${jobId}-${attempt}.tmp`
  try {
    const written = await write(temporary)
    await rename(temporary, file)
    return written
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

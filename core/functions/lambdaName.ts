/** A worker's part of the name of its Lambda function: `mail.send` is `mail-send`, behind the name of its stack. */
import { createHash } from 'node:crypto'

/** A function's name has 64 characters, and the stack's own comes first. */
const maxLength = 36

export function lambdaName(worker: string): string {
  const name = worker.replaceAll('.', '-')
  if (name.length <= maxLength) return name
  return `${name.slice(0, maxLength - 7)}-${createHash('sha256').update(worker).digest('hex').slice(0, 6)}`
}

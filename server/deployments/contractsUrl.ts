/** Contracts of a deployment as a module: from their text, and without a file. */
import { createHash } from 'node:crypto'

/** The prefix of places in their stacks. */
export const contractsName = 'errand-contracts-'

/** Node keeps a module by its URL, so the same text is run once, however often a deployment comes and goes. */
export function contractsUrl(text: string): string {
  // in stacks the name stands for what would be the whole text
  const name = `${contractsName}${createHash('sha256').update(text).digest('hex').slice(0, 16)}.mjs`
  return `data:text/javascript;base64,${Buffer.from(`${text}\n//# sourceURL=${name}`).toString('base64')}`
}

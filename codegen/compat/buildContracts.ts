/** Builds the contracts of the working tree, checks them as codegen does, and writes nothing. */
import { checkContracts } from '../check/checkContracts.js'
import { cutContracts } from '../contract/cutContracts.js'
import { contractsFile } from '../manifest.js'
import { openRun, type RunOptions } from '../openRun.js'
import { memoryOutput } from '../output.js'
import { CodegenError } from '../check/problems.js'
import { scanFor } from '../scan.js'

/** The text of contracts.mjs. Throws `CodegenError`. */
export async function buildContracts(options: RunOptions): Promise<string> {
  const output = memoryOutput()
  const run = openRun({}, options, () => output)
  const cuts = await cutContracts(run, await scanFor(run))
  await checkContracts(run, cuts)
  if (run.problems.length > 0) throw new CodegenError(run.problems)
  // nothing was bundled where the file of the last run is still good
  return output.files.get(contractsFile) ?? run.files.text(contractsFile)
}

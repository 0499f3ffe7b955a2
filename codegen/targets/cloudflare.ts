/**
 * Target `cloudflare`: a folder for each worker with its modules and its wrangler.jsonc, as `wrangler deploy` takes it.
 */
import { configError } from '../../core/errors.js'
import { hostLabel } from '../../core/functions/hostLabel.js'
import { artefactName, type Artefact } from './artefact.js'
import { bundleShim } from './shim.js'
import { artefactFiles, jsonFile, type BuildTarget } from './target.js'

/** The newest behaviour that is tested; from 2026-08-04 on Node's modules are there by default. */
export const compatibilityDate = '2026-10-01'

/** A Worker's name becomes part of a host name, which ends here. */
const maxNameLength = 63

export const buildCloudflare: BuildTarget = async ({ project, artefacts, options, minify }) => {
  const { prefix, cpuMs } = options.cloudflare
  const shim = await bundleShim(project, entry, { minify })
  const names = scriptNames(prefix, artefacts)
  return {
    files: artefacts.flatMap((artefact) => {
      const folder = `${artefact.worker.name}/`
      const config = {
        name: names.get(artefact.worker.name)!,
        main: 'index.mjs',
        compatibility_date: compatibilityDate,
        // bundled already; what lies beside main is uploaded as it is
        no_bundle: true,
        rules: [
          { type: 'ESModule', globs: ['*.mjs'], fallthrough: false },
          { type: 'Text', globs: ['*.map'], fallthrough: false },
        ],
        workers_dev: true,
        // variables that were set in the dashboard outlive a deploy
        keep_vars: true,
        observability: { enabled: true },
        ...(cpuMs !== undefined && { limits: { cpu_ms: cpuMs } }),
      }
      return [
        jsonFile(`${folder}wrangler.jsonc`, config),
        { path: `${folder}index.mjs`, content: shim },
        ...artefactFiles(artefact, folder),
      ]
    }),
    functions: Object.fromEntries(artefacts.map(({ worker }) => [worker.name, worker.name])),
  }
}

/** By worker. */
function scriptNames(prefix: string, artefacts: readonly Artefact[]): Map<string, string> {
  const taken = new Map<string, string>()
  for (const { worker } of artefacts) {
    const name = `${prefix}-${hostLabel(worker.name)}`
    const other = taken.get(name)
    if (other !== undefined) {
      throw configError(
        `${other} and ${worker.name} would both be the Worker "${name}" on Cloudflare. Rename one of them.`,
      )
    }
    if (name.length > maxNameLength) {
      throw configError(
        `The Worker of ${worker.name} would be called "${name}", and Cloudflare takes ${maxNameLength} characters. Rename it, or shorten "errand.targets.cloudflare.prefix" in package.json.`,
      )
    }
    taken.set(name, worker.name)
  }
  return new Map(Array.from(taken, ([name, worker]) => [worker, name]))
}

const entry = `import { createCloudflareWorker } from 'errand/runtime/cloudflare'
import job from './${artefactName}'
import map from './${artefactName}.map'
export default createCloudflareWorker(job, { file: '${artefactName}', json: map })
`

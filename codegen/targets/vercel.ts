/**
 * Target `vercel`: Build Output API v3, as `vercel deploy --prebuilt` takes it. A function for each worker, at the path where the coordinator calls it.
 * https://vercel.com/docs/build-output-api
 */
import { bundleShim } from './shim.js'
import { artefactFiles, artefactName, jsonFile, type BuildTarget, type TargetFile } from './target.js'
import { limitsOf } from '../limits.js'
import { platformSeconds } from './platformSeconds.js'

const output = '.vercel/output'
/** Not the name of a worker: none begins with an underscore. */
const tickFunction = '_errand/tick'

export const buildVercel: BuildTarget = async ({ project, artefacts, options, minify }) => {
  const { plan, tick = plan === 'hobby' ? '0 5 * * *' : '* * * * *', runtime, memory } = options.vercel
  const { timeoutMs } = limitsOf('vercel', options)
  const shim = await bundleShim(project, entry, { minify })
  const functionFiles = (path: string, maxDuration: number, files: readonly TargetFile[]): TargetFile[] => {
    const folder = `${output}/functions/${path}.func/`
    const config = {
      runtime,
      handler: 'index.mjs',
      launcherType: 'Nodejs',
      shouldAddHelpers: false,
      supportsResponseStreaming: true,
      maxDuration,
      ...(memory !== undefined && { memory }),
    }
    return [jsonFile('.vc-config.json', config), ...files].map((file) => ({ ...file, path: `${folder}${file.path}` }))
  }
  const tickFiles = async (): Promise<TargetFile[]> => [
    { path: 'index.mjs', content: await bundleShim(project, tickEntry, { minify }) },
  ]
  return {
    files: [
      jsonFile(`${output}/config.json`, {
        version: 3,
        routes: [{ handle: 'filesystem' }],
        ...(tick !== false && { crons: [{ path: `/${tickFunction}`, schedule: tick }] }),
      }),
      ...artefacts.flatMap((artefact) =>
        functionFiles(urlPath(artefact.worker.name), platformSeconds(artefact.worker, timeoutMs), [
          { path: 'index.mjs', content: shim },
          ...artefactFiles(artefact, ''),
        ]),
      ),
      ...(tick === false ? [] : functionFiles(tickFunction, 60, await tickFiles())),
    ],
    functions: Object.fromEntries(
      artefacts.map(({ worker }) => [worker.name, `${output}/functions/${urlPath(worker.name)}.func`]),
    ),
    // `vercel link` keeps its project.json beside the output
    replaces: [output, 'manifest.json'],
  }
}

const urlPath = (worker: string): string => worker.replaceAll('.', '/')

/** Maps are read of modules that are imported after they are switched on; so the job is, and the shim is not. */
const entry = `import { createVercelHandler } from 'errand/runtime/vercel'
process.setSourceMapsEnabled(true)
export default createVercelHandler((await import('./${artefactName}')).default)
`

const tickEntry = `import { createTickHandler } from 'errand/runtime/vercel-tick'
export default createTickHandler(process.env)
`

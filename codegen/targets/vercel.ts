/**
 * Target `vercel`: Build Output API v3, as `vercel deploy --prebuilt` takes it. A function for each worker, at the path
 * where the coordinator calls it. https://vercel.com/docs/build-output-api
 */
import { coordinatorFiles } from './coordinator.js'
import { bundleShim } from './shim.js'
import { artefactName } from './artefact.js'
import { artefactFiles, jsonFile, type BuildTarget, type TargetFile } from './target.js'
import { vercelFunctionsPath, vercelTickPath } from '../../core/views/tick.js'
import { limitsOf } from '../check/limits.js'
import { platformSeconds } from './platformSeconds.js'

const output = '.vercel/output'
const tickFunction = vercelTickPath.slice(1)
/** Not the name of a worker: none begins with an underscore. */
const coordinatorFunction = '_errand/coordinator'
/** Longer than the budget of a tick, and than the streams of receipts, which end by themselves after a minute. */
const coordinatorSeconds = 90

export const buildVercel: BuildTarget = async ({ project, artefacts, options, minify, coordinator }) => {
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
  // a deployment that has its coordinator has all other paths for it
  const urlPath = (worker: string): string =>
    `${coordinator ? `${vercelFunctionsPath.slice(1)}/` : ''}${worker.replaceAll('.', '/')}`
  const wakerFiles = async (): Promise<TargetFile[]> => {
    if (coordinator) {
      const files = await coordinatorFiles(project, { entry: 'vercel', minify })
      return functionFiles(coordinatorFunction, coordinatorSeconds, files)
    }
    if (tick === false) return []
    return functionFiles(tickFunction, 60, [
      { path: 'index.mjs', content: await bundleShim(project, tickEntry, { minify }) },
    ])
  }
  return {
    files: [
      jsonFile(`${output}/config.json`, {
        version: 3,
        routes: [{ handle: 'filesystem' }, ...(coordinator ? [{ src: '/(.*)', dest: `/${coordinatorFunction}` }] : [])],
        ...(tick !== false && { crons: [{ path: vercelTickPath, schedule: tick }] }),
      }),
      ...artefacts.flatMap((artefact) =>
        functionFiles(urlPath(artefact.worker.name), platformSeconds(artefact.worker, timeoutMs), [
          { path: 'index.mjs', content: shim },
          ...artefactFiles(artefact, ''),
        ]),
      ),
      ...(await wakerFiles()),
    ],
    functions: Object.fromEntries(
      artefacts.map(({ worker }) => [worker.name, `${output}/functions/${urlPath(worker.name)}.func`]),
    ),
    // `vercel link` keeps its project.json beside the output
    replaces: [output, 'manifest.json'],
  }
}

/** Maps are read of modules that are imported after they are switched on; so the job is, and the shim is not. */
const entry = `import { createVercelHandler } from 'errand/runtime/vercel'
process.setSourceMapsEnabled(true)
export default createVercelHandler((await import('./${artefactName}')).default)
`

const tickEntry = `import { createTickHandler } from 'errand/runtime/vercel-tick'
export default createTickHandler(process.env)
`

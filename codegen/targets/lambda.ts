/** Target `aws-lambda`: a zip for each worker, named by its content, and CloudFormation templates that deploy them. */
import { configError } from '../../core/errors.js'
import type { Project } from '../link/bundling.js'
import { sha256 } from '../files.js'
import { limitsOf } from '../check/limits.js'
import { platformSeconds } from './platformSeconds.js'
import { coordinatorFiles } from './coordinator.js'
import { bundleShim } from './shim.js'
import { printTemplate, type TemplateFunction } from './lambdaTemplate.js'
import { artefactName } from './artefact.js'
import { artefactFiles, jsonFile, type BuildTarget } from './target.js'
import { zip } from './zip.js'

/** CloudFormation takes 500 resources a stack, and a function is seven. */
const functionsPerStack = 60

export const buildLambda: BuildTarget = async ({ project, artefacts, options, minify, coordinator }) => {
  const { timeoutMs } = limitsOf('aws-lambda', options)
  const shim = await bundleShim(project, entry, { minify })
  const functions = artefacts.map((artefact) => {
    const content = zip([{ path: 'index.mjs', content: shim }, ...artefactFiles(artefact, '')])
    const { worker } = artefact
    // named by its content: CloudFormation sees what changed and leaves the others alone
    const file = `${worker.name}-${sha256(content).slice(0, 16)}.zip`
    return { worker: worker.name, file, content, seconds: platformSeconds(worker, timeoutMs) }
  })
  if (coordinator) checkCoordinatorKnows(functions, options['aws-lambda'].url)
  const coordinators = coordinator ? [await zipCoordinator(project, minify)] : []
  return {
    files: [
      ...templatesOf(functions).map((part, index) =>
        jsonFile(
          index === 0 ? 'template.json' : `template-${index + 1}.json`,
          printTemplate(part, options['aws-lambda'], coordinators[0]?.file),
        ),
      ),
      ...[...functions, ...coordinators].map(({ file, content }) => ({ path: `functions/${file}`, content })),
    ],
    functions: Object.fromEntries(functions.map(({ worker, file }) => [worker, `functions/${file}`])),
  }
}

/** Lambda takes 4 KB of environment; the coordinator's other settings need some of it. */
const maxAddressBytes = 3_000
/** `https://<32 letters>.lambda-url.<region>.on.aws/`, in the longest region there is, with `=` and `,`. */
const addressBytes = 80

/** Throws `CONFIG` where the coordinator of the stack could not know, or not call, all functions. */
export function checkCoordinatorKnows(functions: readonly Pick<TemplateFunction, 'worker'>[], url: boolean): void {
  const cure = 'Build the coordinator for node, or name fewer workers with --only.'
  if (!url && functions.length > functionsPerStack) {
    throw configError(
      `--coordinator: ${functions.length} functions do not fit into one stack, which takes ${functionsPerStack}, and the coordinator calls those of its own stack. ${cure}`,
    )
  }
  const bytes = functions.reduce((sum, { worker }) => sum + worker.length + addressBytes, 0)
  if (url && bytes > maxAddressBytes) {
    throw configError(
      `--coordinator: the addresses of ${functions.length} functions do not fit into the environment of a Lambda, which takes 4 KB. ${cure}`,
    )
  }
}

async function zipCoordinator(project: Project, minify: boolean) {
  const content = zip(await coordinatorFiles(project, { entry: 'aws-lambda', minify }))
  return { file: `_coordinator-${sha256(content).slice(0, 16)}.zip`, content }
}

const templatesOf = (functions: readonly TemplateFunction[]): TemplateFunction[][] =>
  Array.from({ length: Math.ceil(functions.length / functionsPerStack) }, (_, index) =>
    functions.slice(index * functionsPerStack, (index + 1) * functionsPerStack),
  )

/** Maps are read of modules that are imported after they are switched on; so the job is, and the shim is not. */
const entry = `import { createLambdaHandler } from 'errand/runtime/lambda'
process.setSourceMapsEnabled(true)
export const handler = createLambdaHandler((await import('./${artefactName}')).default)
`

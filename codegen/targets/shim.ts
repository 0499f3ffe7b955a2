/**
 * Bundles the few lines between a platform and a worker's core artefact, which stays beside it as a file of its own.
 */
import { resolveErrand, type Project } from '../link/bundling.js'
import { artefactName, artefactFormat } from './artefact.js'

/** `contents` imports of `errand/…` and of files that lie beside it, which stay imports. */
export async function bundleShim(project: Project, contents: string, { minify }: { minify: boolean }): Promise<string> {
  const { build } = await import('esbuild')
  const { outputFiles } = await build({
    ...artefactFormat,
    absWorkingDir: project.root,
    conditions: project.errand.conditions,
    minifyIdentifiers: minify,
    // not index.mjs: esbuild would name its export after the folder
    stdin: { contents, resolveDir: project.root, sourcefile: 'shim.mjs' },
    // the artefact: its name stands in the shim alone
    external: [`./${artefactName}`, `./${artefactName}.map`],
    plugins: [
      {
        name: 'errand-shim',
        setup(build) {
          resolveErrand(build, project)
        },
      },
    ],
  })
  return outputFiles[0]!.text
}

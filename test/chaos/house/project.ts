/** The project whose jobs are run: copied into the run's folder and built by the build that is tested. */
import { execFile } from 'node:child_process'
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { repository } from '../../support/repository.js'

/** `dist` is the build that is tested: `errand` is found beside it. Answers with the project's folder. */
export async function makeProject(folder: string, dist: string): Promise<string> {
  const root = join(folder, 'project')
  await mkdir(join(root, 'node_modules'), { recursive: true })
  await cp(join(repository, 'test', 'chaos', 'project', 'jobs'), join(root, 'jobs'), { recursive: true })
  await symlink(dirname(dist), join(root, 'node_modules', 'errand'))
  await symlink(join(repository, 'node_modules', 'zod'), join(root, 'node_modules', 'zod'))
  await writeFile(join(root, 'package.json'), '{ "name": "chaos", "private": true, "type": "module" }\n')
  await promisify(execFile)(process.execPath, [join(dist, 'cli', 'main.js'), 'codegen'], { cwd: root })
  return root
}

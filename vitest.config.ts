import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { patience } from './test/support/effort.js'
import { testRings } from './test/support/rings.js'

/** Our own sources stand in for the package's compiled files wherever a test imports `errand` by its name. */
const conditions = ['@errand/source', 'module', 'node', 'development|production']

const { ERRAND_TEST_REPORT: report } = process.env
const { unit, system, programs } = testRings()

export default defineConfig({
  resolve: { conditions },
  // given to Node as well, which finds builds for bundlers by `module` that it cannot run, such as those of AWS's SDK
  ssr: { resolve: { conditions: conditions.filter((name) => name !== 'module') } },
  test: {
    // one after the other, because a worker of one cannot go on with files of the other
    projects: [
      { extends: true, test: { name: 'unit', include: unit, sequence: { groupOrder: 0 } } },
      {
        extends: true,
        test: {
          name: 'system',
          include: system,
          globalSetup: ['test/support/globalSetup.ts'],
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'programs',
          include: programs,
          globalSetup: ['test/support/globalSetup.ts'],
          sequence: { groupOrder: 2 },
        },
      },
      // with what `npm ci --prefix test/real` installs
      {
        extends: true,
        test: {
          name: 'real',
          include: ['test/real/*.test.ts'],
          globalSetup: ['test/support/globalSetup.ts'],
          sequence: { groupOrder: 4 },
        },
      },
      // by hand: `npm run world`
      {
        extends: true,
        test: {
          name: 'world',
          include: ['test/world/**/*.test.ts'],
          globalSetup: ['test/support/globalSetup.ts'],
          sequence: { groupOrder: 3 },
        },
      },
    ],
    // CI counts single tests from this file
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    pool: 'forks',
    // some tests wait for processes and clocks outside, which leaves the processor to others
    maxWorkers: Math.max(3, availableParallelism()),
    // to import the engine's driver, the compilers and ourselves anew for each file took longer than most files do; what
    // a file changes for good in its process, the next one sees
    isolate: false,
    setupFiles: ['test/support/answers.ts'],
    restoreMocks: true,
    unstubEnvs: true,
    // only what hangs may come so far: some tests run compilers and a dozen processes, beside those of other tests, on
    // machines that are busy
    testTimeout: patience(180_000),
    hookTimeout: 180_000,
  },
})

import { defineConfig } from 'vitest/config'

/** Our own sources stand in for the package's compiled files wherever a test imports `errand` by its name. */
const conditions = ['@errand/source', 'module', 'node', 'development|production']

const { ERRAND_TEST_REPORT: report } = process.env

export default defineConfig({
  resolve: { conditions },
  // given to Node as well, which finds builds for bundlers by `module` that it cannot run, such as those of AWS's SDK
  ssr: { resolve: { conditions: conditions.filter((name) => name !== 'module') } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/fixtures/**', '**/node_modules/**'],
    globalSetup: ['test/support/globalSetup.ts'],
    // CI counts single tests from this file
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    pool: 'forks',
    maxWorkers: 2,
    // only what hangs may come so far: some tests run compilers and a dozen processes, beside those of other tests, on
    // machines that are busy
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
})

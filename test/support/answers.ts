/**
 * Holds every answer that any test receives against its schema, by both doors: a setup file of all tests. A field that
 * no schema names, or one that is missing, fails the test that asked.
 */
import { afterEach } from 'vitest'
import { checkAnswers } from '../../server/api/router/answer.js'

let misfits: string[] = []

checkAnswers((schema, answer) => {
  const { error } = schema.safeParse(answer)
  for (const issue of error?.issues ?? []) {
    const { path, message } = issue
    misfits.push(`${schema.meta()?.id ?? 'answer'} ${path.join('.') || '(all)'}: ${message}`)
  }
})

afterEach(() => {
  const found = misfits
  misfits = []
  if (found.length > 0) throw new Error(`Answers do not fit their schemas (core/answers):\n${found.join('\n')}`)
})

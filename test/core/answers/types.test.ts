/**
 * The plain types of answers are made from their schemas. After a change of a schema:
 * `npx vitest run test/core/answers --update`.
 */
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { globalRegistry, type ZodType } from 'zod'
import { printComment, printType } from '../../../codegen/types/printType.js'
import { schemaType } from '../../../codegen/types/schemaType.js'
import { answers } from '../../../core/answers/index.js'
import { repository } from '../../support/repository.js'

const metaOf = (schema: object) => globalRegistry.get(schema as ZodType)

const note = (which: string) =>
  `/**\n * ${which}\n * Made from core/answers by \`npx vitest run test/core/answers --update\`. Do not edit.\n */\n`

/** One declaration for each schema that has an id. `timeText` is what a time is. */
function declarations(timeText: string): string {
  const named = answers.flatMap((schema) => {
    const { id, description } = metaOf(schema) ?? {}
    return id === undefined ? [] : [{ schema, id, description }]
  })
  const idOf = new Map<object, string>(named.map(({ schema, id }) => [schema, id]))
  return named
    .map(({ schema, id, description }) => {
      const type = schemaType(schema, 'output', id, {
        known: (part) => {
          if (part._zod.def.type === 'date') return 'Date'
          return metaOf(part)?.['isTime'] ? timeText : idOf.get(part)
        },
        about: (part) => metaOf(part)?.description,
      })
      expect(type.opaque).toEqual([])
      return printComment(description, 0) + printType(id, type).text
    })
    .join('\n\n')
}

it('of answers as they travel are those of their schemas', async () => {
  await expect(
    `${note('What callers get, as it travels. Times are ISO 8601.')}\n${declarations('string')}\n`,
  ).toMatchFileSnapshot(join(repository, 'core/views/answers.gen.ts'))
})

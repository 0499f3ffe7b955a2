/** API keys as they travel: requests and views. */
import { z } from 'zod'
import { localName, roles, workerPatternProblem } from '../roles.js'

const workerPattern = z
  .string()
  .max(200)
  .superRefine((pattern, context) => {
    const message = workerPatternProblem(pattern)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })

export const createKeyRequest = z
  .strictObject({
    /** Stands in the audit for the key's user. */
    name: z
      .string()
      .regex(
        /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/,
        'takes up to 100 letters, digits and _ . -, the first a letter or digit',
      )
      .refine((name) => name !== localName, `must not be "${localName}", which stands for callers without a key`),
    role: z.enum(roles),
    /** For `enqueue`: the workers it may enqueue, by name or as `folder.*`. Default: all. */
    workers: z.array(workerPattern).min(1).max(100).optional(),
    /** For `observe`: whether args, results and what is made of them are shown. Default: no. */
    args: z.boolean().optional(),
  })
  .refine(({ role, workers }) => workers === undefined || role === 'enqueue', {
    message: 'is for the role enqueue only',
    path: ['workers'],
  })
  .refine(({ role, args }) => args === undefined || role === 'observe', {
    message: 'is for the role observe only: operate sees args always, and enqueue never',
    path: ['args'],
  })
export type CreateKeyRequest = z.input<typeof createKeyRequest>

export const keyNameRequest = z.strictObject({ name: z.string().min(1).max(200) })

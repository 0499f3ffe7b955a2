/** Workers to call, and their types as codegen prints them. */
import { z } from 'zod'
import { defineJob, Fatal } from '../../core/index.js'

export interface Jobs {
  'mail.send': { args: MailSendArgs; result: MailSendResult }
  'mail.bounce': { args: MailBounceArgs; result: null }
  'shop.total': { args: ShopTotalArgs; result: ShopTotalResult }
  tick: { args: TickArgs; result: number }
}
export interface MailSendArgs {
  to: string
  subject?: string | undefined
  at?: Date | undefined
}
export interface MailSendResult {
  sentTo: string
  at: Date
}
export interface MailBounceArgs {
  code: string
}
/** The schema makes a number of it; callers give the text. */
export interface ShopTotalArgs {
  amount: string
}
export interface ShopTotalResult {
  doubled: number
}
export interface TickArgs {
  verbose?: boolean | undefined
}

export const workers = {
  'mail.send': defineJob({
    args: z.object({ to: z.string(), subject: z.string().optional(), at: z.date().optional() }),
    run: ({ to, at }) => ({ sentTo: to, at: at ?? new Date('2030-01-01T00:00:00Z') }),
  }),
  'mail.bounce': defineJob({
    args: z.object({ code: z.string() }),
    retry: { attempts: 1 },
    run: ({ code }) => {
      throw new Fatal(`refused with ${code}`)
    },
  }),
  'shop.total': defineJob({
    args: z.object({ amount: z.string().transform(Number) }),
    run: ({ amount }) => ({ doubled: amount * 2 }),
  }),
  tick: defineJob({ args: z.object({ verbose: z.boolean().optional() }), run: () => 1 }),
}

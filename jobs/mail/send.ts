/**
 * Sends a mail over SMTP.
 *
 * Shows: what is not worth a retry (`Fatal`), how a repeat is made recognisable, and `ctx.signal`, which breaks the
 * conversation off at the deadline.
 *
 * A job may run more than once: when its function dies after the server took the mail and before the receipt was
 * written, nobody knows, and the mail is sent again. It then has the same Message-ID, by which mail servers and
 * mailboxes tell a repeat from a second mail. For the same reason a job has one recipient: with several, a retry for
 * the one that was refused would go to all others again.
 *
 * Settings: SMTP_URL, such as smtp://user:password@mail.example.org:587, and MAIL_FROM.
 */
import { defineJob, Fatal } from 'errand'
import { createTransport, type NodemailerError } from 'nodemailer'
import { z } from 'zod'
import { setting } from '../_setting.js'

export default defineJob({
  args: z
    .object({
      to: z.email(),
      // 998 characters is the longest line that a mail may have
      subject: z.string().min(1).max(998),
      text: z.string().optional(),
      html: z.string().optional(),
    })
    .refine((mail) => mail.text !== undefined || mail.html !== undefined, {
      message: 'A mail needs text, html or both.',
      path: ['text'],
    }),
  // a mail server that is down is often back within the hour, and a mail that is a day late is better than none
  retry: { attempts: 10, backoff: { kind: 'exponential', base: '5s', max: '4h' } },
  timeout: '1m',

  async run({ to, subject, text, html }, ctx) {
    const from = setting('MAIL_FROM', '"Example Shop" <shop@example.org>')
    const transport = createTransport(setting('SMTP_URL', 'smtp://user:password@mail.example.org:587'))
    try {
      const sent = await transport.sendMail({
        from,
        to,
        subject,
        text,
        html,
        messageId: `<${ctx.jobId}@${domainOf(from)}>`,
        signal: ctx.signal,
      })
      return { messageId: sent.messageId, accepted: sent.accepted }
    } catch (error) {
      if (!isRefusal(error)) throw error
      throw new Fatal(`The mail server refused the mail for good (${error.responseCode}).`, { cause: error })
    }
  },
})

/**
 * The server answered 5xx: it would refuse the same mail again. A refused password is a 5xx too, but says nothing about
 * the mail: the setting is wrong, and once it is right the mail can go.
 */
function isRefusal(error: unknown): error is NodemailerError {
  const { permanent, code } = error as NodemailerError
  return permanent === true && code !== 'EAUTH'
}

/** `"Example Shop" <shop@example.org>` → `example.org`. */
const domainOf = (from: string): string => /@([\w.-]+)/.exec(from)?.[1] ?? 'localhost'

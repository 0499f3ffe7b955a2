import { createServer, type AddressInfo } from 'node:net'
import { Fatal, RetryAfter } from 'errand'
import { SMTPServer } from 'smtp-server'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startMailServer } from '../../demo/smtp.js'
import send from '../../jobs/mail/send.js'
import { attemptOf, errorOf, giveSettings } from './support.js'

const mail = { to: 'ada@example.org', subject: 'Hello', text: 'Dear Ada' }

const mailServer = async () => {
  const server = await startMailServer()
  onTestFinished(() => server.close())
  giveSettings({ SMTP_URL: server.url, MAIL_FROM: '"A Shop" <shop@shop.example>' })
  return server
}

describe('mail.send', () => {
  it('sends a mail, and answers with its Message-ID and who got it', async () => {
    const { mails } = await mailServer()
    expect(await send.run(mail, attemptOf({ jobId: '0190-abc' }).context)).toEqual({
      messageId: '<0190-abc@shop.example>',
      accepted: ['ada@example.org'],
    })
    expect(mails).toEqual([{ to: 'ada@example.org', messageId: '<0190-abc@shop.example>', accepted: true }])
  })

  it('tries a mail again that the server does not take now, under the same Message-ID', async () => {
    const { mails } = await mailServer()
    const busy = { ...mail, to: 'busy@example.org' }
    const error = await errorOf(send.run(busy, attemptOf().context))
    expect(error).not.toBeInstanceOf(Fatal)
    expect(error).toMatchObject({ responseCode: 451 })
    await send.run(busy, attemptOf({ attempt: 2 }).context)
    expect(mails.map(({ accepted }) => accepted)).toEqual([false, true])
    expect(mails[0]!.messageId).toBe(mails[1]!.messageId)
  })

  it('gives up on a mail that the server refuses for good', async () => {
    await mailServer()
    const error = await errorOf(send.run({ ...mail, to: 'unknown@example.org' }, attemptOf().context))
    expect(error).toBeInstanceOf(Fatal)
    expect(error.message).toContain('550')
    expect(error.cause).toMatchObject({ code: 'EENVELOPE' })
  })

  it('tries again when the server refuses the password, because the setting can be mended', async () => {
    const server = new SMTPServer({
      allowInsecureAuth: true,
      disabledCommands: ['STARTTLS'],
      disableReverseLookup: true,
      onAuth: (_auth, _session, answer) => answer(new Error('wrong password')),
    })
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())))
    const { port } = server.server.address() as AddressInfo
    giveSettings({ SMTP_URL: `smtp://user:wrong@127.0.0.1:${port}`, MAIL_FROM: 'shop@shop.example' })
    const error = await errorOf(send.run(mail, attemptOf().context))
    expect(error).toMatchObject({ code: 'EAUTH', responseCode: 535 })
    expect(error).not.toBeInstanceOf(Fatal)
  })

  it('tries again when no server is there', async () => {
    const server = await mailServer()
    await server.close()
    const error = await errorOf(send.run(mail, attemptOf().context))
    expect(error).toMatchObject({ code: 'ESOCKET' })
    expect(error).not.toBeInstanceOf(Fatal)
    expect(error).not.toBeInstanceOf(RetryAfter)
  })

  it('breaks off at its deadline when the server says nothing', async () => {
    const { context, abort } = attemptOf()
    const silent = createServer(() => abort())
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void silent.close())
    const { port } = silent.address() as AddressInfo
    giveSettings({ SMTP_URL: `smtp://127.0.0.1:${port}`, MAIL_FROM: 'shop@shop.example' })
    expect(await errorOf(send.run(mail, context))).toMatchObject({ cause: { message: 'the deadline has passed' } })
  })

  it.each(['SMTP_URL', 'MAIL_FROM'])('names the setting %s when it is missing', async (name) => {
    await mailServer()
    giveSettings({ [name]: undefined })
    const error = await errorOf(send.run(mail, attemptOf().context))
    expect(error.message).toContain(`The setting ${name} is missing`)
    expect(error).not.toBeInstanceOf(Fatal)
  })

  it('takes a mail with text or html, to an address', () => {
    const isFit = (args: object) => send.args.safeParse(args).success
    expect(isFit(mail)).toBe(true)
    expect(isFit({ to: 'ada@example.org', subject: 'Hello', html: '<p>Dear Ada</p>' })).toBe(true)
    expect(isFit({ to: 'ada@example.org', subject: 'Hello' })).toBe(false)
    expect(isFit({ ...mail, to: 'Ada' })).toBe(false)
    expect(isFit({ ...mail, subject: '' })).toBe(false)
  })
})

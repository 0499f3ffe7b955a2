/**
 * A mail server for the demo. It takes mail for anybody, except:
 * - `unknown@…` has no mailbox: refused for good, with 550.
 * - `busy@…` is told "not now" (451) the first time.
 */
import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerDataStream } from 'smtp-server'

interface ReceivedMail {
  to: string
  messageId: string
  accepted: boolean
}

export interface MailServer {
  url: string
  /** Every mail that was sent here whole, in the order it came; also those it did not take. */
  mails: readonly ReceivedMail[]
  close(): Promise<void>
}

export async function startMailServer(): Promise<MailServer> {
  const mails: ReceivedMail[] = []

  const receive = async (to: string, stream: SMTPServerDataStream): Promise<void> => {
    const messageId = /^message-id:\s*(\S+)/im.exec(await readText(stream))?.[1] ?? ''
    const accepted = !to.startsWith('busy@') || mails.some((mail) => mail.to === to)
    mails.push({ to, messageId, accepted })
    if (!accepted) throw refusal(451, 'Too busy, try again later')
  }

  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    onRcptTo({ address }, _session, answer) {
      answer(address.startsWith('unknown@') ? refusal(550, 'No such mailbox here') : null)
    },
    onData(stream, { envelope }, answer) {
      receive(envelope.rcptTo[0]?.address ?? '', stream).then(() => answer(), answer)
    },
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  // a client that hangs up is no reason to end the process
  server.on('error', () => {})
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

const refusal = (responseCode: number, message: string): Error => Object.assign(new Error(message), { responseCode })

async function readText(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/**
 * Makes a small copy of an image.
 *
 * Shows: a heavy dependency. jimp is a megabyte of decoders; it is in this worker's function only. The coordinator,
 * which checks the args by the schema below, never loads it, and neither does the app that enqueues the job.
 *
 * Whoever may enqueue this job chooses what it reads, so it should not stand where strangers can reach it. What it
 * writes stays in one folder.
 *
 * Settings: THUMBNAIL_DIR, the folder for the thumbnails.
 */
import { defineJob, Fatal } from 'errand'
import { Jimp } from 'jimp'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { expectSuccess } from '../_answer.js'
import { replaceFile } from '../_replaceFile.js'
import { setting } from '../_setting.js'

const side = z.number().int().min(16).max(2048)

export default defineJob({
  args: z.object({
    /** An http or https address, or a path that the function can read. PNG, JPEG, GIF, BMP or TIFF. */
    source: z.string().min(1),
    /** The name of the file to write; its ending says the format. The file is replaced if it is there. */
    name: z.string().regex(/^\w[\w.-]*\.(png|jpe?g)$/i, 'must be a file name that ends with .png, .jpg or .jpeg'),
    /**
     * The thumbnail fits into this box, in pixels, and keeps its proportions. A smaller image stays as large as it is.
     */
    width: side.default(320),
    height: side.default(320),
  }),
  result: z.object({ file: z.string(), width: z.number(), height: z.number(), bytes: z.number() }),
  retry: { attempts: 3 },
  timeout: '1m',
  // thumbnails can wait; mails and orders go first
  priority: -10,

  async run({ source, name, width, height }, ctx) {
    const file = join(setting('THUMBNAIL_DIR', '/var/lib/shop/thumbnails'), name)
    const image = await decode(await load(source, ctx.signal))
    if (image.width > width || image.height > height) image.scaleToFit({ w: width, h: height })
    const bytes = await image.getBuffer(/\.png$/i.test(name) ? 'image/png' : 'image/jpeg')
    await replaceFile(file, ctx, (temporary) => writeFile(temporary, bytes))
    return { file, width: image.width, height: image.height, bytes: bytes.length }
  },
})

async function load(source: string, signal: AbortSignal): Promise<Buffer> {
  if (/^https?:/i.test(source)) return download(source, signal)
  try {
    return await readFile(source, { signal })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new Fatal(`There is no image at ${source}.`, { cause: error })
  }
}

/** More than a camera makes, and little enough to hold in memory. */
const maxBytes = 32 * 1024 * 1024

async function download(url: string, signal: AbortSignal): Promise<Buffer> {
  const response = await fetch(url, { signal })
  await expectSuccess(response, 'The image')
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Fatal(`The image is larger than ${maxBytes} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** What cannot be decoded now cannot be decoded later. */
async function decode(bytes: Buffer) {
  try {
    return await Jimp.fromBuffer(bytes)
  } catch (error) {
    throw new Fatal('The file is no image that can be read: PNG, JPEG, GIF, BMP and TIFF can.', { cause: error })
  }
}

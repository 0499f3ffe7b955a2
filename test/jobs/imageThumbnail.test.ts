import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Fatal } from 'errand'
import { describe, expect, it } from 'vitest'
import { paintPicture, pictureSize } from '../../demo/picture.js'
import thumbnail from '../../jobs/image/thumbnail.js'
import { attemptOf, errorOf, giveSettings, serve, startApi, temporaryFolder } from './support.js'

/** A folder that holds a picture of 400 by 200, and one for thumbnails. */
async function gallery() {
  const folder = await temporaryFolder()
  const output = await temporaryFolder()
  giveSettings({ THUMBNAIL_DIR: output })
  const picture = await paintPicture(folder, 400, 200)
  return { folder, output, picture }
}

const make = (args: { source: string; name?: string; width?: number; height?: number }) =>
  thumbnail.run(thumbnail.args.parse({ name: 'small.png', width: 100, height: 100, ...args }), attemptOf().context)

describe('image.thumbnail', () => {
  it('fits an image into the box and keeps its proportions', async () => {
    const { output, picture } = await gallery()
    const file = join(output, 'small.png')
    const made = await make({ source: picture })
    expect(made).toEqual({ file, width: 100, height: 50, bytes: (await readFile(file)).length })
    expect(await pictureSize(file)).toBe('100 × 50')
    expect(await readdir(output)).toEqual(['small.png'])
  })

  it('leaves an image that is small already as large as it is', async () => {
    const { picture } = await gallery()
    expect(await make({ source: picture, width: 1_000, height: 1_000 })).toMatchObject({ width: 400, height: 200 })
  })

  it('writes the format that the name says', async () => {
    const { output, picture } = await gallery()
    await make({ source: picture, name: 'small.JPG' })
    expect([...(await readFile(join(output, 'small.JPG'))).subarray(0, 3)]).toEqual([0xff, 0xd8, 0xff])
  })

  it('fetches an image by its address', async () => {
    const { picture } = await gallery()
    const bytes = await readFile(picture)
    const url = await serve((_request, response) => void response.end(bytes))
    expect(await make({ source: `${url}/picture.png` })).toMatchObject({ width: 100, height: 50 })
  })

  it('gives up when there is no image, and when it cannot be read', async () => {
    const { folder } = await gallery()
    expect(await errorOf(make({ source: join(folder, 'missing.png') }))).toBeInstanceOf(Fatal)
    await writeFile(join(folder, 'text.png'), 'not an image')
    expect(await errorOf(make({ source: join(folder, 'text.png') }))).toBeInstanceOf(Fatal)
    expect(await errorOf(make({ source: (await startApi(404)).url }))).toBeInstanceOf(Fatal)
  })

  it('tries again when the image cannot be fetched now', async () => {
    await gallery()
    expect(await errorOf(make({ source: (await startApi(500)).url }))).not.toBeInstanceOf(Fatal)
    expect(await errorOf(make({ source: (await startApi(503, { 'retry-after': '9' })).url }))).toMatchObject({
      delay: '9s',
    })
  })

  it('takes no more than 32 MiB', async () => {
    await gallery()
    const chunks = Array.from({ length: 40 }, () => Buffer.alloc(1024 * 1024))
    const url = await serve((_request, response) => void Readable.from(chunks).pipe(response))
    const error = await errorOf(make({ source: url }))
    expect(error).toBeInstanceOf(Fatal)
    expect(error.message).toContain('larger than')
  })

  it('takes sensible sizes, and names that stay in the folder', () => {
    const isFit = (args: object) => thumbnail.args.safeParse({ source: 'a.png', name: 'b.png', ...args }).success
    expect(isFit({})).toBe(true)
    expect(isFit({ width: 16, height: 2_048 })).toBe(true)
    for (const width of [0, 15, 2_049, 100.5, Number.NaN]) expect(isFit({ width })).toBe(false)
    for (const name of ['../b.png', '/b.png', 'a/b.png', '.png', 'b.gif', 'b.png\n', ''])
      expect(isFit({ name })).toBe(false)
  })
})

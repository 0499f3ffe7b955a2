/** A picture for the thumbnail worker, and a look at what became of it. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Jimp } from 'jimp'

/** Paints a sunset of this size into a PNG file in `folder`, and answers with its path. */
export async function paintPicture(folder: string, width: number, height: number): Promise<string> {
  const picture = new Jimp({ width, height })
  const { data } = picture.bitmap
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const fromSun = Math.hypot(x - width * 0.7, y - height * 0.6) / width
      const colour =
        fromSun < 0.08 ? [255, 244, 200] : [250 - 90 * (y / height), 150 - 60 * fromSun, 70 + 120 * (y / height)]
      data.set([...colour.map(Math.round), 255], (y * width + x) * 4)
    }
  }
  const file = join(folder, 'sunset.png')
  await writeFile(file, await picture.getBuffer('image/png'))
  return file
}

export async function pictureSize(file: string): Promise<string> {
  const { width, height } = await Jimp.read(file)
  return `${width} × ${height}`
}

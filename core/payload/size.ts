/** Sizes of texts in bytes, and sizes as people write them. No zod here: functions bundle it. */

/** With its unit, as durations are. The units are those of the platforms' own limits: a kb is 1,000 bytes. */
export type Size = `${number}${'b' | 'kb' | 'mb'}`

const unitBytes = { b: 1, kb: 1_000, mb: 1_000_000 }

/** Bytes of a size, or `undefined` where the text is none. */
export function parseSize(text: unknown): number | undefined {
  const [, number, unit] = (typeof text === 'string' && /^(\d+(?:\.\d+)?)(b|kb|mb)$/.exec(text)) || []
  return unit === undefined ? undefined : Math.floor(Number(number) * unitBytes[unit as keyof typeof unitBytes])
}

/** `4.5 MB`, `96.2 kB`. */
export function formatBytes(bytes: number): string {
  if (bytes < unitBytes.kb) return `${bytes} B`
  if (bytes < unitBytes.mb) return `${Number((bytes / unitBytes.kb).toFixed(1))} kB`
  return `${Number((bytes / unitBytes.mb).toFixed(1))} MB`
}

/** The bytes of a text on the wire, which is UTF-8. */
export const bytesOf = (text: string): number => new TextEncoder().encode(text).length

/** UTF-8 takes at most three bytes for each UTF-16 unit, so that short texts need no count. */
export const isLargerThan = (bytes: number, text: string): boolean =>
  text.length > bytes || (text.length * 3 > bytes && bytesOf(text) > bytes)

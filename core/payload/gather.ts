export interface Gathered {
  /** Answers false where the body is larger than the limit with this piece, which is not kept then. */
  add(piece: Uint8Array): boolean
  /** All that was added. */
  bytes(): Uint8Array
}

/**
 * Gathers the bytes of a body that comes in pieces, up to a limit. Only the bytes of a piece are kept, because a sender
 * may send them one by one: they lie in one buffer that doubles. Most bodies are one piece, which is kept as it came.
 */
export function gather(limit: number): Gathered {
  let bytes = new Uint8Array()
  let length = 0
  return {
    add(piece) {
      const end = length + piece.length
      if (end > limit) return false
      if (length === 0) bytes = piece as typeof bytes
      else {
        if (end > bytes.length) {
          const larger = new Uint8Array(2 * end)
          larger.set(bytes)
          bytes = larger
        }
        bytes.set(piece, length)
      }
      length = end
      return true
    },
    bytes: () => (bytes.length === length ? bytes : bytes.subarray(0, length)),
  }
}

/** On Node, where this is quicker than a `TextDecoder`. */
export const utf8 = ({ buffer, byteOffset, byteLength }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('utf8')

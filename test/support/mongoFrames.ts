/**
 * The messages of the database's wire, as far as a proxy has to know them: where one ends, what it asks for, and which
 * request it answers. Source: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/ (each begins with
 * four int32: length, id, the id it answers, kind).
 */
import { BSON, type Document } from 'mongodb'

const headerBytes = 16
const opQuery = 2004
const opMsg = 2013

/** One message, of either way. */
export interface Frame {
  bytes: Buffer
  id: number
  /** The id of the request that it answers; 0 in a request. */
  responseTo: number
  /** What a request asks for: `insert`, `findAndModify`. Empty where it cannot be read. */
  command: string
  /** What it is asked of; empty where the command names none. */
  collection: string
  /** The command with its documents, deserialised anew at each call. */
  body(): Document
}

/** Cuts a stream of bytes into frames; what is not whole yet waits for the next call. */
export function frameSplitter(): (chunk: Buffer) => Frame[] {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const frames: Frame[] = []
    while (rest.length >= headerBytes && rest.length >= rest.readInt32LE(0)) {
      const length = rest.readInt32LE(0)
      frames.push(frameOf(rest.subarray(0, length)))
      rest = rest.subarray(length)
    }
    return frames
  }
}

function frameOf(bytes: Buffer): Frame {
  const parts = partsOf(bytes)
  const { command, collection } = parts === undefined ? { command: '', collection: '' } : firstElement(parts.command)
  return {
    bytes,
    id: bytes.readInt32LE(4),
    responseTo: bytes.readInt32LE(8),
    command,
    collection,
    body: () =>
      Object.assign(
        parts === undefined ? {} : BSON.deserialize(parts.command),
        Object.fromEntries(
          parts?.lists.map(([name, documents]) => [name, documents.map((each) => BSON.deserialize(each))]) ?? [],
        ),
      ),
  }
}

interface Parts {
  command: Buffer
  /** What is sent beside the command, such as the `documents` of an insert. */
  lists: [name: string, documents: Buffer[]][]
}

function partsOf(bytes: Buffer): Parts | undefined {
  const kind = bytes.readInt32LE(12)
  if (kind === opMsg) return messageParts(bytes)
  if (kind !== opQuery) return undefined
  const nameEnd = bytes.indexOf(0, headerBytes + 4)
  return { command: documentAt(bytes, nameEnd + 1 + 8), lists: [] }
}

/** Four bytes of flags, then sections: one document, or a named list of them. */
function messageParts(bytes: Buffer): Parts | undefined {
  let command: Buffer | undefined
  const lists: Parts['lists'] = []
  const hasChecksum = (bytes.readUInt32LE(headerBytes) & 1) === 1
  const end = bytes.length - (hasChecksum ? 4 : 0)
  for (let at = headerBytes + 4; at < end;) {
    const isList = bytes[at] === 1
    const section = documentAt(bytes, at + 1)
    if (isList) lists.push(listIn(section))
    else command = section
    at += 1 + section.length
  }
  return command && { command, lists }
}

/** A document, and a section too, begins with its own length. */
const documentAt = (bytes: Buffer, at: number): Buffer => bytes.subarray(at, at + bytes.readInt32LE(at))

function listIn(section: Buffer): Parts['lists'][number] {
  const nameEnd = section.indexOf(0, 4)
  const documents: Buffer[] = []
  for (let at = nameEnd + 1; at < section.length; at += documents.at(-1)!.length)
    documents.push(documentAt(section, at))
  return [section.toString('utf8', 4, nameEnd), documents]
}

/** A command's name is its first key, and the collection its value. */
function firstElement(document: Buffer): { command: string; collection: string } {
  if (document.length <= 5) return { command: '', collection: '' }
  const nameEnd = document.indexOf(0, 5)
  const isString = document[4] === 2
  const lengthAt = nameEnd + 1
  return {
    command: document.toString('utf8', 5, nameEnd),
    collection: isString
      ? document.toString('utf8', lengthAt + 4, lengthAt + 4 + document.readInt32LE(lengthAt) - 1)
      : '',
  }
}

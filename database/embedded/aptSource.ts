/**
 * Reads where this machine gets its packages, and derives the same place one release later. Pure: text in, text out.
 *
 * Mirror, keyring and options stay exactly as the machine's administrator wrote them (a company's mirror, a key of its
 * own, a snapshot without an expiry date); only the suite and the component change.
 */

/**
 * The first release of each family whose glibc is 2.38 or newer, for the releases before it, which may be what we run
 * on.
 */
const newerSuites: Readonly<Record<string, string>> = {
  buster: 'trixie',
  bullseye: 'trixie',
  bookworm: 'trixie',
  oldoldstable: 'trixie',
  oldstable: 'trixie',
  stable: 'trixie',
  bionic: 'noble',
  focal: 'noble',
  jammy: 'noble',
}

/** A file for `Dir::Etc::SourceList`; apt tells the two formats apart by the name's ending. */
export interface AptSource {
  format: 'list' | 'sources'
  text: string
}

/**
 * Texts for a private sources file, best first: more than one, since any vendor's own repository may use the family's
 * suite names. Empty when the machine has none of the releases above.
 */
export const newerSources = (files: readonly AptSource[], architecture: string): AptSource[] => {
  const found = files.flatMap((file) =>
    file.format === 'list' ? fromLines(file.text, architecture) : fromStanzas(file.text, architecture),
  )
  const unique = [...new Map(found.map((source) => [source.text, source])).values()]
  return unique.toSorted((a, b) => Number(isOfficial(b.text)) - Number(isOfficial(a.text)))
}

const isOfficial = (text: string): boolean => /\b(debian\.org|ubuntu\.com)\b/.test(text)

/** `deb [signed-by=/key.gpg] http://deb.debian.org/debian bookworm main contrib` */
const fromLines = (text: string, architecture: string): AptSource[] =>
  text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line)
    if (match === null) return []
    const [, options = '', uri = '', suite = '', components = ''] = match
    const newer = newerSuites[suite]
    if (newer === undefined || !words(components).includes('main') || uri.startsWith('cdrom:')) return []
    const kept = words(options).filter((option) => !/^(arch|target|lang|pdiffs)[+-]?=/.test(option))
    const all = [...kept, `arch=${architecture}`, 'target=Packages'].join(' ')
    return [{ format: 'list' as const, text: `deb [${all}] ${uri} ${newer} main\n` }]
  })

/** The same in stanzas of `Field: value`; a value may go on over lines that start with a space (a key, in full). */
const fromStanzas = (text: string, architecture: string): AptSource[] =>
  text.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = parseFields(stanza)
    const valueOf = (name: string): string[] => words(fields.get(name)?.value ?? '')
    const newer = valueOf('suites')
      .map((suite) => newerSuites[suite])
      .find((suite) => suite !== undefined)
    const isUsable = valueOf('types').includes('deb') && valueOf('components').includes('main')
    if (newer === undefined || !isUsable || /^(no|false)$/i.test(valueOf('enabled').join())) return []
    const replaced = {
      Types: 'deb',
      Suites: newer,
      Components: 'main',
      Architectures: architecture,
      Targets: 'Packages',
    }
    for (const name of [...Object.keys(replaced), 'Languages', 'PDiffs']) fields.delete(name.toLowerCase())
    const kept = [...fields.values()].map(({ name, value }) => `${name}:${value}`)
    const made = Object.entries(replaced).map(([name, value]) => `${name}: ${value}`)
    return [{ format: 'sources' as const, text: `${[...made, ...kept].join('\n')}\n` }]
  })

const parseFields = (stanza: string): Map<string, { name: string; value: string }> => {
  const lines = stanza.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'))
  const fields = new Map<string, { name: string; value: string }>()
  let last: { name: string; value: string } | undefined
  for (const line of lines) {
    const match = /^([^\s:]+):(.*)$/.exec(line)
    if (match !== null) {
      last = { name: match[1] ?? '', value: match[2] ?? '' }
      fields.set(last.name.toLowerCase(), last)
    } else if (last !== undefined) last.value += `\n${line}`
  }
  return fields
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '')

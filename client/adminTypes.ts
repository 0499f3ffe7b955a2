/** Keys and the audit, as callers of the client see them. */
import type { Role } from '../core/roles.js'

export interface CreateKeyOptions {
  /** Stands in the audit for the key's user. */
  name: string
  role: Role
  /** For `enqueue`: the workers it may enqueue, by name or as `folder.*`. Default: all. */
  workers?: readonly string[] | undefined
  /** For `observe`: whether args, results and what is made of them are shown. Default: no. */
  args?: boolean | undefined
}

/** An API key, without the key. */
export interface KeyDetails {
  name: string
  role: Role
  workers?: string[]
  args?: boolean
  /** `setting`: an entry of ERRAND_API_KEYS on the coordinator that answered; of those nothing below is known. */
  source: 'stored' | 'setting'
  createdAt?: Date
  /** The name of the key that made it; `local` where none was required. */
  createdBy?: string
  /** Within a minute; absent where the key was never used. */
  lastUsedAt?: Date
}

export interface CreatedKey extends KeyDetails {
  /** Shown this once. */
  key: string
  /** Until this key there was none, and everything was open. */
  first?: true
}

export interface AuditOptions {
  /** Such as `jobs.cancel`. */
  action?: string | undefined
  /** The name of a key. */
  by?: string | undefined
  /** How many entries at the most, 1 to 500. Default 50. */
  limit?: number | undefined
  /** Where the last page ended. */
  cursor?: string | undefined
}

/** One thing that an operator did, or tried to do. */
export interface AuditEntry {
  id: string
  at: Date
  /** The name of the key, and the role it acted in; `local` where no key was required. */
  by: { name: string; role: Role }
  /** Such as `jobs.cancel`. */
  action: string
  /** The thing it was about. Never args, results or keys. */
  target: Record<string, string | number | boolean>
  /** `ok`, an error's code, or `begun` where the end is not known: it runs now, or its coordinator died. */
  outcome: string
}

export interface AuditPage {
  /** Newest first. */
  entries: AuditEntry[]
  /** Where the next page begins; `null` on the last one. */
  cursor: string | null
}

export interface Keys {
  /**
   * Creates a key, which the answer shows this once. Once there is one, every call needs a key; so the first one made
   * must be for the role `operate`. Throws `NAME_TAKEN`, and `OPERATE_KEY_NEEDED`.
   */
  create(options: CreateKeyOptions): Promise<CreatedKey>
  list(): Promise<KeyDetails[]>
  /**
   * Of no use any more, within seconds on every coordinator. Throws `UNKNOWN_KEY`, and `OPERATE_KEY_NEEDED` for the
   * last one of that role.
   */
  revoke(name: string): Promise<void>
}

export interface Audit {
  /** Lists what operators did, newest first. Entries are kept for 90 days. */
  list(options?: AuditOptions): Promise<AuditPage>
}

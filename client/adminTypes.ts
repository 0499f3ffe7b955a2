/** Keys and the audit, as callers of the client see them. */
import type {
  AuditEntry as AuditEntryView,
  AuditPage as AuditPageView,
  CreatedKey as CreatedKeyView,
  KeyView,
} from '../core/views/answers.gen.js'
import type { Role } from '../core/roles.js'
import type { Dated } from './dated.js'

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
export interface KeyDetails extends Dated<KeyView> {}

export interface CreatedKey extends Dated<CreatedKeyView> {}

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
export interface AuditEntry extends Dated<AuditEntryView> {}

export interface AuditPage extends Dated<AuditPageView> {}

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

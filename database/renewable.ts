/** The database as a coordinator is given it. */
import type { Db } from 'mongodb'

/** A database whose client can be replaced: a driver may end up so that it never finds its servers again. */
export interface RenewableDatabase {
  /** The database by the client that is in place now. Ask for it anew for each use. */
  readonly db: Db
  /**
   * Puts a new client in the place of this one, which is closed. Rejects, and changes nothing, where the new one cannot
   * connect.
   */
  renew(): Promise<void>
}

/** The longest that a caller waits for one answer of the database, in milliseconds. */
export const operationLimitMs = 15_000

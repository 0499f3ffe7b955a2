/** Owner of the collections. Apart from the layout itself, because the command reads settings without the driver. */
import { configError } from '../../core/errors.js'

/** Who starts. */
export interface Tenant {
  /** The project's name. Default: not known, and then any is let in. */
  project?: string | undefined
  /** Whether it is a preview of what runs elsewhere. Default: it is not. */
  preview?: boolean | undefined
  namespace?: string | undefined
}

/** Without `_`, so that the names of two namespaces are never the same. */
const namespacePattern = /^[a-z0-9][a-z0-9-]{0,31}$/

/** Throws `CONFIG`. */
export function checkNamespace(namespace: string): string {
  if (namespacePattern.test(namespace)) return namespace
  throw configError(
    'ERRAND_NAMESPACE is no namespace. It is a part of the names of collections: 1 to 32 small letters, digits and hyphens, beginning with a letter or a digit.',
  )
}

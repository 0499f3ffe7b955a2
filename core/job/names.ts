/** The forms of names and keys: without a schema, because commands look at them before they load any. */

export const workerNamePattern = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/

/** Whether a key function may return it. */
export const isKey = (key: unknown): key is string => typeof key === 'string' && key.length <= maxKeyLength
export const maxKeyLength = 512

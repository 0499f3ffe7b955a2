/**
 * Limits that several sides have to agree on. Plain numbers, so that clients and functions have them without zod;
 * those of bodies between a coordinator and a function are in functions/limits.
 */
/** How many jobs one request may bring, and how many members a group may have in all. */
export const enqueueManyLimit = 10_000
/** How many jobs one request may wait for. */
export const maxAwaited = 1_000
/** No request is held open longer, in milliseconds: proxies and platforms cut longer ones. */
export const longestWaitMs = 25_000
/** What waits is counted so far; "10000 or more" is said from it on. */
export const mostCounted = 10_000

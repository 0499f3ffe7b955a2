/** How large the bodies between a coordinator and a function may be, in bytes. */

/** Of a call: room for args of the size the coordinator takes, for their meta, and for what else a call says. */
export const maxCallBytes = 8 * 1024 * 1024
/** Of an answer: a larger one is cut off, and counts as a failure. */
export const maxAnswerBytes = 4 * 1024 * 1024

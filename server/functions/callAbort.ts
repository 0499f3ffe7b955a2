/** Breaks off the call of an attempt, and keeps the reason. */

/** `left`: the coordinator goes to sleep, and the function posts its receipt. */
export type AbortReason = 'deadline' | 'shutdown' | 'cancelled' | 'left'

/**
 * Like an AbortController, and lighter: nearly every call ends by itself, and a controller with its signal costs as
 * much as signing the call. A signal is made for those who ask for one.
 */
export class CallAbort {
  #reason: AbortReason | undefined
  #controller: AbortController | undefined
  #listeners: (() => void)[] = []

  /** Why the call was broken off, if it was. */
  get reason(): AbortReason | undefined {
    return this.#reason
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** The first reason counts; a second one changes nothing. */
  abort(reason: AbortReason): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#controller?.abort(reason)
    for (const listener of this.#listeners.splice(0)) listener()
  }

  /** Calls the listener when the call is broken off; at once where it was. */
  onAbort(listener: () => void): void {
    if (this.#reason === undefined) this.#listeners.push(listener)
    else listener()
  }
}

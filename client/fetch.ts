/** Sends requests: by `fetch`, or what an app gives in its place. */

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** How requests are sent: `fetch`, or what an app gives in its place. */

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

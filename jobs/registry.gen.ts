/* eslint-disable */
// Made by `errand codegen` from the workers in jobs/. Do not edit: change a worker, then run `npm run codegen`.
// It stands on its own: an app in another repository can use a copy of this file with `createClient<Jobs>()`.

export interface Jobs {
  failWhale: { args: FailWhaleArgs; result: FailWhaleResult }
  'image.thumbnail': { args: ImageThumbnailArgs; result: ImageThumbnailResult }
  'mail.send': { args: MailSendArgs; result: MailSendResult }
  'report.daily': { args: ReportDailyArgs; result: ReportDailyResult }
  'shop.syncOrder': { args: ShopSyncOrderArgs; result: ShopSyncOrderResult }
}

// failWhale: jobs/failWhale.ts
export interface FailWhaleArgs {
  wish?: string | undefined
}

export type FailWhaleResult = never

// image.thumbnail: jobs/image/thumbnail.ts
export interface ImageThumbnailArgs {
  source: string
  name: string
  width?: number | undefined
  height?: number | undefined
}

export interface ImageThumbnailResult {
  file: string
  width: number
  height: number
  bytes: number
}

// mail.send: jobs/mail/send.ts
export interface MailSendArgs {
  to: string
  subject: string
  text?: string | undefined
  html?: string | undefined
}

export interface MailSendResult {
  messageId: string
  accepted: string[]
}

// report.daily: jobs/report/daily.ts
export interface ReportDailyArgs {
  day?: string | undefined
}

export interface ReportDailyResult {
  day: string
  file: string
  rows: number
}

// shop.syncOrder: jobs/shop/syncOrder.ts
export interface ShopSyncOrderArgs {
  shop: string
  orderId: number
  placedAt: Date
}

export interface ShopSyncOrderResult {
  synced: boolean
}

/** A promise that one job forgot must not end the process in which the others run. */
export function surviveRejections(tell: (stack: string) => void): void {
  process.on('unhandledRejection', (reason) => {
    tell(reason instanceof Error ? (reason.stack ?? reason.message) : String(reason))
  })
}

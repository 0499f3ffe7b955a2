/**
 * A worker's name as a part of a host name, where a platform gives each function a host of its own: `mail.sendAll` is
 * `mail-sendall`.
 */
export const hostLabel = (worker: string): string => worker.toLowerCase().replaceAll(/[._]/g, '-')

/** Colours, for a terminal only, and never where `NO_COLOR` is set (https://no-color.org). */
import { styleText } from 'node:util'
import type { JobState } from '../core/states.js'
import type { Env } from '../server/hosts/settings.js'

type Paint = (text: string) => string

export interface Style {
  bold: Paint
  dim: Paint
  red: Paint
  green: Paint
  yellow: Paint
  cyan: Paint
}

export function createStyle({ isTTY }: { isTTY?: boolean }, env: Env): Style {
  const coloured = isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  // which stream it is for is known here and not there
  const paint = (format: keyof Style): Paint =>
    coloured ? (text) => styleText(format, text, { validateStream: false }) : (text) => text
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    red: paint('red'),
    green: paint('green'),
    yellow: paint('yellow'),
    cyan: paint('cyan'),
  }
}

export function paintState(style: Style, state: JobState): string {
  switch (state) {
    case 'succeeded':
      return style.green(state)
    case 'failed':
      return style.red(state)
    case 'running':
      return style.cyan(state)
    case 'scheduled':
    case 'queued':
    case 'blocked':
      return style.yellow(state)
    case 'cancelled':
      return style.dim(state)
  }
}

/** Figures of a comparison as they are shown. */
import { numberText } from '../report.js'

/** Four digits: rates and times alike are known to no more. */
export const figureText = (value: number): string => numberText(Number(value.toPrecision(4)))

export const ratioText = (ratio: number | undefined): string => ratio?.toFixed(3) ?? '-'

export const percentText = (part: number): string => `${(100 * part).toFixed(1)}%`

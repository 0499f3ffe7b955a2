import { look } from '../thrown.js'

/** `undefined` for what is no JSON. */
export const parseJson = (text: string): unknown => look((): unknown => JSON.parse(text))

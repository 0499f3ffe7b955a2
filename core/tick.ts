/** Where a coordinator that sleeps between ticks is woken: one pass of every loop for each `POST` here. */
export const tickPath = '/tick'

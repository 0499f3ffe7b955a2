/** Takes a request's place in the intake, at either door: after its role, before its body. */
import { isSmall, laneOfBody } from './admission.js'
import { toldBytes, type BodyIntake } from './requestBody.js'
import type { WriteLane, Place, Intake } from '../deps.js'

export interface RequestIntake extends BodyIntake {
  /**
   * By default the lane follows from the size of the body. Throws `OVERLOADED`, and then nothing of the body was read.
   */
  enter(lane?: WriteLane): Place
}

export function requestIntake(intake: Intake, request: Request): RequestIntake {
  const bytes = toldBytes(request)
  let first: Place | undefined
  return {
    enter(lane = laneOfBody(bytes)) {
      // calls that travel in one request share its body, which counts once
      const place = intake.enter(lane, first ? 0 : bytes)
      first ??= place
      return place
    },
    grow: (here) => first?.grow(here),
    turn: async (here) => {
      if (!isSmall(here)) await intake.turn()
    },
  }
}

/** The requests of deployments. The answers are in core/views/deploymentView. */
import { z } from 'zod'
import { targetNames } from '../targets.js'
import { workerName } from './wire.js'

/** A document of the database holds 16 MiB, and more than the contracts. */
const maxContractsLength = 8 * 1024 * 1024
/** The largest body of a request to register. */
export const maxRegisterBytes = 16 * 1024 * 1024

export const registerRequest = z.strictObject({
  /** Where the functions are, in one of the forms of ERRAND_FUNCTIONS_URL. Every worker needs an address. */
  functions: z.string().min(1).max(1_000_000),
  workers: z
    .array(
      z.strictObject({
        name: workerName,
        /** Of the function and the contract: it changes when either does. */
        hash: z.string().min(1).max(128),
        /** The build that its function answers to a ping. Default: any answer will do. */
        build: z.string().min(1).max(128).optional(),
      }),
    )
    .min(1)
    .max(10_000),
  /** Codegen's contracts.mjs, one module that needs no other. The coordinator runs it. */
  contracts: z.string().min(1).max(maxContractsLength),
  /** The platforms it was built for, for readers of the list. */
  targets: z.array(z.enum(targetNames)).max(4).optional(),
  /** A note on it, such as the commit it was built from. */
  note: z.string().min(1).max(500).optional(),
})
export type ParsedRegisterRequest = z.output<typeof registerRequest>

/** Its number: 1 for the first, and each one higher than all before it. */
const deploymentId = z.int().min(1)

export const deploymentRequest = z.strictObject({ id: deploymentId })

export const activateRequest = z.strictObject({
  id: deploymentId,
  /** Goes live although functions do not answer a ping; they are not even asked. Default: no. */
  force: z.boolean().optional(),
})

export const rollbackRequest = activateRequest.partial()

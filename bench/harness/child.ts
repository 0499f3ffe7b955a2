/** What a role's process runs: `node child.js <module> <role>`. It ends with its parent. */
import { closeCommand, openCommand, type Role, type RoleAnswer, type RoleRequest } from './role.js'

const [module, name] = process.argv.slice(2)
const roles = (await import(module!)) as Record<string, (init: unknown) => Promise<Role>>
let role: Role | undefined

process.on('message', (request: RoleRequest) => void answer(request))
process.on('disconnect', () => process.exit())

async function answer({ id, command, input }: RoleRequest): Promise<void> {
  try {
    send({ id, output: await perform(command, input) })
  } catch (error) {
    send({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}

async function perform(command: string, input: unknown): Promise<unknown> {
  if (command === openCommand) {
    role = await roles[name!]!(input)
    return role.ready
  }
  if (command === closeCommand) {
    await role?.close?.()
    // pools and timers of libraries must not hold the process
    setImmediate(() => process.exit())
    return undefined
  }
  return role!.commands[command]!(input as never)
}

const send = (answer: RoleAnswer): void => void process.send?.(answer)

/** Stands in for AWS's Node runtime: imports the handler, then takes one event after the other from the Runtime API. */
import { pathToFileURL } from 'node:url'

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`
const [module, name] = process.env._HANDLER.split('.')
const { [name]: handler } = await import(pathToFileURL(`${process.env.LAMBDA_TASK_ROOT}/${module}.mjs`).href)

for (;;) {
  const next = await fetch(`${api}/invocation/next`)
  const id = next.headers.get('lambda-runtime-aws-request-id')
  try {
    const answer = await handler(await next.json(), { awsRequestId: id })
    await fetch(`${api}/invocation/${id}/response`, { method: 'POST', body: JSON.stringify(answer) })
  } catch (error) {
    const body = JSON.stringify({ errorType: error.name, errorMessage: error.message })
    await fetch(`${api}/invocation/${id}/error`, { method: 'POST', body })
  }
}

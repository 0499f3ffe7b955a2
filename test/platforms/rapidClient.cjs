/** The part of aws-lambda-ric that it builds in C++ when it is installed, in JavaScript: the calls of the Runtime API. */
const { request } = require('node:http')
const Module = require('node:module')

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
const root = '/2018-06-01/runtime'

function call(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host, port, method, path: root + path, headers }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () => resolve({ bodyJson: Buffer.concat(chunks).toString(), headers: response.headers }))
      response.on('error', reject)
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

const rapidClient = {
  initializeClient() {},
  next: () => call('GET', '/invocation/next'),
  done: (id, body) => call('POST', `/invocation/${id}/response`, body),
  error: (id, body, xray) =>
    call('POST', `/invocation/${id}/error`, body, { 'lambda-runtime-function-xray-error-cause': xray ?? '' }),
}

const load = Module._load
Module._load = function (name, ...rest) {
  return name === './rapid-client.node' ? rapidClient : load.call(this, name, ...rest)
}

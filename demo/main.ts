/**
 * `npm run demo`: Errand's main job from end to end, on this machine alone. It starts a mail server, a shop's API with
 * a rate limit, a database, the functions of jobs/ and a coordinator; enqueues jobs for every worker; waits for their
 * receipts; and checks that what should have happened has happened. Exits with 0 only if all of it has.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkAll, reportFile, thumbnailFile, type Check, type Outcome } from './checks.js'
import { enqueueOrders, enqueueSingles, reportBySchedule, waitForAll, type Work } from './enqueue.js'
import { runCodegen, startDatabase, startErrand } from './errand.js'
import { seedOrders } from './orders.js'
import { paintPicture } from './picture.js'
import { startRival } from './rival.js'
import { runDemo, type Run } from './run.js'
import { startShopApi } from './shopApi.js'
import { startMailServer } from './smtp.js'
import { callsTable, jobsTable, receiptsTable } from './table.js'
import { createTerminal, type Terminal } from './terminal.js'

/** The repository; this file runs as dist/demo/main.js. */
const root = fileURLToPath(new URL('../..', import.meta.url))

const disturbedShop = 'harbour'
/** North has far more than may be sent at once; south shows that one busy shop does not hold up another. */
const orders = { north: 62, south: 6, [disturbedShop]: 2 }

async function demo(run: Run): Promise<boolean> {
  const { output, temporary } = await openFolders(run)
  const workers = await runCodegen(run, root)
  const { mailServer, shopApi } = await startWorld(run)
  const database = await startDatabase(run, temporary)
  giveSettings({
    SMTP_URL: mailServer.url,
    MAIL_FROM: '"Example Shop" <shop@example.org>',
    SHOP_API_URL: shopApi.url,
    REPORT_MONGODB_URI: database.shopUri,
    REPORT_DIR: output,
    THUMBNAIL_DIR: output,
  })
  const errand = await startErrand(run, root, database)

  const seeded = await run.step('Orders are put into MongoDB for the report', () => seedOrders(database.shopUri))
  const picture = await run.step('A picture is painted for the thumbnail', () => paintPicture(temporary, 1280, 960))
  const work: Work = { orders, day: seeded.day, picture }

  const singles = await run.step('Jobs for mail, report, thumbnail and whale are enqueued', () =>
    enqueueSingles(errand, work),
  )
  const scheduled = await run.step('A schedule makes the report too', () => reportBySchedule(run, errand, seeded.day))
  const early = [...singles, ...scheduled]
  // the thumbnail takes all of this process for a while, and the proof of the throttle is about time
  await run.step(`${early.length} jobs run`, () => waitForAll(run, early))

  // on purpose: somebody else uses up the API's budget of a shop
  const rival = startRival(shopApi, disturbedShop)
  const late = await run.step('Orders of three shops are enqueued', () => enqueueOrders(errand, work))
  await run.step(`${late.length} jobs run`, () => waitForAll(run, late))
  rival.stop()

  const references = [...early, ...late]
  const jobs = await Promise.all(references.map(({ id }) => errand.jobs.get(id)))
  const outcome: Outcome = { jobs, workers, mailServer, shopApi, work, seeded, disturbedShop }
  printOutcome(outcome, run.terminal)
  return judge(await checkAll(outcome), run.terminal)
}

/** `output` stays to be looked at; `temporary` is this run's own, and goes with it. */
async function openFolders(run: Run): Promise<{ output: string; temporary: string }> {
  const output = join(root, '.errand', 'demo')
  await mkdir(output, { recursive: true })
  const making = mkdtemp(join(root, '.errand', 'demo-'))
  const temporary = await run.own(making, (folder) => rm(folder, { recursive: true, force: true }))
  return { output, temporary }
}

async function startWorld(run: Run) {
  return run.step('A mail server and a shop API start', async () => ({
    mailServer: await run.own(startMailServer(), (server) => server.close()),
    // the jobs may send 40 at once; what the bucket holds beyond them makes up for calls that travel at different speeds
    shopApi: await run.own(startShopApi({ perSecond: 2, bucket: 50 }), (server) => server.close()),
  }))
}

/** Functions read their settings from the environment; here they run in this process. */
const giveSettings = (settings: Record<string, string>): void => void Object.assign(process.env, settings)

function printOutcome(outcome: Outcome, terminal: Terminal): void {
  const { jobs, mailServer, shopApi, work } = outcome
  const { say, bold } = terminal
  const whale = jobs.find(({ worker }) => worker === 'failWhale')!
  const byWorker = jobs.toSorted((a, b) => a.worker.localeCompare(b.worker) || a.id.localeCompare(b.id))
  const taken = mailServer.mails.filter(({ accepted }) => accepted)
  const show = (file: string | undefined) => (file === undefined ? 'none' : relative(process.cwd(), file))

  say(`\n${bold('Jobs')}\n${jobsTable(byWorker, terminal)}`)
  say(`\n${bold('All receipts of the job that always fails')}\n${receiptsTable(whale, terminal)}`)
  say(`\n${bold('Calls to the shop API')}\n${callsTable(shopApi, Object.keys(work.orders), terminal)}`)
  say(`\n${bold('Made')}`)
  say(`  mails      ${taken.map(({ to }) => to).join(', ')}`)
  say(`  report     ${show(reportFile(outcome))}`)
  say(`  thumbnail  ${show(thumbnailFile(outcome))}`)
}

function judge(checks: readonly Check[], { say, complain, bold, good, bad }: Terminal): boolean {
  say(`\n${bold('Checked')}`)
  for (const { what, seen, ok } of checks)
    say(ok ? `  ${good('ok')}   ${what}` : `  ${bad('FAIL')} ${what}; it was ${seen}`)
  const failed = checks.filter(({ ok }) => !ok)
  if (failed.length === 0) say(`\nAll ${checks.length} checks hold.`)
  else
    complain(`\nThe demo failed. Not true: ${failed.map(({ what, seen }) => `"${what}" (it was ${seen})`).join(', ')}.`)
  return failed.length === 0
}

process.exitCode = await runDemo(createTerminal(process.stdout, process.stderr, process.env), demo)
// everything is closed; work that was interrupted and does not know it yet must not hold the process
setTimeout(() => process.exit(), 500).unref()

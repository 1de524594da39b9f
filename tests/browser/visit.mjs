// One person's visit: the page in a browser profile of its own, the phone on another network (it reaches
// the server directly), what the page showed and how long it took.
import assert from 'node:assert/strict';
import { newContext, openLogin, phone } from './people.mjs';

const LATE_MS = 20_000;
const LOOK_MS = 20;

/** @type {Record<string, string | number>[]} what each visit measured, for the table at the end */
const measured = [];
export const showMeasured = () => console.table(measured);

/** Waits for something that no event tells of. @param {() => boolean | Promise<boolean>} holds @param {string} otherwise */
export async function eventually(holds, otherwise) {
  for (const late = Date.now() + LATE_MS; !await holds();) {
    assert.ok(Date.now() < late, otherwise);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Runs in the page: what the element says, in order, and when (ms since the page was asked for). */
function keepJournal() {
  /** @type {Note[]} */ const journal = /** @type {any} */ (globalThis).journal = [];
  for (const type of ['statechange', 'transport', 'token']) {
    document.addEventListener(type, (/** @type {any} */ { detail }) => {
      journal.push({ type, what: detail.state ?? detail.transport, at: performance.now() });
    });
  }
}
/** @typedef {{ type: string, what?: string, at: number }} Note */

/**
 * A visit, which ends with its test.
 * @param {import('node:test').TestContext} t @param {import('playwright-core').Browser} browser
 * @param {string} name as in the table @param {string} url
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function visit(t, browser, name, url, options) {
  const context = await newContext(browser, options);
  t.after(() => context.close());
  await context.addInitScript(keepJournal);
  const screen = await openLogin(context, url);
  const stream = await screen.page.waitForFunction(() => /** @type {any} */ (globalThis).journal
    .find((/** @type {Note} */ { type, what }) => type === 'transport' && what));
  const { what: first, at: streamMs } = /** @type {Note} */ (await stream.jsonValue());
  const journal = () => screen.page.evaluate(() => /** @type {Note[]} */ (/** @type {any} */ (globalThis).journal));

  const elsewhere = await newContext(browser);
  t.after(() => elsewhere.close());
  return {
    context, screen, first,
    /** The phone scans what the screen shows. */
    async scan() {
      await screen.shows('pending');
      const mobile = phone(await elsewhere.newPage());
      await mobile.page.goto(await screen.link());
      await mobile.scanAs('Alice');
      await mobile.shows('ask');
      return mobile;
    },
    /** The phone confirms, and the page is logged in. @param {ReturnType<typeof phone>} mobile @param {() => Promise<any>} [meanwhile] */
    async confirm(mobile, meanwhile) {
      const [request] = await Promise.all([mobile.page.waitForRequest(/\/confirm$/), mobile.confirm()]);
      await request.response();
      await meanwhile?.();
      await screen.shows('done');
      assert.equal(await screen.text('userName'), 'Alice');
      const confirmed = (await journal()).find(({ what }) => what === 'confirmed');
      const opened = await screen.page.evaluate(() => performance.timeOrigin);
      measured.push({
        way: name, 'served first by': first, 'stream after, ms': Math.round(streamMs),
        'confirm to reaction, ms': meanwhile ? '–' : Math.round(opened + confirmed.at - request.timing().startTime),
      });
    },
    async logIn() {
      const mobile = await this.scan();
      await screen.shows('scanned');
      await this.confirm(mobile);
    },
    /** Each state was shown once, in order, and the token came once. @param {string[]} states between the code and the end */
    async showedOnce(...states) {
      const shown = (await journal()).filter(({ type }) => type !== 'transport');
      assert.deepEqual(shown.map(({ type, what }) => what ?? type), ['loading', 'pending', ...states, 'confirmed', 'token']);
    },
  };
}

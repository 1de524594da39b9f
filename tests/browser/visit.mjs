// One person's visit: the page in a browser profile of its own, the phone on another network (it reaches
// the server directly), what the page showed and how long it took.
import assert from 'node:assert/strict';
import { newContext, openLogin, phone } from './people.mjs';

const TRANSPORTS = ['websocket', 'sse', 'long-poll'];

const LATE_MS = 20_000;
const LOOK_MS = 20;

/** @type {Record<string, string | number>[]} what each visit measured, for the table at the end */
const measured = [];
export const showMeasured = () => console.table(measured);

/** Waits for something that no event tells of. @param {() => boolean} holds @param {string} otherwise */
export async function eventually(holds, otherwise) {
  for (const late = Date.now() + LATE_MS; !holds();) {
    assert.ok(Date.now() < late, otherwise);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Runs in the page: every state that it comes to show, in order. */
function keepJournal() {
  /** @type {string[]} */ const journal = /** @type {any} */ (globalThis).journal = [];
  new MutationObserver((changes) => {
    changes.forEach(({ target, oldValue }, n) => {
      // A change does not say what came of it, but what the next one found does.
      const state = changes[n + 1]?.oldValue ?? /** @type {any} */ (target).dataset.state;
      if (state !== oldValue) journal.push(state);
    });
  }).observe(document, { subtree: true, attributeFilter: ['data-state'], attributeOldValue: true });
}

/**
 * @param {import('playwright-core').Browser} browser @param {string} name as in the table
 * @param {string} url @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function visit(browser, name, url, options) {
  const context = await newContext(browser, options);
  await context.addInitScript(keepJournal);
  const screen = await openLogin(context, url);
  const first = await Promise.any(TRANSPORTS.map((kind) => screen.servedBy(kind).then(() => kind)));
  const streamMs = Math.round(await screen.page.evaluate(() => performance.now())); // since the page was asked for

  const elsewhere = await newContext(browser);
  return {
    context, screen, first, streamMs,
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
      const reactionMs = Math.round(Date.now() - request.timing().startTime);
      assert.equal(await screen.text('userName'), 'Alice');
      measured.push({ way: name, 'served first by': first, 'stream after, ms': streamMs, 'confirm to logged in, ms': meanwhile ? '–' : reactionMs });
    },
    async logIn() {
      const mobile = await this.scan();
      await screen.shows('scanned');
      await this.confirm(mobile);
    },
    /** @returns {Promise<string[]>} */
    journal: () => screen.page.evaluate(() => /** @type {any} */ (globalThis).journal),
    /** Each state was shown once, in order. @param {string[]} states between the code and the end */
    async showedOnce(...states) {
      assert.deepEqual(await this.journal(), ['pending', ...states, 'confirmed', 'done']);
    },
    async end() {
      await context.close();
      await elsewhere.close();
    },
  };
}

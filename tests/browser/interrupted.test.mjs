// Logins that are interrupted in the middle: the server restarts, every connection is cut, the network is
// away for a while, the laptop sleeps. The page goes on by itself.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startServer } from './server.mjs';
import { launch } from './people.mjs';
import { eventually, showMeasured, visit } from './visit.mjs';
import { startFaultProxy } from './fault_proxy.mjs';

/** A connection that has carried so much has given heartbeats after its first second. */
const HEARD = 4;
/** Much shorter than the silence that a page bears awake (2.5 heartbeats of 15 s): only its clock tells. */
const ASLEEP_MS = 20_000;

let browser, server;
before(async () => { browser = await launch(); server = await startServer(); });
after(async () => { showMeasured(); await browser?.close(); await server?.stop(); });

/** @param {import('node:test').TestContext} t @param {string} name @param {string} url @param {object} [options] */
const arrive = (t, name, url, options) => visit(t, browser, name, url, options);

test('a server that restarts gets everybody back over WebSocket, with a new code', async (t) => {
  const first = await startServer({ SAOMA_DRAIN_SECONDS: '2' });
  let last = first;
  t.after(() => last.stop());
  const visitors = [];
  for (let n = 1; n <= 3; n++) visitors.push(await arrive(t, `server restarted, browser ${n}`, first.url));
  const sessions = await Promise.all(visitors.map(async ({ screen }) => {
    await screen.servedBy('websocket');
    return screen.session();
  }));
  await visitors[0].scan(); // one is in the middle of it
  await visitors[0].screen.shows('scanned');

  await first.stop();
  last = await startServer({ SAOMA_LISTEN: new URL(first.url).host });
  for (const [n, visitor] of visitors.entries()) {
    await visitor.screen.page.locator(`#code:not([data-session="${sessions[n]}"])`).waitFor();
    await visitor.screen.servedBy('websocket');
    await noneDemoted(visitor);
    await visitor.logIn();
  }
});

test('a server that leaves while others stay costs no transport and no event', async (t) => {
  const proxy = await startFaultProxy(server.url);
  t.after(() => proxy.stop());
  const visitor = await arrive(t, 'close 1012, three times', proxy.url);
  await visitor.screen.servedBy('websocket');
  const mobile = await visitor.scan();
  await visitor.screen.shows('scanned');
  let sockets = 0;
  for (let n = 1; n <= 3; n++) {
    sockets = await lives(proxy, sockets, 1); // each as soon as it has said hello
    proxy.leave();
  }
  await lives(proxy, sockets, 1);
  await visitor.screen.servedBy('websocket');
  await noneDemoted(visitor);
  await visitor.confirm(mobile);
  await visitor.showedOnce('scanned');
});

test('every connection reset at once: nothing is lost, everybody comes back over WebSocket', async (t) => {
  const beating = await startServer({ SAOMA_HEARTBEAT_SECONDS: '1' });
  t.after(() => beating.stop());
  const proxy = await startFaultProxy(beating.url);
  t.after(() => proxy.stop());
  const visitor = await arrive(t, 'every connection reset', proxy.url);
  await visitor.screen.servedBy('websocket');
  const mobile = await visitor.scan();
  await visitor.screen.shows('scanned');
  let sockets = 0;
  for (let n = 1; n <= 3; n++) {
    sockets = await lives(proxy, sockets, HEARD);
    proxy.cut();
  }
  await lives(proxy, sockets, HEARD);
  await visitor.screen.servedBy('websocket');
  await noneDemoted(visitor);
  await visitor.confirm(mobile);
  await visitor.showedOnce('scanned');
});

describe('offline while the phone confirms, and online again', () => {
  for (const asked of ['websocket', 'sse', 'long-poll']) {
    test(`over ${asked}`, async (t) => {
      const visitor = await arrive(t, `offline and online, ${asked}`, `${server.url}/?transports=${asked}`);
      await visitor.screen.servedBy(asked);
      const mobile = await visitor.scan();
      await visitor.screen.shows('scanned');
      await visitor.context.setOffline(true);
      await visitor.screen.page.getByText('You are offline').waitFor();
      await visitor.confirm(mobile, () => visitor.context.setOffline(false));
      await visitor.showedOnce('scanned');
    });
  }
});

describe('a laptop asleep while the phone confirms', () => {
  for (const asked of ['websocket', 'sse', 'long-poll']) {
    test(`over ${asked}`, async (t) => {
      const proxy = await startFaultProxy(server.url);
      t.after(() => proxy.stop());
      const visitor = await arrive(t, `asleep, ${asked}`, `${proxy.url}/?transports=${asked}`);
      await visitor.screen.servedBy(asked);
      const mobile = await visitor.scan();
      await visitor.screen.shows('scanned');
      proxy.deaden();
      // Timers stood still, the wall clock did not, and nobody tells the page.
      await visitor.confirm(mobile, () => visitor.screen.page.evaluate((ms) => {
        const { now } = Date;
        Date.now = () => now() + ms;
      }, ASLEEP_MS));
      await visitor.showedOnce('scanned');
    });
  }
});

/**
 * One more WebSocket is open and has carried so much. Answers how many there were.
 * @param {Awaited<ReturnType<typeof startFaultProxy>>} proxy @param {number} before @param {number} parts
 */
async function lives({ seen }, before, parts) {
  const open = () => seen.filter(({ kind, status }) => kind === 'websocket' && status === 101);
  await eventually(() => open().length > before && open().at(-1).parts >= parts, 'the page does not come back over WebSocket');
  return open().length;
}

/** What this browser remembers of the ways holds nothing against any. */
async function noneDemoted(visitor) {
  const known = await visitor.screen.page.evaluate(() => Object.values(localStorage).map((text) => JSON.parse(text)));
  assert.ok(known.length, 'what worked is remembered');
  for (const ways of known) assert.deepEqual(Object.keys(ways).sort(), ['at', 'worked']);
}

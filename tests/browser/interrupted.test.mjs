// Logins that are interrupted in the middle: the server restarts, every connection is cut, the network is
// away for a while, the laptop sleeps. The page goes on by itself.
import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startServer } from './server.mjs';
import { launch } from './people.mjs';
import { showMeasured, visit } from './visit.mjs';
import { startFaultProxy } from './fault_proxy.mjs';

let browser, server;
/** @type {(() => any)[]} what the test under way started */
let ends = [];
before(async () => { browser = await launch(); server = await startServer(); });
afterEach(async () => { for (const end of ends.splice(0).reverse()) await end(); });
after(async () => { showMeasured(); await browser?.close(); await server?.stop(); });

/** @param {string} name @param {string} url @param {object} [options] */
async function arrive(name, url, options) {
  const visitor = await visit(browser, name, url, options);
  ends.push(() => visitor.end());
  return visitor;
}

test('a server that restarts gets everybody back over WebSocket, with a new code', async () => {
  const first = await startServer({ SAOMA_DRAIN_SECONDS: '2' });
  let last = first;
  ends.push(() => last.stop());
  const visitors = [];
  for (let n = 1; n <= 3; n++) visitors.push(await arrive(`server restarted, browser ${n}`, first.url));
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

test('every connection reset at once: nothing is lost, everybody comes back over WebSocket', async () => {
  const proxy = await startFaultProxy(server.url);
  ends.push(() => proxy.stop());
  const visitor = await arrive('every connection reset', proxy.url);
  await visitor.screen.servedBy('websocket');
  const mobile = await visitor.scan();
  await visitor.screen.shows('scanned');
  for (let n = 1; n <= 3; n++) {
    const before = hellos(proxy);
    proxy.cut();
    await more(proxy, before);
  }
  await visitor.screen.servedBy('websocket');
  await noneDemoted(visitor);
  await visitor.confirm(mobile);
  await visitor.showedOnce('scanned');
});

for (const asked of ['websocket', 'sse', 'long-poll']) {
  test(`offline while the phone confirms, and online again, over ${asked}`, async () => {
    const visitor = await arrive(`offline and online, ${asked}`, `${server.url}/?transports=${asked}`);
    await visitor.screen.servedBy(asked);
    const mobile = await visitor.scan();
    await visitor.screen.shows('scanned');
    await visitor.context.setOffline(true);
    await visitor.screen.page.getByText('You are offline').waitFor();
    await visitor.confirm(mobile, () => visitor.context.setOffline(false));
    await visitor.showedOnce('scanned');
  });
}

for (const asked of ['websocket', 'sse', 'long-poll']) {
  test(`a laptop asleep while the phone confirms, over ${asked}`, async () => {
    const proxy = await startFaultProxy(server.url);
    ends.push(() => proxy.stop());
    const visitor = await arrive(`asleep, ${asked}`, `${proxy.url}/?transports=${asked}`, undefined);
    await visitor.screen.servedBy(asked);
    const mobile = await visitor.scan();
    await visitor.screen.shows('scanned');
    proxy.deaden();
    // Timers stood still, the wall clock did not, and nobody tells the page.
    await visitor.confirm(mobile, () => visitor.screen.page.evaluate(() => {
      const { now } = Date;
      Date.now = () => now() + 60_000;
    }));
    await visitor.showedOnce('scanned');
  });
}

/** @param {Awaited<ReturnType<typeof startFaultProxy>>} proxy */
const hellos = (proxy) => proxy.seen.filter(({ kind, status }) => kind === 'websocket' && status === 101).length;

/** @param {Awaited<ReturnType<typeof startFaultProxy>>} proxy @param {number} before */
async function more(proxy, before) {
  const late = Date.now() + 20_000;
  while (hellos(proxy) <= before) {
    assert.ok(Date.now() < late, 'the page did not come back over WebSocket');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What this browser remembers holds nothing against WebSocket: the next page has it at once. */
async function noneDemoted(visitor) {
  const remembered = await visitor.screen.page.evaluate(() => JSON.stringify(localStorage));
  assert.doesNotMatch(remembered, /demoted|blocked/);
}

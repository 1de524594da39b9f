// Logins through networks that are in the way: real proxies, and a fault proxy where no product plays the
// part. The page finds a way by itself, without a reload, and shows nothing twice.
import { after, afterEach, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startServer } from './server.mjs';
import { launch } from './people.mjs';
import { showMeasured, visit } from './visit.mjs';
import { startFaultProxy } from './fault_proxy.mjs';
import {
  HOLD_BODIES, STRIP_UPGRADE, freePort, haproxyWith, nginxStock, startHaproxy, startNginx, startSquid,
} from './proxies.mjs';

/** The worst case (no Upgrade, SSE held) has a working stream by then. */
const WORST_STREAM_MS = 1000;

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
/** @param {{ stop(): any }} proxy */
function until(proxy) {
  ends.push(() => proxy.stop());
  return proxy;
}
/** @param {object} faults */
async function faulty(faults) {
  const proxy = await startFaultProxy(server.url, faults);
  ends.push(() => proxy.stop());
  return proxy;
}

/** A whole login, served by what survives. */
async function logsIn(name, url, served, options) {
  const visitor = await arrive(name, url, options);
  await visitor.screen.servedBy(served);
  await visitor.logIn();
  await visitor.showedOnce('scanned');
  return visitor;
}

describe('behind', () => {
  const haproxy = (...rules) => async (port) => until(await startHaproxy(port, haproxyWith(port, server.url, ...rules)));
  const ways = [
    ['nginx stock', async (port) => until(await startNginx(port, nginxStock(port, server.url))), { '': 'sse', 'sse': 'sse', 'long-poll': 'long-poll' }],
    ['HAProxy deleting Upgrade', haproxy(STRIP_UPGRADE), { '': 'sse', 'sse': 'sse', 'long-poll': 'long-poll' }],
    ['HAProxy holding bodies', haproxy(HOLD_BODIES), { '': 'websocket', 'sse,long-poll': 'long-poll', 'long-poll': 'long-poll' }],
    ['HAProxy doing both', haproxy(STRIP_UPGRADE, HOLD_BODIES), { '': 'long-poll', 'long-poll': 'long-poll' }],
  ];
  for (const [name, start, cases] of ways) {
    for (const [asked, served] of Object.entries(cases)) {
      test(`${name}, ${asked ? `asked for ${asked}` : 'by itself'}: ${served}`, async () => {
        const { url } = await start(await freePort());
        const visitor = await logsIn(`${name}${asked && `, ${asked}`}`, asked ? `${url}/?transports=${asked}` : url, served);
        if (name === 'HAProxy doing both') {
          assert.ok(visitor.streamMs <= WORST_STREAM_MS, `a working stream after ${visitor.streamMs} ms`);
        }
      });
    }
  }

  for (const [asked, served] of [['', 'sse'], ['sse', 'sse'], ['long-poll', 'long-poll']]) {
    test(`Squid as a company's forward proxy, ${asked ? `asked for ${asked}` : 'by itself'}: ${served}`, async () => {
      const squid = until(await startSquid(await freePort()));
      const proxy = { server: squid.url, bypass: '<-loopback>' };
      await logsIn(`Squid${asked && `, ${asked}`}`, `${server.url}/${asked && `?transports=${asked}`}`, served, { proxy });
    });
  }
});

describe('a WebSocket that', () => {
  test('is never answered gives way to SSE', async () => {
    const { url } = await faulty({ websocket: 'hung' });
    await logsIn('upgrade never answered', url, 'sse');
  });

  test('opens and swallows all frames gives way to SSE', async () => {
    const { url } = await faulty({ websocket: 'mute' });
    await logsIn('101 and no frames', url, 'sse');
  });

  test('opens, says nothing and is killed, again and again, gives way to SSE', async () => {
    const { url } = await faulty({ websocket: 'mute and killed' });
    await logsIn('101, no frames, killed after 200 ms', url, 'sse');
  });

  test('says hello and is killed, again and again, does not keep the page from logging in', async () => {
    const proxy = await faulty({ websocket: 'killed' });
    const visitor = await arrive('101 and hello, killed after 200 ms', proxy.url);
    await visitor.logIn();
    await visitor.showedOnce('scanned');
  });

  test('does not open yet does not keep anybody waiting', async () => {
    const { url } = await faulty({ websocket: 'hung' });
    const visitor = await arrive('upgrade never answered, login at once', url);
    await visitor.logIn();
    assert.equal(visitor.first, 'long-poll', 'what serves until the WebSocket is given up');
    await visitor.showedOnce('scanned');
  });
});

describe('an idle cut at 5 s', () => {
  for (const [asked, kind] of [['', 'websocket'], ['sse', 'sse'], ['long-poll', 'long-poll']]) {
    test(`does not lose the login over ${kind}`, async () => {
      const proxy = await faulty({ idleMs: 5000 });
      const visitor = await arrive(`idle cut, ${kind}`, `${proxy.url}/${asked && `?transports=${asked}`}`);
      assert.equal(visitor.first, kind);
      const before = proxy.seen.length;
      await again(proxy, kind, before + 1); // the cut came, and the page is there again
      await visitor.logIn();
      await visitor.showedOnce('scanned');
    });
  }
});

describe('a long-poll', () => {
  test('whose answers are lost on the way asks again, and loses and doubles nothing', async () => {
    const lost = [];
    const drops = (answer) => {
      const news = JSON.parse(answer).events.map(({ type }) => type).find((type) => !lost.includes(type));
      if (news) lost.push(news);
      return Boolean(news);
    };
    const proxy = await faulty({ drops });
    await logsIn('each long-poll answer lost once', `${proxy.url}/?transports=long-poll`, 'long-poll');
    assert.deepEqual(lost, ['pending', 'scanned', 'confirmed']);
  });

  test('answered 504 above 6 s becomes shorter until it passes', async () => {
    const proxy = await faulty({ pollMs: 6000 });
    const visitor = await arrive('504 above 6 s', `${proxy.url}/?transports=long-poll`);
    await again(proxy, 'long-poll', 3, ({ status }) => status === 504);
    const waits = proxy.seen.filter(({ status }) => status === 504).map(({ wait }) => wait);
    assert.ok(waits[0] > waits[1] && waits[1] >= 5, `waits of ${waits} s`);
    await visitor.logIn();
    await visitor.showedOnce('scanned');
  });
});

describe('compression forced on the stream', () => {
  test('and flushed is no harm', async () => {
    const { url } = await faulty({ websocket: 'refused', gzip: 'flushed' });
    await logsIn('SSE compressed and flushed', url, 'sse');
  });

  test('and held makes the page poll', async () => {
    const { url } = await faulty({ websocket: 'refused', gzip: 'held' });
    await logsIn('SSE compressed and held', url, 'long-poll');
  });
});

/** Waits until the page has asked so often in this way. */
async function again(proxy, kind, times, which = () => true) {
  const late = Date.now() + 30_000;
  while (proxy.seen.filter((entry) => entry.kind === kind && which(entry)).length < times) {
    assert.ok(Date.now() < late, `the page did not come again over ${kind}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// Logins through networks that are in the way: real proxies, and a fault proxy where no product plays the
// part. The page finds a way by itself, without a reload, and shows nothing twice.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startServer } from './server.mjs';
import { launch, openLogin } from './people.mjs';
import { eventually, showMeasured, visit } from './visit.mjs';
import { startFaultProxy } from './fault_proxy.mjs';
import {
  HOLD_BODIES, STRIP_UPGRADE, freePort, haproxyWith, nginxStock, startHaproxy, startNginx, startSquid,
} from './proxies.mjs';

/** Mostly they wait for a time-out. */
const TOGETHER = { concurrency: 3 };

let browser, server;
before(async () => { browser = await launch(); server = await startServer(); });
after(async () => { showMeasured(); await browser?.close(); await server?.stop(); });

/** @param {import('node:test').TestContext} t @param {string} name @param {string} url @param {object} [options] */
const arrive = (t, name, url, options) => visit(t, browser, name, url, options);
/** @param {import('node:test').TestContext} t @param {{ stop(): any }} proxy */
function until(t, proxy) {
  t.after(() => proxy.stop());
  return proxy;
}
/** @param {import('node:test').TestContext} t @param {import('./fault_proxy.mjs').Faults} faults */
async function faulty(t, faults) {
  const proxy = await startFaultProxy(server.url, faults);
  t.after(() => proxy.stop());
  return proxy;
}

const upgrades = ({ seen }) => seen.filter(({ kind }) => kind === 'websocket').length;

/** A whole login, served by what survives. */
async function logsIn(t, name, url, served, options) {
  const visitor = await arrive(t, name, url, options);
  await visitor.screen.servedBy(served);
  await visitor.logIn();
  await visitor.showedOnce('scanned');
  return visitor;
}

describe('behind', () => {
  const haproxy = (...rules) => async (t, port) => until(t, await startHaproxy(port, haproxyWith(port, server.url, ...rules)));
  const ways = [
    ['nginx stock', async (t, port) => until(t, await startNginx(port, nginxStock(port, server.url))), { '': 'sse', 'sse': 'sse', 'long-poll': 'long-poll' }],
    ['HAProxy deleting Upgrade', haproxy(STRIP_UPGRADE), { '': 'sse', 'sse': 'sse', 'long-poll': 'long-poll' }],
    ['HAProxy holding bodies', haproxy(HOLD_BODIES), { '': 'websocket', 'sse,long-poll': 'long-poll', 'long-poll': 'long-poll' }],
    ['HAProxy doing both', haproxy(STRIP_UPGRADE, HOLD_BODIES), { '': 'long-poll', 'long-poll': 'long-poll' }],
  ];
  for (const [name, start, cases] of ways) {
    for (const [asked, served] of Object.entries(cases)) {
      test(`${name}, ${asked ? `asked for ${asked}` : 'by itself'}: ${served}`, async (t) => {
        const { url } = await start(t, await freePort());
        await logsIn(t, `${name}${asked && `, ${asked}`}`, asked ? `${url}/?transports=${asked}` : url, served);
      });
    }
  }

  test('HAProxy doing both: the server counts what was left, and why', async (t) => {
    const counting = await startServer(), port = await freePort();
    t.after(() => counting.stop());
    until(t, await startHaproxy(port, haproxyWith(port, counting.url, STRIP_UPGRADE, HOLD_BODIES)));
    await arrive(t, 'HAProxy doing both, counted', `http://127.0.0.1:${port}`);
    const counted = async () => (await (await fetch(`${counting.admin}/metrics`)).text()).match(/^saoma_transport_fallbacks_total.* [1-9].*$/gm) ?? [];
    await eventually(async () => (await counted()).length > 1, 'the two fallbacks are not counted');
    assert.deepEqual(await counted(), [
      'saoma_transport_fallbacks_total{from="sse",reason="no_hello",to="long-poll"} 1',
      'saoma_transport_fallbacks_total{from="websocket",reason="not_opened",to="sse"} 1',
    ]);
  });

  for (const [asked, served] of [['', 'sse'], ['sse', 'sse'], ['long-poll', 'long-poll']]) {
    test(`Squid as a company's forward proxy, ${asked ? `asked for ${asked}` : 'by itself'}: ${served}`, async (t) => {
      const squid = until(t, await startSquid(await freePort()));
      const proxy = { server: squid.url, bypass: '<-loopback>' };
      await logsIn(t, `Squid${asked && `, ${asked}`}`, `${server.url}/${asked && `?transports=${asked}`}`, served, { proxy });
    });
  }
});

describe('a WebSocket that', () => {
  test('is never answered gives way to SSE', async (t) => {
    const { url } = await faulty(t, { websocket: 'hung' });
    await logsIn(t, 'upgrade never answered', url, 'sse');
  });

  test('opens and swallows all frames gives way to SSE, and the next page does not try it again', async (t) => {
    const proxy = await faulty(t, { websocket: 'mute' });
    const visitor = await logsIn(t, '101 and no frames', proxy.url, 'sse');
    assert.equal(upgrades(proxy), 1);
    const next = await openLogin(visitor.context, proxy.url);
    await next.servedBy('sse');
    assert.equal(upgrades(proxy), 1);
  });

  test('opens, says nothing and is killed, again and again, gives way to SSE', async (t) => {
    const { url } = await faulty(t, { websocket: 'mute and killed' });
    await logsIn(t, '101, no frames, killed after 200 ms', url, 'sse');
  });

  test('says hello and is killed, again and again, gives way to SSE', async (t) => {
    const proxy = await faulty(t, { websocket: 'killed' });
    await logsIn(t, '101 and hello, killed after 200 ms', proxy.url, 'sse');
    assert.ok(upgrades(proxy) <= 3, `tried ${upgrades(proxy)} times`);
  });

  test('does not open yet does not keep anybody waiting', async (t) => {
    const { url } = await faulty(t, { websocket: 'hung' });
    const visitor = await arrive(t, 'upgrade never answered, login at once', url);
    await visitor.logIn();
    assert.equal(visitor.first, 'long-poll', 'what serves until the WebSocket is given up');
    await visitor.showedOnce('scanned');
  });
});

describe('an idle cut at 5 s', TOGETHER, () => {
  for (const [way, kind] of [['', 'websocket'], ['sse', 'sse'], ['long-poll', 'long-poll']]) {
    test(`does not lose the login over ${kind}`, async (t) => {
      const proxy = await faulty(t, { idleMs: 5000 });
      const visitor = await arrive(t, `idle cut, ${kind}`, `${proxy.url}/${way && `?transports=${way}`}`);
      assert.equal(visitor.first, kind);
      const asked = () => proxy.seen.filter((seen) => seen.kind === kind).length;
      const before = asked();
      await eventually(() => asked() > before, 'the page does not come again'); // the cut came
      await visitor.logIn();
      await visitor.showedOnce('scanned');
    });
  }
});

describe('a long-poll', TOGETHER, () => {
  test('whose answers are lost on the way asks again, and loses and doubles nothing', async (t) => {
    const lost = [];
    const drops = (answer) => {
      const news = JSON.parse(answer).events.map(({ type }) => type).find((type) => !lost.includes(type));
      if (news) lost.push(news);
      return Boolean(news);
    };
    const proxy = await faulty(t, { drops });
    await logsIn(t, 'each long-poll answer lost once', `${proxy.url}/?transports=long-poll`, 'long-poll');
    assert.deepEqual(lost, ['pending', 'scanned', 'confirmed']);
  });

  test('answered 504 above 6 s becomes shorter until it passes', async (t) => {
    const proxy = await faulty(t, { pollMs: 6000 });
    const visitor = await arrive(t, '504 above 6 s', `${proxy.url}/?transports=long-poll`);
    const waits = () => proxy.seen.filter(({ status }) => status === 504).map(({ wait }) => wait);
    await eventually(() => waits().length > 1, 'there are no two long-polls answered 504');
    assert.ok(waits()[0] > waits()[1] && waits()[1] >= 5, `waits of ${waits()} s`);
    await visitor.logIn();
    await visitor.showedOnce('scanned');
  });
});

describe('compression forced on the stream', () => {
  test('and flushed is no harm', async (t) => {
    const { url } = await faulty(t, { websocket: 'refused', gzip: 'flushed' });
    await logsIn(t, 'SSE compressed and flushed', url, 'sse');
  });

  test('and held makes the page poll', async (t) => {
    const { url } = await faulty(t, { websocket: 'refused', gzip: 'held' });
    await logsIn(t, 'SSE compressed and held', url, 'long-poll');
  });
});

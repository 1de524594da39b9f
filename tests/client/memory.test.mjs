// What is known of this place: found out once, kept for a while, tried again beside what serves.
import test from 'node:test';
import assert from 'node:assert/strict';
import { hangs, refused } from './fakes.mjs';
import { opened, page } from './page.mjs';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** A page with time enough for everything. */
async function lasting(options) {
  const it = page(options);
  it.server.lifetime = 7200;
  await it.start();
  return it;
}
/** A page served by SSE, where the WebSocket said nothing. */
async function onSse() {
  const it = await lasting();
  await it.advance(4000);
  await it.source.hello();
  return it;
}
/** A page where nothing but long-poll works. */
async function onLongPoll() {
  const it = await lasting();
  await it.advance(8000);
  assert.deepEqual(it.ways, ['long-poll']);
  return it;
}

test('the next page does not try what failed here, and takes what worked at once', async () => {
  const next = await (await onSse()).reload();
  assert.equal(next.sockets.length, 0);
  assert.equal(next.sources.length, 1);
  await next.source.hello();
  assert.equal(next.login.transport, 'sse');
  await next.beats(next.source, 5 * MINUTE);
  assert.equal(next.sockets.length, 0);
  assert.deepEqual(next.ways, ['sse']);
});

test('a page that is left in the middle of trying has learnt something too', async () => {
  const it = await lasting({ transports: ['websocket', 'sse'] });
  await it.advance(4000);
  const next = await it.reload();
  assert.deepEqual([next.sockets.length, next.sources.length], [0, 1]);
});

test('where only long-poll worked, the next page is served at once', async () => {
  const next = await (await onLongPoll()).reload();
  assert.equal(next.login.transport, 'long-poll');
  await next.advance(5 * MINUTE);
  assert.deepEqual([next.sockets.length, next.sources.length], [0, 0]);
});

test('ten minutes later the next page tries it again, beside what worked', async () => {
  const it = await onLongPoll();
  await it.advance(10 * MINUTE - 20_000); // until the demotions are almost over
  const next = await it.reload();
  assert.equal(next.login.transport, 'long-poll');
  assert.equal(next.sockets.length, 0);
  await next.until(() => next.sockets.length === 1, 30_000);
  assert.equal(next.login.transport, 'long-poll', 'which serves until the better one says hello');
  await next.socket.hello();
  assert.deepEqual(next.transports, ['long-poll', 'websocket']);
  assert.deepEqual(next.ways, ['websocket']);
});

test('what worked goes first for a day, and the better ones beside it', async () => {
  const it = await onLongPoll();
  it.clock.sleep(DAY - MINUTE);
  const next = await it.reload();
  assert.equal(next.login.transport, 'long-poll', 'at once');
  await next.advance(10);
  assert.equal(next.sockets.length, 1);
});

test('after a day all is forgotten', async () => {
  const it = await onLongPoll();
  it.clock.sleep(DAY + MINUTE);
  const next = await it.reload();
  await next.advance(399);
  assert.deepEqual(next.ways, ['websocket']);
  assert.equal(next.polls.length, 0);
});

test('where SSE worked and the WebSocket may be tried again, SSE goes first', async () => {
  const it = await onSse();
  it.clock.sleep(11 * MINUTE);
  const next = await it.reload();
  assert.equal(next.sources.length, 1);
  await next.source.hello();
  await next.advance(1000);
  assert.equal(next.sockets.length, 1);
  assert.equal(next.login.transport, 'sse');
  await next.socket.hello();
  assert.deepEqual(next.ways, ['websocket']);
  assert.deepEqual((await next.reload()).ways, ['websocket'], 'and is what works now');
});

test('a page that stays tries again after ten minutes, and does not feel it', async () => {
  const it = await onSse();
  await it.beats(it.source, 10 * MINUTE - 10_000);
  assert.equal(it.sockets.length, 1);
  await it.beats(it.source, 12_000);
  assert.equal(it.sockets.length, 2);
  assert.equal(it.login.transport, 'sse');
  await it.socket.hello();
  assert.equal(it.login.transport, 'websocket');
  assert.deepEqual(it.ways, ['websocket']);
});

test('on long-poll too, what is better is tried every ten minutes, and nothing is felt', async () => {
  const it = await onLongPoll();
  await it.advance(10 * MINUTE + 10_000);
  assert.deepEqual([it.sockets.length, it.sources.length], [2, 2]);
  await it.server.happens('scanned');
  assert.deepEqual(it.ids, [1, 2]);
  await it.advance(9 * MINUTE);
  assert.deepEqual([it.sockets.length, it.sources.length], [2, 2]);
  assert.deepEqual(it.transports, ['long-poll']);
  assert.deepEqual(it.ways, ['long-poll']);
});

test('another failure demotes again without a gap', async () => {
  const it = await onSse();
  const { source } = it;
  await it.beats(source, 10 * MINUTE + 10_000);
  assert.equal(it.sockets.length, 2);
  await source.brings(await it.server.happens('scanned'));
  await it.beats(source, 10 * MINUTE - 30_000);
  assert.equal(it.sockets.length, 2, 'ten minutes more');
  await it.beats(source, 40_000);
  assert.equal(it.sockets.length, 3);
  assert.equal(it.sources.length, 1);
  assert.equal(source.left, false);
  assert.deepEqual(it.ways, ['sse']);
  assert.equal(it.transports.at(-1), 'sse');
  assert.ok(!it.transports.includes(null), 'served all the time');
  assert.deepEqual(it.ids, [1, 2]);
});

test('a probe that is closed before it opens, twice, does not disturb either', async () => {
  const it = await onSse();
  await it.beats(it.source, 10 * MINUTE - 5000);
  for (const n of [2, 3]) {
    await it.until(() => it.sockets.length === n);
    await it.socket.dies();
    await it.source.heartbeat();
  }
  await it.beats(it.source, 5 * MINUTE);
  assert.equal(it.sockets.length, 3);
  assert.equal(it.sources.length, 1);
  assert.deepEqual(it.ways, ['sse']);
  assert.equal(it.login.transport, 'sse');
  assert.ok(!it.transports.includes(null));
});

test('another network: everything has another chance', async () => {
  const it = await onSse();
  await it.online();
  assert.equal(it.sockets.length, 2);
  await it.socket.hello();
  assert.deepEqual(it.ways, ['websocket']);
});

test('another network: nothing of the old one is known to the next page', async () => {
  const it = await onLongPoll();
  it.server.every('events', hangs); // and of the new one, not yet
  await it.online();
  it.server.every('events');
  const next = await it.reload();
  assert.deepEqual(next.ways, ['websocket']);
});

test('another network: an earlier strike is forgotten', async () => {
  const it = await opened();
  await it.socket.dies();
  await it.advance(2000);
  await it.online();
  await it.socket.dies();
  assert.equal(it.sources.length, 0, 'that is the first here');
});

test('where nothing may be kept, everything works but the memory', async () => {
  const it = page();
  it.storage.forbidden = true;
  await it.start();
  await it.advance(4000);
  await it.source.hello();
  assert.equal(it.login.transport, 'sse');
  await it.online();
  await it.login.stop();
  await it.isOver();
});

test('even where the storage itself must not be looked at', async () => {
  const it = page();
  Object.defineProperty(it.window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });
  await it.start();
  await it.socket.hello();
  assert.equal(it.login.transport, 'websocket');
});

for (const rubbish of ['', '{', 'null', '[]', '7', '"sse"', '{"at":9e15,"demoted":null,"worked":7,"websocket":"x"}']) {
  test(`what others wrote into the storage is no trouble: ${rubbish || 'nothing'}`, async () => {
    const it = await onSse();
    it.storage.fill(rubbish);
    const next = await it.reload();
    await next.socket.hello();
    assert.equal(next.login.transport, 'websocket');
  });
}

test('it is kept under a name of its own', async () => {
  const it = await onSse();
  assert.ok(it.storage.keys().length > 0);
  for (const key of it.storage.keys()) assert.match(key, /^saoma/);
});

test('a server in trouble is nothing to remember', async () => {
  const it = await lasting();
  it.server.every('events', refused);
  for (let n = 1; n < 4; n++) {
    await it.socket.dies();
    await it.until(() => it.sockets.length > n);
  }
  it.server.every('events');
  assert.deepEqual((await it.reload()).ways, ['websocket']);
});

// ---- the server is told

test('a fall is told once, by the next request on another way: silent', async () => {
  const it = await onSse();
  assert.deepEqual(it.reports, ['websocket no_hello']);
  await it.source.dies();
  await it.until(() => it.sources.length === 2);
  await it.source.hello();
  assert.deepEqual(it.reports, ['websocket no_hello']);
});

test('a fall is told: closed before it opened', async () => {
  const it = await lasting();
  await it.socket.dies();
  await it.until(() => it.sockets.length === 2);
  await it.socket.dies();
  await it.source.hello();
  assert.deepEqual(it.reports, ['websocket not_opened']);
  assert.ok(it.sockets.every(({ query }) => !query.reason));
});

test('a fall is told: opened, then dead', async () => {
  const it = await lasting();
  for (const n of [1, 2]) {
    await it.until(() => it.sockets.length === n);
    await it.socket.hello();
    await it.advance(200);
    await it.socket.dies();
  }
  await it.source.hello();
  assert.deepEqual(it.reports, ['websocket died']);
});

test('a fall is told: hello, and nothing after it', async () => {
  const it = await lasting();
  for (const n of [1, 2]) {
    await it.until(() => it.sockets.length === n);
    await it.socket.hello();
    await it.advance(40_000);
  }
  assert.equal(it.sources.length, 1);
  assert.deepEqual(it.reports, ['websocket stalled']);
});

test('two falls are two reports', async () => {
  const it = await onLongPoll();
  assert.deepEqual(it.reports, ['websocket no_hello', 'sse no_hello']);
  assert.equal(it.source.query.transport, 'websocket');
});

test('a page that begins on a fallback says so', async () => {
  const it = await onSse();
  const next = await it.reload();
  await next.source.hello();
  assert.equal(next.source.query.transport, 'websocket');
  assert.equal(next.source.query.reason, 'remembered');
  await next.source.dies();
  await next.until(() => next.sources.length === 2);
  assert.deepEqual(next.reports, ['websocket remembered']);
});

test('who has no other way has nothing to tell', async () => {
  const it = await lasting({ transports: ['websocket'] });
  await it.advance(60_000);
  assert.ok(it.sockets.length > 2);
  assert.ok(it.sockets.every(({ query }) => !query.reason));
});

test('what needed no fallback tells of none', async () => {
  const it = await lasting();
  await it.advance(1000); // long-poll beside a slow hello is no fall
  await it.socket.hello();
  await it.socket.dies(1012);
  await it.until(() => it.sockets.length === 2);
  await it.socket.hello();
  assert.deepEqual(it.reports, []);
  const next = await it.reload();
  await next.advance(1000);
  assert.deepEqual(next.reports, []);
});

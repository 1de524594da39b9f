// Streams that die without a word, laptops that sleep, pages that come back.
import test from 'node:test';
import assert from 'node:assert/strict';
import { hangs, problem, refused } from './fakes.mjs';
import { opened, page, polling, served } from './page.mjs';

/** Something brings new ways: a poll that does not wait, and a new WebSocket; the old is left. */
function newBeginning(it, sockets, polls) {
  assert.equal(it.sockets.length, sockets + 1, 'one new WebSocket');
  assert.deepEqual(it.polls.slice(polls).map(({ query }) => query.wait)[0], '0', 'a poll at once');
  assert.equal(it.polls.slice(polls).filter(({ query }) => query.wait === '0').length, 1, 'one');
  assert.equal(it.sockets[sockets - 1].open, false);
}

test('a stream that keeps its heartbeat is left alone', async () => {
  const it = await served();
  await it.beats(it.socket, 120_000);
  assert.equal(it.sockets.length, 1);
  assert.equal(it.polls.length, 0);
});

test('silent for two and a half heartbeats: lost, and looked after at once', async () => {
  const it = await served();
  await it.beats(it.socket, 15_000);
  await it.advance(37_000);
  assert.equal(it.login.transport, 'websocket');
  await it.server.happens('scanned');
  await it.until(() => it.login.transport !== 'websocket', 3000);
  assert.equal(it.socket.left || it.sockets[0].left, true);
  assert.equal(it.polls[0].query.wait, '0');
  await it.advance(500);
  assert.equal(it.login.state, 'scanned');
  assert.equal(it.sockets.length, 2);
  await it.socket.hello();
  assert.deepEqual(it.ways, ['websocket']);
});

test('SSE is watched alike', async () => {
  const it = await opened({ transports: ['sse', 'long-poll'] });
  await it.source.hello();
  await it.advance(37_000);
  assert.equal(it.login.transport, 'sse');
  await it.until(() => it.login.transport !== 'sse', 3000);
  assert.equal(it.sources[0].left, true);
  await it.until(() => it.sources.length === 2, 1000);
});

test('an event is a sign of life as good as a heartbeat', async () => {
  const it = await served();
  for (let n = 0; n < 4; n++) {
    await it.advance(30_000);
    await it.socket.brings(await it.server.happens('message'));
  }
  assert.equal(it.sockets.length, 1);
});

test('the heartbeat is as the hello says', async () => {
  const it = await opened();
  await it.socket.hello({ heartbeat_seconds: 4 });
  await it.advance(9900);
  assert.equal(it.login.transport, 'websocket');
  await it.until(() => it.login.transport !== 'websocket', 2000);
});

test('a laptop that wakes begins anew within seconds', async () => {
  const it = await served();
  await it.beats(it.socket, 15_000);
  it.clock.sleep(30_000); // less than what makes a stream suspect
  const { length } = it.polls;
  await it.until(() => it.polls.length > length, 5000);
  await it.until(() => it.sockets.length === 2, 5000);
  assert.equal(it.sockets[0].left, true);
  await it.socket.hello();
  assert.equal(it.login.transport, 'websocket');
});

test('a long-poll that slept is asked anew', async () => {
  const it = await polling();
  it.server.every('events', hangs);
  const old = it.poll;
  it.clock.sleep(60_000);
  it.server.every('events');
  it.server.log.push({ ...it.server.log[0], id: 2, type: 'scanned' });
  await it.advance(5000);
  assert.equal(old.open, false);
  assert.equal(it.login.state, 'scanned');
});

test('who slept past the end is told so', async () => {
  const it = await served();
  it.clock.sleep(3_600_000);
  it.server.every('events', problem(404));
  await it.advance(5000);
  assert.deepEqual(it.said('end').map(({ state }) => state), ['expired']);
  await it.isOver();
});

test('a session past its time that nobody can be asked about is over', async () => {
  const it = await served();
  it.server.every('events', refused);
  await it.socket.dies();
  await it.advance(240_000);
  assert.deepEqual(it.said('end').map(({ state }) => state), ['expired']);
  await it.isOver();
});

for (const event of ['shown', 'restored', 'online']) {
  test(`${event}: a poll at once, and new ways`, async () => {
    const it = await served();
    await it.beats(it.socket, 15_000);
    it.server.log.push({ ...it.server.log[0], id: 2, type: 'scanned' });
    const { length } = it.polls;
    await it[event]();
    newBeginning(it, 1, length);
    assert.equal(it.login.state, 'scanned');
    await it.socket.hello();
    assert.deepEqual(it.ways, ['websocket']);
    assert.deepEqual(it.ids, [1, 2]);
  });

  test(`${event}: no backoff is owed`, async () => {
    const it = await served();
    it.random = 0.99;
    it.server.every('events', refused);
    for (let n = 1; n < 7; n++) {
      await it.socket.dies();
      await it.until(() => it.sockets.length > n);
    }
    await it.socket.dies();
    await it.advance(1000);
    it.server.every('events');
    const { length } = it.polls;
    const sockets = it.sockets.length;
    await it[event]();
    newBeginning(it, sockets, length);
    assert.equal(it.login.transport, 'long-poll');
  });
}

test('several of them in one second are one', async () => {
  const it = await served();
  await it.beats(it.socket, 15_000);
  const { length } = it.polls;
  await it.restored();
  await it.shown();
  await it.advance(300);
  await it.online();
  await it.advance(300);
  await it.shown();
  newBeginning(it, 1, length);
});

test('hidden, or shown for the first time, is nothing new', async () => {
  const it = await served();
  it.window.document.visibilityState = 'hidden';
  it.window.document.dispatchEvent(new Event('visibilitychange'));
  it.window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }));
  await it.advance(1000);
  assert.equal(it.sockets.length, 1);
  assert.equal(it.polls.length, 0);
});

test('a page that polls is asked anew too when it is shown', async () => {
  const it = await polling();
  const old = it.poll;
  await it.advance(5000);
  await it.shown();
  assert.equal(old.open, false);
  assert.deepEqual(it.polls.slice(2).map(({ query }) => query.wait), ['0', '25']);
});

test('online ends the wait of a session that could not be opened', async () => {
  const it = page();
  it.server.next('open', refused);
  await it.start();
  assert.equal(it.login.state, 'error');
  await it.online();
  assert.equal(it.requests('open').length, 2);
  await it.socket.hello();
  assert.equal(it.login.state, 'pending');
  await it.advance(20_000);
  assert.equal(it.requests('open').length, 2, 'the wait is over');
});

test('offline is said at once, and online brings everything back', async () => {
  const it = await served();
  it.server.every('events', refused);
  await it.told('offline');
  assert.equal(it.login.transport, null);
  assert.equal(it.sockets[0].left, true);
  await it.advance(10_000);
  it.server.every('events');
  await it.online();
  assert.equal(it.login.transport, 'long-poll');
  await it.socket.hello();
  assert.equal(it.login.transport, 'websocket');
});

test('offline while it is asked whose fault it was: even without online it comes back', async () => {
  const it = await served();
  it.server.every('events', hangs);
  await it.socket.dies();
  await it.told('offline');
  it.server.every('events');
  await it.advance(20_000);
  assert.equal(it.login.transport, 'long-poll');
});

test('a page that is put aside keeps no stream, and has one again when it is taken out', async () => {
  const it = await served();
  await it.told('pagehide');
  assert.deepEqual(it.ways, []);
  await it.restored();
  await it.socket.hello();
  assert.deepEqual(it.ways, ['websocket']);
});

test('the hour of the end is as the hello says', async () => {
  const it = await opened();
  await it.socket.hello({ expires_in: 100 });
  assert.equal(it.login.session.deadline, it.clock.now() + 100_000);
});

test('past its time the server\'s clock counts, as long as it can be asked', async () => {
  const it = await opened();
  await it.socket.hello({ expires_in: 20 });
  await it.beats(it.socket, 45_000);
  assert.equal(it.login.state, 'pending');
  assert.equal(it.login.transport, 'websocket');
  assert.ok(it.polls.length > 0 && it.polls.length < 6, `asked ${it.polls.length} times`);
  assert.deepEqual(it.ways, ['websocket']);
  await it.socket.brings(await it.server.happens('confirmed', { ticket: 't1' }));
  assert.equal(it.login.state, 'confirmed');
});

test('a page without a window has a login too', async () => {
  const it = await served({ window: undefined, endpoint: 'https://sso.example' });
  await it.socket.brings(await it.server.happens('scanned'));
  assert.equal(it.login.state, 'scanned');
});

// Whose fault it is: a way that is blocked is left, a server in trouble is waited for.
import test from 'node:test';
import assert from 'node:assert/strict';
import { hangs, problem, refused } from './fakes.mjs';
import { opened, page, polling, served } from './page.mjs';

/** It says hello, something is heard a second later, and so it is proven. */
async function proven(it) {
  await it.socket.hello();
  await it.advance(1000);
  await it.socket.heartbeat();
}
const again = (it, list) => it.until(() => list.at(-1).open);

test('a loss is looked into at once, by a poll that does not wait', async () => {
  const it = await opened();
  await it.socket.dies();
  assert.deepEqual(it.polls.map(({ query }) => query.wait)[0], '0');
  assert.equal(it.login.transport, 'long-poll', 'which serves meanwhile');
});

test('until that is answered nothing serves, and the page is told so', async () => {
  const it = await served();
  it.server.every('events', hangs);
  await it.socket.dies();
  assert.deepEqual(it.transports, ['websocket', null]);
});

test('closed before it opened, twice while the server answers: the next way at once', async () => {
  const it = await opened();
  await it.socket.dies();
  assert.equal(it.sources.length, 0, 'once may be chance');
  await again(it, it.sockets);
  await it.socket.dies();
  assert.equal(it.sources.length, 1);
  await it.source.hello();
  assert.equal(it.login.transport, 'sse');
  assert.deepEqual(it.ways, ['sse']);
  assert.deepEqual(it.ids, [1]);
});

test('silent for four seconds while the server answers: the next way at once', async () => {
  const it = await opened();
  await it.socket.opens();
  await it.advance(3999);
  assert.equal(it.sources.length, 0);
  await it.advance(1);
  assert.equal(it.sockets[0].left, true);
  assert.equal(it.sources.length, 1);
  assert.equal(it.sockets.length, 1);
});

test('SSE held back by a proxy is silent too: three seconds', async () => {
  const it = await opened({ transports: ['sse', 'long-poll'] });
  await it.advance(2999);
  assert.equal(it.source.left, false);
  await it.advance(1);
  assert.equal(it.source.left, true);
  assert.deepEqual(it.ways, ['long-poll']);
  await it.server.happens('scanned');
  await it.advance(60_000);
  assert.equal(it.sources.length, 1);
  assert.deepEqual(it.transports, ['long-poll'], 'served all the time');
  assert.deepEqual(it.ids, [1, 2]);
});

test('where nothing but long-poll lives, it serves within half a second and all along', async () => {
  const it = await opened();
  await it.advance(400);
  assert.equal(it.login.transport, 'long-poll');
  await it.advance(9600);
  assert.deepEqual(it.ways, ['long-poll']);
  assert.deepEqual([it.sockets.length, it.sources.length], [1, 1]);
  assert.deepEqual(it.transports, ['long-poll']);
});

test('hello and death soon after, twice: demoted', async () => {
  const it = await opened();
  for (let n = 0; n < 2; n++) {
    await again(it, it.sockets);
    await it.socket.hello();
    await it.advance(200);
    await it.socket.dies();
  }
  assert.equal(it.sources.length, 1);
  await it.source.hello();
  await it.beats(it.source, 60_000);
  assert.equal(it.sockets.length, 2, 'no flapping');
});

test('a burst at the hello proves nothing', async () => {
  const it = await opened();
  for (let n = 0; n < 2; n++) {
    await again(it, it.sockets);
    await it.socket.hello();
    await it.socket.brings(await it.server.happens('message'));
    await it.socket.heartbeat();
    await it.advance(200);
    await it.socket.dies();
  }
  assert.equal(it.sources.length, 1);
});

test('SSE that is closed twice leaves long-poll', async () => {
  const it = await opened({ transports: ['sse', 'long-poll'] });
  for (const n of [1, 2]) {
    await it.until(() => it.sources.length === n);
    await it.source.hello();
    await it.source.dies();
  }
  await it.advance(60_000);
  assert.equal(it.sources.length, 2);
  assert.deepEqual(it.ways, ['long-poll']);
});

test('what was proven may die as often as it likes', async () => {
  const it = await opened();
  for (let n = 0; n < 5; n++) {
    await again(it, it.sockets);
    await proven(it);
    await it.socket.dies();
  }
  await again(it, it.sockets);
  await it.socket.hello();
  assert.equal(it.login.transport, 'websocket');
  assert.equal(it.sources.length, 0);
});

test('an idle cut after some seconds is no sign of a block', async () => {
  const it = await opened();
  for (let n = 1; n < 5; n++) {
    await it.until(() => it.sockets.length === n);
    await it.socket.hello();
    await it.advance(5000);
    await it.socket.dies();
  }
  assert.equal(it.sources.length, 0);
  assert.deepEqual(it.reports, []);
});

test('what was proven has its earlier failures forgiven', async () => {
  const it = await opened();
  await it.socket.dies();
  await again(it, it.sockets);
  await proven(it);
  await it.socket.dies();
  await again(it, it.sockets);
  await it.socket.dies();
  await again(it, it.sockets);
  assert.equal(it.sources.length, 0);
});

for (const [trouble, fate] of [['gone', refused], ['behind a proxy that says 502', problem(502)]]) {
  test(`a server that is ${trouble} demotes nothing, and everybody comes back to WebSocket`, async () => {
    const it = await served();
    it.server.every('events', fate);
    await it.socket.dies();
    assert.equal(it.login.transport, null);
    for (let n = 0; n < 6; n++) {
      await again(it, it.sockets);
      await it.socket.dies();
    }
    assert.equal(it.sources.length, 0);
    it.server.every('events');
    await again(it, it.sockets);
    await it.socket.hello();
    assert.equal(it.login.transport, 'websocket');
    assert.deepEqual(it.reports, []);
    const next = await it.reload();
    assert.equal(next.sockets.length, 1, 'nothing bad is remembered');
    assert.deepEqual(next.ways, ['websocket']);
  });
}

test('what died of the server\'s trouble is not blamed when the server is back', async () => {
  const it = await opened();
  await it.socket.dies();
  await it.until(() => it.sockets.length === 2);
  it.server.next('events', refused);
  await it.socket.dies();
  await it.until(() => it.sockets.length === 3);
  assert.equal(it.login.transport, 'long-poll', 'it is');
  assert.equal(it.sources.length, 0, 'and the one strike of before stays one');
});

test('a silent WebSocket is not blamed while the server is silent too', async () => {
  const it = page();
  it.server.every('events', problem(503));
  await it.start();
  await it.advance(4000);
  assert.equal(it.sources.length, 0);
  it.server.every('events');
  await again(it, it.sockets);
  await it.socket.hello();
  assert.equal(it.login.transport, 'websocket');
});

for (const code of [1011, 1012, 1013]) {
  test(`close ${code} is the server's: the same way again, a little later`, async () => {
    const it = await served();
    for (let n = 1; n < 6; n++) {
      await it.socket.dies(code);
      assert.equal(it.sockets.length, n, 'not at once, or all would come at once');
      await it.until(() => it.sockets.length === n + 1);
      await it.socket.hello();
    }
    assert.equal(it.login.transport, 'websocket');
    assert.equal(it.sources.length, 0);
  });
}

test('4404 and 4410: the session is no more', async () => {
  for (const code of [4404, 4410]) {
    const it = await served();
    await it.socket.dies(code);
    assert.equal(it.login.state, 'expired');
    assert.equal(it.said('end').length, 1);
    await it.isOver();
  }
});

test('4401, 4403 and 4409: an error that another try does not mend', async () => {
  for (const code of [4401, 4403, 4409]) {
    const it = await served();
    await it.socket.dies(code);
    assert.equal(it.login.state, 'error');
    assert.deepEqual(it.said('error').map(({ status, retryIn }) => [status, retryIn]), [[code - 4000, null]]);
    await it.isOver();
  }
});

test('4429 and 4503: later, on the same way', async () => {
  for (const code of [4429, 4503]) {
    const it = await served();
    for (let n = 1; n < 4; n++) {
      await it.socket.dies(code);
      assert.equal(it.sockets.length, n);
      await it.until(() => it.sockets.length === n + 1);
    }
    await it.socket.hello();
    assert.deepEqual([it.login.transport, it.sources.length], ['websocket', 0]);
  }
});

test('told to come later while long-poll serves: that goes on', async () => {
  const it = await opened();
  await it.advance(400);
  await it.socket.dies(1013);
  assert.equal(it.login.transport, 'long-poll');
  assert.deepEqual(it.ways, ['long-poll']);
  await it.until(() => it.sockets.length === 2);
  await it.socket.hello();
  assert.deepEqual(it.transports, ['long-poll', 'websocket']);
});

test('when the server names its time, no way is tried before', async () => {
  const it = await served();
  it.server.next('events', problem(503, 'busy', { 'Retry-After': '20' }));
  await it.socket.dies();
  await it.advance(19_999);
  assert.deepEqual([it.sockets.length, it.polls.length], [1, 1]);
  await it.until(() => it.sockets.length === 2, 20_000);
});

test('4406: switched off here, so the next, and never again', async () => {
  const it = page();
  it.server.lifetime = 3600;
  await it.start();
  await it.socket.dies(4406);
  await it.source.hello();
  await it.beats(it.source, 1_200_000);
  assert.equal(it.sockets.length, 1);
  assert.equal(it.login.transport, 'sse');
});

test('backoff: anywhere under a limit that doubles from 500 ms to 10 s', async () => {
  const it = await polling();
  it.server.every('events', refused);
  await it.poll.cut();
  const gaps = [];
  for (let n = it.polls.length; gaps.length < 7; n++) gaps.push(await it.until(() => it.polls.length > n));
  assert.deepEqual(gaps, [250, 500, 1000, 2000, 4000, 5000, 5000], 'half the limit, as the dice say');
});

test('a hello does not end the backoff, a heartbeat does', async () => {
  const it = await served();
  const gaps = [];
  for (let n = 1; n < 5; n++) {
    await it.socket.dies(1012);
    gaps.push(await it.until(() => it.sockets.length === n + 1));
    await it.socket.hello();
  }
  assert.deepEqual(gaps, [250, 500, 1000, 2000]);
  await it.socket.heartbeat();
  await it.socket.dies(1012);
  assert.equal(await it.until(() => it.sockets.length === 6), 250);
});

test('an event ends the backoff', async () => {
  const it = await served();
  for (let n = 1; n < 4; n++) {
    await it.socket.dies(1012);
    await it.until(() => it.sockets.length === n + 1);
  }
  await it.server.happens('scanned');
  await it.socket.hello(); // and the event behind it
  assert.equal(it.login.state, 'scanned');
  await it.socket.dies(1012);
  assert.equal(await it.until(() => it.sockets.length === 5), 250);
});

test('by long-poll too an event ends the backoff, and an empty answer does not', async () => {
  const it = await polling();
  const fails = async () => {
    it.server.next('events', refused);
    const { length } = it.polls;
    await it.poll.cut();
    await it.until(() => it.polls.length > length);
    return it.until(() => it.polls.length > length + 1);
  };
  assert.equal(await fails(), 500);
  assert.equal(await fails(), 2000);
  await it.server.happens('scanned');
  assert.equal(await fails(), 500);
});

test('the dice are thrown anew for each wait', async () => {
  const it = await served();
  it.random = 0;
  await it.socket.dies(1012);
  assert.ok(await it.until(() => it.sockets.length === 2) <= 10);
  it.random = 0.9;
  await it.socket.dies(1012);
  assert.equal(await it.until(() => it.sockets.length === 3), 900);
});

// When it is over, it is over: nothing runs, nothing is said, nobody listens.
import test from 'node:test';
import assert from 'node:assert/strict';
import { drained, event, hangs, refused } from './fakes.mjs';
import { opened, page, polling, served } from './page.mjs';

const ends = (it) => it.said('end').map(({ state }) => state);

test('stop cancels an open session at the server, in a way that outlives the page', async () => {
  const it = await served();
  await it.login.stop();
  const [cancel, ...more] = it.requests('cancel');
  assert.deepEqual([cancel.session, cancel.bearer, cancel.keepalive, more], ['s1', 'secret-s1', true, []]);
  assert.equal(it.login.state, 'cancelled');
  assert.deepEqual(ends(it), ['cancelled']);
  assert.equal(it.login.transport, null);
  await it.isOver();
});

/** Where a login may be when it is stopped. */
const moments = {
  'before a hello': () => opened(),
  'with long-poll beside a WebSocket that is silent': async () => {
    const it = await opened();
    await it.advance(1000);
    return it;
  },
  'on SSE': async () => {
    const it = await opened({ transports: ['sse'] });
    await it.source.hello();
    return it;
  },
  'on long-poll': () => polling(),
  'between two tries': async () => {
    const it = await served();
    it.server.every('events', refused);
    await it.socket.dies();
    return it;
  },
  'while it is asked whose fault it was': async () => {
    const it = await served();
    it.server.every('events', hangs);
    await it.socket.dies();
    return it;
  },
  'in the pause of a leaving server': async () => {
    const it = await polling();
    await it.poll.brings();
    return it;
  },
  'while a better way is probed': async () => {
    const it = await opened();
    await it.advance(4000);
    await it.source.hello();
    await it.online();
    return it;
  },
};
for (const [moment, come] of Object.entries(moments)) {
  test(`stopped ${moment}`, async () => {
    const it = await come();
    it.login.stop();
    await drained();
    assert.deepEqual(ends(it), ['cancelled']);
    await it.isOver();
  });
}

test('stopped between two tries of opening', async () => {
  const it = page();
  it.server.every('open', refused);
  await it.start();
  await it.login.stop();
  await it.isOver();
});

test('a session that is opened too late is cancelled, not used', async () => {
  const it = page();
  it.server.next('open', hangs);
  await it.start();
  it.login.stop();
  await drained();
  assert.deepEqual(ends(it), ['cancelled']);
  const { length } = it.heard;
  it.server._open(it.requests('open')[0]);
  await drained();
  assert.deepEqual(it.requests('cancel').map(({ session, bearer }) => [session, bearer]), [['s1', 'secret-s1']]);
  assert.equal(it.heard.length, length);
  await it.isOver();
});

test('a session that is never answered is let go', async () => {
  const it = page();
  it.server.next('open', hangs);
  await it.start();
  it.login.stop();
  await it.advance(60_000);
  await it.isOver();
});

test('a server that cannot be told is no reason to fail', async () => {
  const it = await served();
  it.server.every('cancel', refused);
  await it.login.stop();
  assert.equal(it.login.state, 'cancelled');
  await it.isOver();
});

test('stopping twice is stopping once, stopping before the start is nothing', async () => {
  const it = page();
  await it.login.stop();
  assert.equal(it.server.requests.length, 0);
  await it.start();
  await it.socket.hello();
  await it.login.stop();
  await it.login.stop();
  assert.equal(it.requests('cancel').length, 1);
  assert.deepEqual(ends(it), ['cancelled']);
});

test('after a stop one may start again', async () => {
  const it = await served();
  await it.login.stop();
  await it.start();
  await it.socket.hello();
  assert.equal(it.login.state, 'pending');
  assert.equal(it.login.session.session_id, 's2');
  await it.login.stop();
  await it.isOver();
});

test('aborting the signal is stop', async () => {
  const cancel = new AbortController();
  const it = await served({ signal: cancel.signal });
  cancel.abort();
  await drained();
  assert.equal(it.requests('cancel').length, 1);
  assert.deepEqual(ends(it), ['cancelled']);
  await it.isOver();
});

test('with a signal that was aborted before, nothing starts', async () => {
  const it = await opened({ signal: AbortSignal.abort() });
  assert.equal(it.server.requests.length, 0);
  await it.isOver();
});

for (const state of ['rejected', 'expired', 'cancelled', 'confirmed']) {
  test(`${state} is the end, on every way`, async () => {
    const ways = {
      websocket: await served(),
      sse: await opened({ transports: ['sse'] }),
      poll: await polling(),
    };
    await ways.sse.source.hello();
    for (const [name, it] of Object.entries(ways)) {
      const fact = await it.server.happens(state, { ticket: 't' });
      await ({ websocket: it.socket, sse: it.source })[name]?.brings(fact);
      assert.deepEqual(ends(it), [state], name);
      assert.equal(it.login.state, state, name);
      assert.equal(it.requests('cancel').length, 0, name);
      assert.equal(it.heard.at(-1)[0], 'end', name);
      await it.isOver();
    }
  });
}

test('the end by one way while another is being tried', async () => {
  const it = await opened();
  await it.advance(1000);
  await it.server.happens('rejected');
  assert.deepEqual(ends(it), ['rejected']);
  assert.equal(it.socket.left, true);
  await it.socket.hello(); // its words were under way
  assert.deepEqual(ends(it), ['rejected']);
  assert.deepEqual(it.ids, [1, 2]);
  await it.isOver();
});

test('what a closed stream still says is not heard', async () => {
  const it = await served();
  await it.advance(2000);
  await it.shown(); // new ways
  const [old] = it.sockets;
  await it.socket.hello();
  const { length } = it.heard;
  await old.brings(event(9, 'rejected'));
  await old.heartbeat();
  await old.dies();
  await old.dies(4404);
  assert.equal(it.heard.length, length);
  assert.equal(it.login.transport, 'websocket');
  assert.equal(it.sockets.length, 2);
  await it.advance(5000);
  assert.deepEqual(it.ways, ['websocket']);
});

test('what an SSE that was left still says is not heard', async () => {
  const it = await opened({ transports: ['sse', 'long-poll'] });
  await it.advance(3000);
  await it.source.hello();
  await it.source.dies();
  assert.equal(it.login.transport, 'long-poll');
  assert.deepEqual(it.ids, [1]);
});

test('what a session that was replaced still says is not heard', async () => {
  const it = await served();
  const [old] = it.sockets;
  it.login.refresh();
  await drained();
  await it.socket.hello();
  await old.brings(event(2, 'confirmed', { ticket: 'old' }));
  await old.dies(4404);
  assert.equal(it.login.state, 'pending');
  assert.equal(it.login.ticket, '');
  await assert.rejects(it.login.redeem(), { status: 409 });
  assert.deepEqual(ends(it), []);
});

test('a listener that stops the login in the middle of an answer', async () => {
  const it = await polling();
  it.login.on('event', ({ type }) => { if (type === 'scanned') it.login.stop(); });
  await it.poll.brings(event(2, 'scanned'), event(3, 'confirmed', { ticket: 't' }));
  assert.deepEqual(it.ids, [1, 2]);
  assert.deepEqual(ends(it), ['cancelled']);
  await it.isOver();
});

test('a listener that renews the login when it ends', async () => {
  const it = await served();
  it.login.on('state', ({ state }) => { if (state === 'expired') it.login.refresh(); });
  await it.socket.brings(await it.server.happens('expired'));
  await drained();
  assert.equal(it.login.session.session_id, 's2');
  assert.deepEqual(ends(it), [], 'an end that is not one is not told');
  await it.socket.hello();
  assert.equal(it.login.state, 'pending');
});

test('while it runs it listens to the window once, however often it is renewed', async () => {
  const it = await served();
  const before = it.listeners.length;
  assert.ok(before > 0);
  it.login.refresh();
  await drained();
  assert.equal(it.listeners.length, before);
});

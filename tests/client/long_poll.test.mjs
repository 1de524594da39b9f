// Long-polling through things that cut it short, and servers that leave.
import test from 'node:test';
import assert from 'node:assert/strict';
import { event, hangs, problem, refused } from './fakes.mjs';
import { page, polling } from './page.mjs';

const waits = (it) => it.polls.map(({ query }) => Number(query.wait));

test('one question after the other, each from where the last answer ended', async () => {
  const it = await polling();
  await it.server.happens('scanned');
  await it.advance(25_000);
  assert.deepEqual(waits(it), [0, 25, 25, 25]);
  assert.deepEqual(it.polls.map(({ query }) => query.cursor), ['0', '1', '2', '2']);
  assert.ok(it.polls.every(({ bearer }) => bearer === 'secret-s1'));
  assert.deepEqual(it.ways, ['long-poll'], 'never two at a time');
  assert.deepEqual(it.transports, ['long-poll']);
});

for (const [how, cut] of [['504', problem(504)], ['408', problem(408)], ['524', problem(524)], ['no answer', refused]]) {
  test(`cut by something less patient (${how}): half the wait, and at once`, async () => {
    const it = await polling();
    for (let n = 0; n < 5; n++) {
      await it.advance(4000);
      cut(it.poll);
      await it.advance(0);
    }
    const [first, ...asked] = waits(it);
    assert.equal(first, 0);
    assert.ok(asked.every(Number.isInteger), 'the server reads whole seconds');
    assert.deepEqual(asked.map((wait) => Math.round(wait / 6.5)), [4, 2, 1, 1, 1, 1], `${asked}`);
    assert.equal(Math.min(...asked), 5);
    assert.deepEqual(it.transports, ['long-poll'], 'it serves all the while');
    await it.server.happens('scanned');
    assert.equal(it.login.state, 'scanned');
  });
}

test('an answer that is dropped on the way is asked for again', async () => {
  const it = await polling();
  await it.advance(3000);
  it.server.log.push(event(2, 'scanned'));
  await it.poll.cut();
  assert.equal(it.login.state, 'scanned');
  assert.deepEqual(it.ids, [1, 2]);
});

test('refused at once is the server\'s trouble: not the patience, the pace changes', async () => {
  const it = await polling();
  it.server.next('events', refused, problem(502), refused);
  await it.poll.cut();
  assert.equal(it.login.transport, null);
  await it.advance(20_000);
  assert.equal(it.login.transport, 'long-poll');
  assert.equal(waits(it).at(-1), 25);
  assert.equal(waits(it).filter((wait) => wait === 0).length, 5, 'each new beginning asks without waiting');
});

test('a server that names its time is not asked before', async () => {
  for (const status of [429, 503]) {
    const it = await polling();
    const { length } = it.polls;
    await problem(status, 'busy', { 'Retry-After': '20' })(it.poll);
    await it.advance(19_999);
    assert.equal(it.polls.length, length);
    await it.until(() => it.polls.length > length, 20_000);
    assert.equal(it.login.transport, 'long-poll');
  }
});

test('a server that leaves answers early and empty: a short pause, so that not all come at once', async () => {
  const it = await polling();
  const { length } = it.polls;
  await it.advance(500);
  await it.poll.brings();
  assert.equal(it.polls.length, length);
  const ms = await it.until(() => it.polls.length > length);
  assert.ok(ms <= 10_000);
  assert.deepEqual(it.transports, ['long-poll']);
});

test('a server that leaves in the middle of the wait, too', async () => {
  const it = await polling();
  const { length } = it.polls;
  await it.advance(8000);
  await it.poll.brings();
  assert.equal(it.polls.length, length);
  await it.until(() => it.polls.length > length, 10_000);
});

test('early and empty again and again is no storm', async () => {
  const it = await polling();
  it.server.every('events', (request) => request.brings());
  await it.poll.brings();
  const { length } = it.polls;
  await it.advance(60_000);
  assert.ok(it.polls.length - length < 30, `${it.polls.length - length} in a minute`);
});

test('an empty answer in its time is followed at once', async () => {
  const it = await polling();
  await it.advance(25_000);
  assert.deepEqual(waits(it), [0, 25, 25]);
});

test('404: the session is no more', async () => {
  const it = await polling();
  await problem(404)(it.poll);
  await it.advance(0);
  assert.deepEqual(it.said('end').map(({ state }) => state), ['expired']);
  await it.isOver();
});

test('404 to the question after a loss: the session is no more', async () => {
  const it = page();
  await it.start();
  await it.socket.hello();
  it.server.every('events', problem(404));
  await it.socket.dies();
  assert.equal(it.login.state, 'expired');
  await it.isOver();
});

test('401: an error that another try does not mend', async () => {
  const it = await polling();
  await problem(401, 'unauthorized')(it.poll);
  await it.advance(0);
  assert.equal(it.login.state, 'error');
  assert.equal(it.said('error')[0].code, 'unauthorized');
  await it.isOver();
});

test('done ends with the state of the answer, even without an event', async () => {
  const it = await polling();
  await it.poll.answer(200, { events: [], cursor: 1, state: 'cancelled', done: true });
  assert.deepEqual(it.said('end').map(({ state }) => state), ['cancelled']);
  assert.equal(it.login.state, 'cancelled');
  await it.isOver();
});

test('done after the event of the end is one end', async () => {
  const it = await polling();
  await it.server.happens('confirmed', { ticket: 't1' });
  assert.deepEqual(it.said('end').map(({ state, event: last }) => [state, last?.id]), [['confirmed', 2]]);
  assert.equal(it.login.ticket, 't1');
  await it.isOver();
});

test('a portal\'s page is no answer', async () => {
  const it = await polling();
  it.server.next('events', (request) => request.answer(200, '<html>'));
  await it.advance(25_000);
  await it.advance(20_000);
  assert.equal(it.login.transport, 'long-poll');
  assert.equal(it.login.state, 'pending');
});

test('a question that is swallowed does not hold the page for ever', async () => {
  const it = await polling();
  it.server.next('events', hangs); // after this one
  await it.advance(25_000);
  const { length } = it.polls;
  await it.until(() => it.polls.length > length, 60_000);
  assert.deepEqual(it.transports, ['long-poll']);
  await it.server.happens('scanned');
  assert.equal(it.login.state, 'scanned');
});

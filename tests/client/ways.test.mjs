// The three ways to one log: which is tried, which serves, and what an overlap may not do.
import test from 'node:test';
import assert from 'node:assert/strict';
import { event, hangs, problem } from './fakes.mjs';
import { opened, page, polling, served } from './page.mjs';

test('the WebSocket is the first choice, and alone if it says hello in time', async () => {
  const it = await opened();
  assert.deepEqual(it.ways, ['websocket']);
  await it.advance(399);
  await it.socket.hello();
  await it.advance(2000);
  assert.deepEqual(it.ways, ['websocket']);
  assert.equal(it.polls.length, 0);
});

test('SSE is the second, long-poll the last', async () => {
  assert.deepEqual((await opened({ transports: ['long-poll', 'sse'] })).ways, ['sse']);
  assert.deepEqual((await opened({ transports: ['long-poll'] })).ways, ['long-poll']);
});

test('what the server does not offer is not tried', async () => {
  const it = await served();
  it.server.transports = ['sse', 'long-poll'];
  const next = await it.reload();
  assert.deepEqual(next.ways, ['sse']);
});

test('what the browser does not have is not tried', async () => {
  const it = await opened({ WebSocket: null });
  assert.deepEqual(it.ways, ['sse']);
  assert.deepEqual((await opened({ WebSocket: null, EventSource: null })).ways, ['long-poll']);
});

test('nothing in common with the server is an error that says so', async () => {
  const it = page({ transports: ['websocket'] });
  it.server.transports = ['sse', 'long-poll'];
  await it.start();
  assert.equal(it.login.state, 'error');
  assert.equal(it.said('error')[0].temporary, false);
  await it.isOver();
});

test('a transport counts only once it has said hello', async () => {
  const it = await opened();
  await it.socket.opens();
  assert.deepEqual(it.transports, []);
  assert.equal(it.login.transport, null);
  await it.socket.hello();
  assert.deepEqual(it.transports, ['websocket']);
  assert.equal(it.login.transport, 'websocket');
});

test('a long-poll counts only once it was answered', async () => {
  const it = page({ transports: ['long-poll'] });
  it.server.every('events', hangs);
  await it.start();
  assert.equal(it.login.transport, null);
  await it.poll.brings(event(1, 'pending'));
  assert.equal(it.login.transport, 'long-poll');
});

test('after 400 ms without hello long-poll runs beside it: once at once, then waiting', async () => {
  const it = await opened();
  await it.advance(399);
  assert.equal(it.polls.length, 0);
  await it.advance(1);
  assert.deepEqual(it.polls.map(({ query }) => query.wait), ['0', '25']);
  assert.deepEqual(it.polls.map(({ query }) => query.cursor), ['0', '1']);
  assert.equal(it.polls[0].bearer, 'secret-s1');
  assert.doesNotMatch(it.poll.url.href, /secret/);
  assert.deepEqual(it.ways, ['websocket', 'long-poll']);
  assert.equal(it.login.transport, 'long-poll');
  assert.deepEqual(it.ids, [1]);
});

test('the better one takes over with its hello, and the worse is closed', async () => {
  const it = await opened();
  await it.advance(1000);
  await it.socket.opens();
  assert.deepEqual(it.ways, ['websocket', 'long-poll'], 'open is not enough');
  await it.socket.hello();
  assert.deepEqual(it.ways, ['websocket']);
  assert.deepEqual(it.transports, ['long-poll', 'websocket'], 'at no moment none');
  assert.deepEqual(it.ids, [1], 'nothing twice');
});

test('what came by long-poll does not come again by the hello of a slower WebSocket', async () => {
  const it = await opened();
  await it.advance(400);
  await it.server.happens('scanned');
  await it.server.happens('message', { body: 1 });
  assert.deepEqual(it.ids, [1, 2, 3]);
  await it.socket.hello(); // it asked for all from the beginning, and gets it
  assert.equal(it.socket.asked, 0);
  assert.deepEqual(it.ids, [1, 2, 3]);
  await it.socket.brings(await it.server.happens('message', { body: 2 }));
  assert.deepEqual(it.ids, [1, 2, 3, 4]);
});

test('an answer that comes late brings nothing twice', async () => {
  const it = await opened();
  it.server.every('events', hangs);
  await it.advance(400);
  const [late] = it.polls;
  await it.server.happens('scanned');
  await it.socket.hello();
  await late.brings(event(1, 'pending'), event(2, 'scanned'));
  assert.deepEqual(it.ids, [1, 2]);
  assert.equal(it.login.state, 'scanned');
});

test('events are told in order, whatever was heard before', async () => {
  const it = await served();
  const [scanned, confirmed] = [event(2, 'scanned'), event(3, 'confirmed', { ticket: 't' })];
  await it.socket.brings(scanned, scanned, event(1, 'pending'), confirmed);
  assert.deepEqual(it.ids, [1, 2, 3]);
  assert.equal(it.login.state, 'confirmed');
});

test('a log that began anew is read from its beginning: WebSocket', async () => {
  const it = await served();
  await it.socket.brings(await it.server.happens('scanned'));
  it.server.restarts();
  await it.socket.dies(1012);
  await it.until(() => it.sockets.length === 2);
  assert.equal(it.socket.asked, 2);
  await it.socket.hello();
  assert.deepEqual(it.ids, [1, 2, 1]);
  assert.equal(it.login.state, 'pending');
  await it.socket.brings(await it.server.happens('scanned'));
  assert.deepEqual(it.ids, [1, 2, 1, 2]);
});

test('a log that began anew is read from its beginning: long-poll', async () => {
  const it = await polling();
  await it.server.happens('scanned');
  it.server.restarts();
  await it.advance(25_000);
  assert.deepEqual(it.ids, [1, 2, 1]);
  await it.server.happens('scanned');
  assert.deepEqual(it.ids, [1, 2, 1, 2]);
});

test('SSE on the own site needs no secret in its address: the cookie serves', async () => {
  const it = await opened({ transports: ['sse'] });
  assert.equal(it.source.url.href, 'https://shop.example/v1/sessions/s1/events?cursor=0');
  await it.source.hello();
  assert.equal(it.login.transport, 'sse');
  await it.source.brings(await it.server.happens('scanned'));
  assert.equal(it.login.state, 'scanned');
});

test('SSE of another site carries the secret: no cookie goes there', async () => {
  const it = await opened({ endpoint: 'https://sso.example', transports: ['sse'] });
  assert.deepEqual(it.source.query, { cursor: '0', access_token: 'secret-s1' });
});

test('where the cookie did not serve, the next SSE carries the secret', async () => {
  const it = await opened({ transports: ['sse', 'long-poll'] });
  await it.source.refused(); // 401: cookies are off
  await it.advance(1000);
  assert.equal(it.sources.length, 2);
  assert.equal(it.sources[0].left, true);
  assert.equal(it.source.query.access_token, 'secret-s1');
  await it.source.hello();
  assert.equal(it.login.transport, 'sse');
  assert.deepEqual(it.ways, ['sse']);
});

test('a way that serves after a loss goes on where the last one was', async () => {
  const it = await served();
  await it.socket.brings(await it.server.happens('scanned'));
  await it.socket.dies(1012);
  await it.server.happens('message', { body: 'meanwhile' });
  await it.until(() => it.sockets.length === 2);
  await it.socket.hello();
  await it.socket.brings(await it.server.happens('message', { body: 'after' }));
  assert.deepEqual(it.ids, [1, 2, 3, 4]);
});

test('a WebSocket that cannot even be made is one that does not work', async () => {
  const it = await opened({ WebSocket: class { constructor() { throw new DOMException('CSP', 'SecurityError'); } } });
  await it.advance(2000);
  assert.equal(it.login.transport === 'sse' || it.login.transport === 'long-poll', true);
  await it.source.hello();
  assert.equal(it.login.transport, 'sse');
});

test('words that are no event, and events of a later version, are no trouble', async () => {
  const it = await served();
  await it.socket.says({ ref: '1', ok: true });
  await it.socket.brings(event(2, 'something_new'), event(3, 'scanned'));
  assert.deepEqual(it.ids, [1, 2, 3]);
  assert.equal(it.login.state, 'scanned');
});

test('a worse way that says hello late does not take over', async () => {
  const it = await opened();
  await it.advance(4000); // the WebSocket is given up, SSE is tried
  const { source } = it;
  await it.online(); // another network: the WebSocket has another chance
  await it.socket.hello();
  await source.hello();
  assert.equal(it.login.transport, 'websocket');
  assert.deepEqual(it.ways, ['websocket']);
});

test('without long-poll the ways are tried one after the other', async () => {
  const it = await opened({ transports: ['websocket', 'sse'] });
  await it.advance(4000);
  assert.equal(it.sources.length, 1);
  await it.source.hello();
  assert.equal(it.login.transport, 'sse');
  await it.advance(1000);
  assert.ok(it.polls.every(({ query }) => query.wait === '0'), 'asked for a verdict only');
});

test('without long-poll and with every way blocked, all are tried again and again, at a human pace', async () => {
  const it = await opened({ transports: ['websocket', 'sse'] });
  await it.advance(60_000);
  assert.ok(it.sockets.length >= 2 && it.sources.length >= 2, `${it.sockets.length} and ${it.sources.length}`);
  assert.ok(it.sockets.length + it.sources.length < 30);
  await it.until(() => it.socket.open);
  await it.socket.hello();
  assert.equal(it.login.transport, 'websocket');
});

test('a server that does not long-poll still tells whose fault it was', async () => {
  const it = await opened({ transports: ['websocket', 'sse'] });
  it.server.every('events', problem(406, 'transport_off'));
  await it.socket.dies();
  await it.until(() => it.sockets.length === 2);
  await it.socket.dies();
  await it.source.hello();
  assert.equal(it.login.transport, 'sse');
});

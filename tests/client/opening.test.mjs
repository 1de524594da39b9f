// Opening a session, speaking, redeeming, and what the page is told.
import test from 'node:test';
import assert from 'node:assert/strict';
import { drained, hangs, problem, refused } from './fakes.mjs';
import { opened, page, served, SITE } from './page.mjs';
import { LoginError } from '../../static/saoma.js';

test('start opens a session, tells of it, and goes to its stream', async () => {
  const it = await opened({ namespace: 'staff', locale: 'zh-CN', messages: true });
  const [request] = it.requests('open');
  assert.equal(request.url.href, `${SITE}/v1/sessions`);
  assert.deepEqual(request.body, { namespace: 'staff', locale: 'zh-CN', messages: true });
  assert.deepEqual(it.heard[0], ['state', { state: 'loading', previous: 'idle' }]);
  const [session] = it.said('session');
  assert.equal(session.session_id, 's1');
  assert.equal(session.scene, 'scene');
  assert.equal(session.match_number, null);
  assert.equal(session.code.url, `${SITE}/v1/sessions/s1/code`);
  assert.equal(session.deadline, it.clock.now() + 180_000);
  assert.equal(it.login.session, session);
  assert.equal(it.sockets.length, 1);
});

test('a code that is a page of its own is where the server says', async () => {
  const it = page();
  it.server.code = { url: 'https://open.example/connect?state=s1', media_type: 'text/html', content: 'https://open.example/go' };
  await it.start();
  assert.deepEqual(it.said('session')[0].code, it.server.code);
});

test('a code whose picture is kept elsewhere is taken from there', async () => {
  const it = page();
  it.server.code = { url: 'https://cdn.example/codes/a.png', media_type: 'image/png', content: null };
  await it.start();
  assert.deepEqual(it.said('session')[0].code, it.server.code);
});

test('what was not given is not sent', async () => {
  const [request] = (await opened()).requests('open');
  for (const name of ['namespace', 'messages']) assert.ok(!(name in (request.body ?? {})), name);
});

test('without an endpoint, the server is where the module came from', async () => {
  const it = await opened({ endpoint: undefined });
  const home = new URL('../../static/v1/sessions', import.meta.url).href;
  assert.equal(it.requests('open')[0].url.href, home);
});

test('an endpoint may be a folder, with or without a slash at its end', async () => {
  for (const endpoint of ['https://sso.example/saoma', 'https://sso.example/saoma/']) {
    const it = await opened({ endpoint });
    assert.equal(it.requests('open')[0].url.href, 'https://sso.example/saoma/v1/sessions');
    assert.equal(it.socket.url.href, 'wss://sso.example/saoma/v1/sessions/s1/events?cursor=0');
  }
});

test('on plain http the WebSocket is plain too', async () => {
  const it = await opened({ endpoint: 'http://127.0.0.1:3000' });
  assert.equal(it.socket.url.protocol, 'ws:');
});

test('the secret goes as a subprotocol, never in the address of a WebSocket', async () => {
  const { socket } = await opened();
  assert.deepEqual(socket.protocols, ['saoma.v1', 'saoma.bearer.secret-s1']);
  assert.doesNotMatch(socket.url.href, /secret/);
});

test('a login is told from the code to the end', async () => {
  const it = await served();
  await it.socket.brings(await it.server.happens('scanned', { name: 'A***' }));
  await it.socket.brings(await it.server.happens('confirmed', { ticket: 't1' }));
  assert.deepEqual(it.states.filter((state) => state !== 'pending'), ['loading', 'scanned', 'confirmed']);
  assert.equal(it.said('state').find(({ state }) => state === 'scanned').event.data.name, 'A***');
  assert.deepEqual(it.ids, [1, 2, 3]);
  assert.equal(it.login.state, 'confirmed');
  assert.equal(it.login.ticket, 't1');
  assert.deepEqual(it.said('end').map(({ state, event }) => [state, event.id]), [['confirmed', 3]]);
  await it.isOver();
});

test('who is not registered is no end: that can be mended on the phone', async () => {
  const it = await served();
  for (const type of ['scanned', 'unregistered', 'scanned', 'confirmed']) {
    await it.socket.brings(await it.server.happens(type, { ticket: 't1' }));
  }
  assert.deepEqual(it.states.slice(-4), ['scanned', 'unregistered', 'scanned', 'confirmed']);
  assert.equal(it.said('end').length, 1);
});

test('starting twice opens one session', async () => {
  const it = await opened();
  await it.start();
  await it.socket.hello();
  await it.start();
  assert.equal(it.requests('open').length, 1);
});

test('a replaced code is told as the session with another image', async () => {
  const it = await served();
  const before = it.login.session.code.url;
  await it.socket.brings(await it.server.happens('code', { url: '/new', content: 'https://x.example/new' }));
  const [, now] = it.said('session');
  assert.equal(now.code.content, 'https://x.example/new');
  assert.notEqual(now.code.url, before, 'or the browser would show the old image');
  assert.equal(it.login.session, now);
});

test('a namespace that is not there is an error, and is not asked for again', async () => {
  const it = page();
  it.server.every('open', problem(404, 'unknown_namespace'));
  await it.start();
  assert.equal(it.login.state, 'error');
  const [error] = it.said('error');
  assert.ok(error instanceof LoginError);
  assert.deepEqual([error.status, error.code, error.detail], [404, 'unknown_namespace', 'told unknown_namespace']);
  assert.deepEqual([error.temporary, error.retryIn], [false, null]);
  assert.equal(it.said('state').at(-1).error, error);
  await it.advance(600_000);
  assert.equal(it.requests('open').length, 1);
});

for (const [name, fate, status] of [['no network', refused, 0], ['a timeout', problem(408), 408],
  ['too many', problem(429), 429], ['a proxy without a server', problem(502), 502]]) {
  test(`${name}: opening fails for a while, is said with its next try, and heals by itself`, async () => {
    const it = page();
    it.server.next('open', fate, fate);
    await it.start();
    const [error] = it.said('error');
    assert.equal(error.status, status);
    assert.equal(error.temporary, true);
    assert.ok(error.retryIn > 0 && error.retryIn <= 500, `${error.retryIn} ms`);
    await it.advance(error.retryIn - 1);
    assert.equal(it.requests('open').length, 1);
    await it.advance(1);
    assert.equal(it.requests('open').length, 2);
    await it.advance(it.said('error')[1].retryIn);
    assert.equal(it.said('session').length, 1);
    await it.socket.hello();
    assert.equal(it.login.state, 'pending');
  });
}

test('a server that stays away is asked ever more seldom', async () => {
  const it = page();
  it.server.every('open', refused);
  await it.start();
  await it.advance(40_000);
  assert.deepEqual(it.said('error').slice(0, 7).map(({ retryIn }) => retryIn), [250, 500, 1000, 2000, 4000, 5000, 5000]);
});

test('a server that says when to come back is not asked before', async () => {
  const it = page();
  it.server.next('open', problem(429, 'too_many', { 'Retry-After': '7' }));
  await it.start();
  const [error] = it.said('error');
  assert.equal(error.retryAfter, 7);
  assert.ok(error.retryIn >= 7000, `${error.retryIn} ms`);
  await it.advance(6999);
  assert.equal(it.requests('open').length, 1);
  await it.advance(error.retryIn - 6999);
  assert.equal(it.requests('open').length, 2);
});

test('a page of some portal in between is no session', async () => {
  const it = page();
  it.server.next('open', (request) => request.answer(200, '<html>Sign in to the Wi-Fi</html>'));
  await it.start();
  assert.equal(it.login.state, 'error');
  await it.advance(20_000);
  assert.equal(it.said('session').length, 1, 'the portal passes');
});

test('refresh cancels the open session and opens another', async () => {
  const it = await served();
  await it.socket.brings(await it.server.happens('scanned'));
  it.login.refresh();
  await drained();
  const [cancel] = it.requests('cancel');
  assert.deepEqual([cancel.session, cancel.bearer], ['s1', 'secret-s1']);
  assert.equal(it.sockets[0].left, true);
  assert.equal(it.login.session.session_id, 's2');
  assert.equal(it.socket.asked, 0, 'its log begins at the beginning');
  await it.socket.hello();
  assert.equal(it.login.state, 'pending');
  assert.equal(it.said('end').length, 0);
});

test('refresh after the end has nothing to cancel', async () => {
  const it = await served();
  await it.socket.brings(await it.server.happens('rejected'));
  it.login.refresh();
  await drained();
  assert.equal(it.requests('cancel').length, 0);
  assert.equal(it.login.session.session_id, 's2');
  await it.socket.hello();
  assert.equal(it.login.state, 'pending');
});

test('refresh while a session is being opened: the first is cancelled, the second used', async () => {
  const it = page();
  it.server.next('open', hangs);
  await it.start();
  it.login.refresh();
  await drained();
  it.server._open(it.requests('open')[0]);
  await drained();
  assert.deepEqual(it.said('session').map(({ session_id }) => session_id), ['s1']);
  assert.deepEqual(it.requests('cancel').map(({ session }) => session), ['s2'], 'whose answer came late');
  await it.socket.hello();
  assert.equal(it.login.state, 'pending');
});

test('refresh ends the wait for the next try', async () => {
  const it = page();
  it.server.next('open', refused);
  await it.start();
  it.login.refresh();
  await drained();
  assert.equal(it.said('session').length, 1);
  await it.socket.hello();
  await it.beats(it.socket, 60_000);
  assert.equal(it.requests('open').length, 2);
});

test('the ticket is exchanged once, however often one asks', async () => {
  const it = await confirmed();
  const [one, two] = await Promise.all([it.login.redeem(), it.login.redeem()]);
  assert.equal(one.access_token, 'jwt');
  assert.equal(await it.login.redeem(), two);
  const [request, ...more] = it.requests('token');
  assert.deepEqual([request.method, request.body, more], ['POST', { ticket: 't1' }, []]);
  assert.equal(request.bearer, 'secret-s1');
});

test('a ticket belongs to its session', async () => {
  const it = await confirmed();
  await it.login.redeem();
  it.login.refresh();
  await drained();
  assert.equal(it.login.ticket, '');
  await assert.rejects(it.login.redeem(), { status: 409 });
});

test('before confirmed there is nothing to redeem', async () => {
  const it = await served();
  await assert.rejects(it.login.redeem(), { status: 409, code: 'wrong_state' });
  assert.equal(it.requests('token').length, 0);
});

test('a server that is away for a moment does not lose the ticket', async () => {
  const it = await confirmed();
  it.server.next('token', refused, problem(503), problem(502));
  const token = it.login.redeem();
  await it.advance(60_000);
  assert.equal((await token).access_token, 'jwt');
  assert.equal(it.requests('token').length, 4);
});

test('a server that stays away is asked four times, and may be asked again', async () => {
  const it = await confirmed();
  it.server.every('token', problem(503));
  const failed = assert.rejects(it.login.redeem(), { status: 503 });
  await it.advance(60_000);
  await failed;
  assert.equal(it.requests('token').length, 4);
  it.server.every('token');
  assert.equal((await it.login.redeem()).access_token, 'jwt');
});

test('a ticket that was redeemed elsewhere is not asked for again', async () => {
  const it = await confirmed();
  it.server.every('token', problem(409, 'already_redeemed'));
  await assert.rejects(it.login.redeem(), { status: 409, code: 'already_redeemed' });
  await it.advance(60_000);
  assert.equal(it.requests('token').length, 1);
});

test('send speaks to the phone', async () => {
  const it = await served({ messages: true });
  assert.equal((await it.login.send({ hello: [1] })).id, 2);
  const [request] = it.requests('messages');
  assert.deepEqual([request.method, request.body, request.bearer], ['POST', { body: { hello: [1] } }, 'secret-s1']);
  it.server.next('messages', problem(409, 'wrong_state'));
  await assert.rejects(it.login.send('late'), { status: 409, code: 'wrong_state' });
});

test('with messages, confirmed is no end', async () => {
  const it = await served({ messages: true });
  await it.socket.brings(await it.server.happens('confirmed', { ticket: 't1' }));
  await it.socket.brings(await it.server.happens('message', { from: 'phone', body: 'hi' }));
  assert.equal(it.said('end').length, 0);
  assert.equal(it.said('event').at(-1).data.body, 'hi');
  assert.equal(it.login.state, 'confirmed');
  await it.socket.brings(await it.server.happens('expired'));
  assert.deepEqual(it.said('end').map(({ state }) => state), ['expired']);
  await it.isOver();
});

test('a listener that throws is told to the console and breaks nothing', async (t) => {
  const { mock } = t.mock.method(console, 'error', () => {});
  const it = page();
  it.login.on('state', ({ state }) => { throw new Error(`at ${state}`); });
  await it.start();
  await it.socket.hello();
  await it.socket.brings(await it.server.happens('scanned'));
  assert.equal(it.login.state, 'scanned');
  assert.deepEqual(mock.calls.map(({ arguments: [error] }) => error.message), ['at loading', 'at pending', 'at scanned']);
});

test('once is once, and on answers its undo', async () => {
  const it = page();
  const heard = [];
  it.login.once('state', ({ state }) => heard.push(`once ${state}`));
  const undo = it.login.on('event', ({ id }) => heard.push(`on ${id}`));
  const undone = it.login.once('event', () => heard.push('undone'));
  undone();
  await it.start();
  await it.socket.hello();
  undo();
  await it.socket.brings(await it.server.happens('scanned'));
  assert.deepEqual(heard, ['once loading', 'on 1']);
});

test('off takes a listener away, and the others stay', async () => {
  const it = page();
  const heard = [];
  const [one, two] = [() => heard.push(1), () => heard.push(2)];
  it.login.on('session', one);
  it.login.on('session', two);
  it.login.off('session', one);
  await it.start();
  assert.deepEqual(heard, [2]);
});

async function confirmed() {
  const it = await served();
  await it.socket.brings(await it.server.happens('confirmed', { ticket: 't1' }));
  return it;
}

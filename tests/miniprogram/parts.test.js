// The parts that need neither WeChat nor a server.

const { test } = require('node:test');
const assert = require('node:assert/strict');

const { sceneOf, entryOf, byCamera } = require('../../miniprogram/utils/scene');
const { browserName, openedAgo } = require('../../miniprogram/utils/asker');
const { speaker } = require('../../miniprogram/utils/words');
const { Login } = require('../../miniprogram/utils/login');
const { screen } = require('../../miniprogram/utils/screen');

const english = speaker('en');

test('a scene comes encoded once', () => {
  const all = "0aZ!#$&'()*+,/:;=?@-._~";
  for (const [query, scene] of /** @type {const} */ ([
    [{ scene: 'abc_-123' }, 'abc_-123'],
    [{ scene: encodeURIComponent(all) }, all],
    [{ scene: 'p1%3Dv1%26p2%3Dv2' }, 'p1=v1&p2=v2'],
    [{ scene: 'x'.repeat(32) }, 'x'.repeat(32)],
    [{ scene: 'x'.repeat(33) }, ''],
    [{ scene: 'a%20b' }, ''],
    [{ scene: '%E4%BD%A0' }, ''],
    [{ scene: '%2541' }, ''],
    [{ scene: '%zz' }, ''],
    [{ scene: '' }, null],
    [{}, null],
    [undefined, null],
  ])) assert.equal(sceneOf(query), scene, JSON.stringify(query));
});

test('a link of an ordinary QR code carries the scene in its path or its query', () => {
  for (const [link, scene] of [
    ['https://login.example.com/phone/abc', 'abc'],
    ['https://login.example.com/under/phone/a%2Fb?lang=en#x', 'a/b'],
    ['https://login.example.com/go?a=1&scene=a%3Db&c=2', 'a=b'],
    ['https://login.example.com/', ''],
    ['nonsense with spaces', ''],
  ]) assert.equal(sceneOf({ q: encodeURIComponent(link) }), scene, link);
});

test('an entry counts for the page that it led to', () => {
  const entry = (path, query = { scene: 'abc' }) => entryOf({ path, query, scene: 1047 }, 'pages/wsLogin/wsLogin');
  assert.deepEqual(entry('pages/wsLogin/wsLogin'), { scene: 'abc', number: 1047 });
  assert.deepEqual(entry('/pages/wsLogin/wsLogin.html'), { scene: 'abc', number: 1047 });
  assert.deepEqual(entry(''), { scene: 'abc', number: 1047 });
  assert.equal(entry('pages/shop/shop'), null);
  assert.equal(entry('pages/wsLogin/wsLogin', {}), null);
  assert.deepEqual([1047, 1011, 1048, 1049, 1012, 1089, undefined].map((number) => byCamera({ scene: 'abc', number })), [true, true, false, false, false, false, false]);
});

test('a browser is called by its name', () => {
  for (const [agent, name] of [
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.1 Safari/605.1.15', 'Safari 18 on macOS'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0', 'Edge 140 on Windows'],
    ['Mozilla/5.0 (Linux; Android 14) Chrome/130.0 Mobile MicroMessenger/8.0', 'WeChat 8 on Android'],
    ['curl/8.0', 'unknown'],
    ['', 'unknown'],
  ]) assert.equal(browserName(agent, english), name);
});

test('the time that has gone by is never negative, and a time that is none is unknown', () => {
  const at = '2026-01-01T10:00:00.000Z';
  const since = (seconds) => openedAgo(at, Date.parse(at) + seconds * 1000, english);
  assert.match(since(30), /^\d\d:00, 30 s ago$/);
  assert.match(since(-90), /, 0 s ago$/);
  assert.match(since(300), /, 5 min ago$/);
  assert.equal(openedAgo('soon', 0, english), 'unknown');
});

const ASKED = { phone_token: 't', state: 'scanned', user: { provider: 'mini_program' }, browser: { ip: '::1', user_agent: '', opened_at: '' } };

/** A login whose server answers by a list, and whose clock is moved by hand. @param {any[]} answers */
function login(...answers) {
  let time = 0, codes = 0;
  const posts = [];
  const one = new Login({ scene: 'abc', number: 1047 }, {
    post: async (path, body, token) => {
      posts.push({ path, body, token });
      const answer = answers.shift();
      if (answer.status !== undefined) throw answer;
      return answer;
    },
    loginCode: async () => `code ${++codes}`,
    show: () => {},
    now: () => time,
  });
  return { one, posts, pass: (minutes) => { time += minutes * 60_000; } };
}
const LOST = { status: 0, code: '', state: '', detail: '', after: 0 };

test('a login code is kept for a lost answer, but not longer than it lives', async () => {
  const { one, posts, pass } = login(LOST, LOST, ASKED);
  await one.scan();
  pass(3);
  await one.again?.();
  pass(3);
  await one.again?.();
  assert.deepEqual(posts.map(({ body }) => body.login_code), ['code 1', 'code 1', 'code 2']);
  assert.equal(one.step, 'ask');
});

test('the token goes with every call but the scan', async () => {
  const { one, posts } = login(ASKED, LOST, { state: 'confirmed' });
  await one.scan();
  await one.confirm('');
  await one.again?.();
  assert.deepEqual(posts.map(({ token }) => token), [undefined, 't', 't']);
  assert.deepEqual(posts[0].body, { login_code: 'code 1', entry_scene: 1047 });
});

test('digits are sent as a number, and only if they are asked for', async () => {
  const { one, posts } = login({ ...ASKED, match_number_required: true }, LOST);
  await one.scan();
  await one.confirm('07');
  assert.deepEqual(posts[1].body, { match_number: 7 });
});

test('a phone that scanned already finds the login where it left it', async () => {
  const { one } = login({ ...LOST, status: 409, code: 'wrong_state', state: 'rejected' });
  await one.scan();
  assert.equal(one.step, 'rejected');
});

test('a registration that the server has already, leads back to the question', async () => {
  const { one } = login(ASKED, { ...LOST, status: 403, code: 'unregistered' }, { ...LOST, status: 409, code: 'wrong_state', state: 'scanned' });
  await one.scan();
  await one.confirm('');
  await one.register('Alice', '');
  assert.equal(one.step, 'ask');
});

test('whom only WeChat vouches for is not called by a name', async () => {
  const { one } = login(ASKED, { ...LOST, status: 403, code: 'unregistered' });
  await one.scan();
  const asked = screen(one, english, 'Example');
  assert.equal(asked.lead, 'Somebody wants to log in as you.');
  assert.deepEqual(asked.rows.map(({ name }) => name), ['Site', 'Browser, it says', 'Address', 'Code opened']);
  await one.confirm('');
  assert.equal(screen(one, english, 'Example').lead, 'You are not registered here yet. Register, and the login goes on.');
});

test('a fault of our own is not taken for one of the net', async () => {
  const { one } = login(ASKED);
  one.post = async () => { throw new TypeError('oops'); };
  await assert.rejects(one.scan(), /oops/);
  assert.equal(one.busy, false);
});

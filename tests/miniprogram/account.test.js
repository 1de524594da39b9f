// Whole logins by way of WeChat: the code is a picture of WeChat's, what it holds is what WeChat opens the
// page with, and who logs in is whom WeChat knows by the login code.

const { test, before, after, afterEach } = require('node:test');
const assert = require('node:assert/strict');
const { phone, PICTURE } = require('./wechat');
const { start, browser, otherPhone } = require('./screen');
const { startStub } = require('./stub');

const LOGINS = '/sns/jscode2session';

/** @type {Awaited<ReturnType<typeof startStub>>} */
let stub;
let server;
/** @type {ReturnType<typeof phone>} */
let wechat;
before(async () => {
  stub = await startStub();
  server = await start({ ...stub.settings, SAOMA_DIRECTORY: 'known' });
});
after(async () => {
  await server.stop();
  await stub.stop();
});
afterEach(async () => {
  wechat.close();
  await stub.heals();
});

/** Somebody's phone; the one before is put away. */
const held = (person, options = {}) => {
  wechat?.close();
  wechat = phone({ server: server.url, ...options });
  wechat.nextCode = () => stub.login(person);
  return wechat;
};

/** Somebody scans the picture that a screen shows; the page that WeChat opens. */
async function scans(person, screen, { entry = 'camera', ...options } = {}) {
  held(person, options);
  const { page, page_exists: published, query, entry_scene: scene } = await stub.scan(await screen.picture(), entry);
  assert.ok(published, page);
  wechat.entered = { path: '', query, scene };
  return wechat.open(page, query);
}

/** Somebody whom the directory knows from now on. */
async function signsUp(person) {
  const screen = await browser(server);
  const page = await scans(person, screen);
  await page.reach('ask');
  page.tap('.yes');
  await page.reach('join');
  assert.match(page.text, /你还没有在这里注册/);
  page.type('.name', person);
  await page.until(() => page.instance.data.name === person);
  page.tap('.register');
  await page.reach('confirmed');
  return (await screen.redeem()).user;
}

test('whom the site does not know signs up and is logged in, and the next time only confirms', async () => {
  const user = await signsUp('Zoe');
  assert.deepEqual([user.name, user.provider], ['Zoe', 'mini_program']);

  const screen = await browser(server);
  const page = await scans('Zoe', screen);
  await page.reach('ask');
  assert.match(page.text, /Zoe，有人想以你的身份登录/);
  page.tap('.yes');
  await page.reach('confirmed');
  assert.deepEqual((await screen.redeem()).user, user);
});

test('what the phone is told and what it sends has nothing in it that only WeChat and the server may know', async () => {
  const screen = await browser(server);
  const page = await scans('Quinn', screen);
  await page.reach('ask');
  const { openid } = await stub.who('Quinn');
  assert.ok(!JSON.stringify([page.instance.data, wechat.requests]).includes(openid));
});

test('refusing logs nobody in', async () => {
  const screen = await browser(server);
  const page = await scans('Zoe', screen);
  await page.reach('ask');
  page.tap('.no');
  await page.reach('rejected');
  await screen.event('rejected');
});

test('who taps twice asks once, and WeChat is asked once who it is', async () => {
  await signsUp('Tao');
  const asked = (await stub.calls(LOGINS)).length;
  const screen = await browser(server);
  const page = await scans('Tao', screen);
  page.instance.retry();
  await page.reach('ask');
  page.instance.confirm();
  page.instance.confirm();
  page.instance.reject();
  await page.reach('confirmed');
  assert.deepEqual(wechat.requests.map(({ path }) => path.split('/').pop()), ['scan', 'confirm']);
  assert.equal((await stub.calls(LOGINS)).length, asked + 1);
});

test('a code that came as a picture is warned of', async () => {
  const page = await scans('Zoe', await browser(server), { entry: 'long_press' });
  await page.reach('ask');
  assert.match(page.textOf('.warning'), /以图片形式到达/);
  assert.equal(wechat.asked('/scan')[0].body.entry_scene, PICTURE);
});

test('a code that another phone has scanned is taken, and one that has logged somebody in is over', async () => {
  const user = await signsUp('Bob');
  const screen = await browser(server);
  const bob = await otherPhone(server, screen.scene, await stub.login('Bob'));
  await (await scans('Alice', screen)).reach('taken');
  await bob.confirm();
  assert.equal((await screen.redeem()).user.id, user.id);
  await (await scans('Bob', screen)).reach('over');
});

test('a login code that WeChat has taken already is replaced without a word', async () => {
  const screen = await browser(server);
  const page = await scans('Zoe', screen, { net: 'down' });
  await page.until(() => page.has('.retry'));
  assert.match((await stub.uses(wechat.codes[0])).openid, /^o/);
  wechat.net = 'up';
  page.tap('.retry');
  await page.reach('ask');
  assert.equal(wechat.codes.length, 2);
  assert.deepEqual(wechat.asked('/scan').slice(-2).map(({ status }) => status), [422, 200]);
});

test('a scan whose answer was lost costs WeChat one call, and is answered again', async () => {
  const asked = (await stub.calls(LOGINS)).length;
  const page = await scans('Zoe', await browser(server), { net: 'deaf' });
  await page.until(() => page.has('.retry'));
  wechat.net = 'up';
  page.tap('.retry');
  await page.reach('ask');
  assert.equal(wechat.codes.length, 1);
  assert.equal((await stub.calls(LOGINS)).length, asked + 1);
});

for (const [what, fault, says] of /** @type {const} */ ([
  ['that is busy', { errcode: -1 }, /操作失败：WeChat says that it is busy.*重试/],
  ['that has had enough of the person', { errcode: 45011 }, /操作失败：WeChat's quota is used up for now.*重试（\d+）/],
  ['that answers a page', { html: true }, /操作失败：WeChat's answer cannot be understood.*重试/],
  ['that blocks the person', { errcode: 40226 }, /操作失败：WeChat blocks this person for now.*重试/],
])) {
  test(`WeChat ${what}: said so, and the login goes on waiting`, async () => {
    const screen = await browser(server);
    await stub.breaks(LOGINS, fault);
    const page = await scans('Zoe', screen);
    await page.until(() => page.has('.retry') && says.test(page.text));
    await stub.heals();
    await (await scans('Zoe', screen)).reach('ask');
  });
}

test('an expired code is said to be expired', async () => {
  const short = await start({ ...stub.settings, SAOMA_SESSION_TTL: '5' });
  try {
    const screen = await browser(short);
    await screen.picture();
    await screen.event('expired');
    const page = await scans('Zoe', screen, { server: short.url });
    await page.reach('expired');
    assert.match(page.text, /二维码已过期.*刷新/);
  } finally {
    await short.stop();
  }
});

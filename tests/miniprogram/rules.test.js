// What a site may ask for besides: a number to type, a sign-up, a screen that is seen, patience.

const { test, afterEach } = require('node:test');
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { createServer } = require('node:http');
const { phone, PICTURE } = require('./wechat');
const { start, browser } = require('./screen');

/** @type {ReturnType<typeof phone>} */
let wechat;
let server;
afterEach(async () => {
  wechat.close();
  await server.stop();
});

/** A phone in front of a screen of a site with these settings. @param {Record<string, string>} settings */
async function site(settings, options = {}) {
  server = await start(settings);
  wechat = phone({ server: server.url, ...options });
  return browser(server);
}

test('the number beside the code is typed before the login goes on', async () => {
  const screen = await site({ SAOMA_MATCH_NUMBER: 'on' });
  const page = wechat.scan(screen.scene);
  await page.reach('ask');
  assert.match(page.textOf('.hint'), /输错一次，本次登录即终止/);

  page.type('.number', `${screen.number[0]}x`);
  await page.until(() => page.instance.data.number === screen.number[0]);
  page.tap('.yes');
  await page.until(() => page.has('.hint.bad'));
  assert.equal(wechat.asked('/confirm').length, 0, 'half a number costs nothing');

  page.type('.number', screen.number);
  await page.until(() => !page.has('.hint.bad'));
  page.tap('.yes');
  await page.reach('confirmed');
  await screen.event('confirmed');
});

test('a wrong number ends the login', async () => {
  const screen = await site({ SAOMA_MATCH_NUMBER: 'on' });
  const page = wechat.scan(screen.scene);
  await page.reach('ask');
  page.type('.number', screen.number === '42' ? '43' : '42');
  await page.until(() => page.instance.data.number.length === 2);
  page.tap('.yes');
  await page.reach('wrong');
  assert.match(page.text, /数字错误/);
  assert.equal((await screen.event('rejected')).data.reason, 'wrong_number');
});

test('whom the site does not know, registers and is logged in', async () => {
  const screen = await site({ SAOMA_DIRECTORY: 'known', SAOMA_MATCH_NUMBER: 'on' });
  const page = wechat.scan(screen.scene);
  await page.reach('ask');
  page.type('.number', screen.number);
  await page.until(() => page.instance.data.number.length === 2);
  page.tap('.yes');
  await page.reach('join');
  assert.match(page.text, /请先注册.*还没有名为 Alice 的用户/);
  await screen.event('unregistered');

  page.type('.name', ' ');
  await page.until(() => page.instance.data.name === ' ');
  page.tap('.register');
  page.type('.name', 'Alice Liddell');
  await page.until(() => page.instance.data.name === 'Alice Liddell');
  page.tap('.register');
  await page.reach('confirmed');
  assert.equal((await screen.redeem()).user.name, 'Alice Liddell');
  assert.equal(wechat.asked('/register').length, 1, 'no name is not sent');
});

test('who does not want to register, refuses', async () => {
  const screen = await site({ SAOMA_DIRECTORY: 'known' });
  const page = wechat.scan(screen.scene);
  await page.reach('ask');
  page.tap('.yes');
  await page.reach('join');
  page.tap('.no');
  await page.reach('rejected');
  await screen.event('rejected');
});

test('where nobody signs up, the person is told whom to ask, and may still refuse', async () => {
  const screen = await site({ SAOMA_DIRECTORY: 'known', SAOMA_SIGN_UP: 'off' });
  const page = wechat.scan(screen.scene);
  await page.reach('ask');
  page.tap('.yes');
  await page.reach('join');
  page.tap('.register');
  await page.until(() => /不开放自助注册/.test(page.text));
  assert.ok(!page.has('.register') && !page.has('.name'));
  page.tap('.no');
  await page.reach('rejected');
});

test('a site that takes no pictures is scanned from the screen instead', async () => {
  const screen = await site({ SAOMA_RELAYED: 'refuse' });
  const page = wechat.scan(screen.scene, PICTURE);
  await page.reach('picture');
  assert.match(page.text, /请扫描你面前屏幕上的二维码/);
  wechat.scanAgain(page, screen.scene);
  await page.reach('ask');
  assert.equal(new Set(wechat.codes).size, 1);
  assert.equal(wechat.codes.length, 2, 'each scan has a login code of its own');
});

test('an expired code is said to be expired, to who scanned in time and to who did not', async () => {
  const screen = await site({ SAOMA_SESSION_TTL: '5' });
  const page = wechat.scan(screen.scene);
  await page.reach('ask');
  await screen.event('expired');
  page.tap('.yes');
  await page.reach('expired');

  const late = wechat.scan(screen.scene);
  await late.reach('expired');
  assert.match(late.text, /二维码已过期.*刷新/);
  assert.ok(!late.has('.retry'));
});

test('whom a service refuses reads why, at the scan and at the end, and may try again', async () => {
  const refuses = (/** @type {string} */ reason) => ({ refused: { reason } });
  const answers = [refuses('您的账号已被锁定'), null, refuses('九点之后再来')];
  const service = createServer((request, response) => request.resume().on('end', () => {
    const answer = answers.shift() ?? { registered: true, user: { id: '1', name: 'Alice' } };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }));
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (service.address());
  const screen = await site({ SAOMA_DIRECTORY: 'hook', SAOMA_HOOK_URL: `http://127.0.0.1:${port}/`, SAOMA_HOOK_SECRET: 'a secret of 24 characters' });
  const page = wechat.scan(screen.scene);
  await page.until(() => page.has('.retry'));
  assert.match(page.textOf('.problem'), /您的账号已被锁定/);

  page.tap('.retry');
  await page.reach('ask');
  page.tap('.yes');
  await page.until(() => page.has('.problem'));
  assert.match(page.textOf('.problem'), /九点之后再来/);
  page.tap('.yes');
  await page.reach('confirmed');
  service.closeAllConnections();
  service.close();
});

test('who is asked to wait, sees how long and may then try again', async () => {
  await site({ SAOMA_LIMITS_UNKNOWN_SCANS_BURST: '1', SAOMA_LIMITS_UNKNOWN_SCANS_PER_MINUTE: '30' });
  await wechat.scan('nobody-opened-this').reach('unknown');
  const page = wechat.scan('nor-this');
  await page.until(() => page.has('.retry'));
  assert.match(page.text, /操作过于频繁.*重试（\d）/);
  const asked = wechat.requests.length;
  page.instance.retry();
  assert.equal(wechat.requests.length, asked, 'not before its time');

  await page.until(() => page.textOf('.retry') === '重试');
  page.tap('.retry');
  await page.reach('unknown');
});

// Phones lose their net, WeChat cuts requests in the background, and proxies answer in a server's place.

const { test, before, after, afterEach } = require('node:test');
const assert = require('node:assert/strict');
const { phone } = require('./wechat');
const { start, browser } = require('./screen');

let server;
/** @type {ReturnType<typeof phone>} */
let wechat;
before(async () => { server = await start({ SAOMA_DIRECTORY: 'known' }); });
after(() => server.stop());
afterEach(() => wechat.close());

const scanned = async (settings) => {
  const screen = await browser(server);
  wechat = Object.assign(phone({ server: server.url }), settings);
  return { screen, page: wechat.scan(screen.scene) };
};

test('without a net the scan can be tried again, with the login code that was not used', async () => {
  const { page } = await scanned({ net: 'down' });
  await page.until(() => page.has('.retry'));
  assert.match(page.textOf('.problem'), /无法连接服务器/);
  wechat.net = 'up';
  page.tap('.retry');
  await page.reach('ask');
  assert.ok(!page.has('.problem'));
  assert.equal(wechat.codes.length, 1);
});

test('a scan whose answer was lost is tried again with the same login code', async () => {
  const { page } = await scanned({ net: 'deaf' });
  await page.until(() => page.has('.retry'));
  wechat.net = 'up';
  page.tap('.retry');
  await page.reach('ask');
  assert.deepEqual(wechat.asked('/scan').map(({ body, status }) => [body.login_code, status]), [['sim:Alice', 200], ['sim:Alice', 200]]);
  assert.equal(wechat.codes.length, 1);
});

test('a scan that was cut in the background goes on when the program comes back', async () => {
  const { page } = await scanned({ net: 'deaf' });
  await page.until(() => page.has('.retry'));
  wechat.net = 'up';
  wechat.bringBack(page);
  await page.reach('ask');
});

test('a login code that the server has forgotten is replaced without a word', async () => {
  const codes = ['used up', 'sim:Alice'];
  const { page } = await scanned({ net: 'down', nextCode: () => codes.shift() });
  await page.until(() => page.has('.retry'));
  wechat.net = 'up';
  page.tap('.retry');
  await page.reach('ask');
  assert.equal(wechat.codes.length, 2);
});

test('a login code that is refused at once is not asked for again and again', async () => {
  const { page } = await scanned({ nextCode: () => 'no good' });
  await page.until(() => page.has('.retry'));
  assert.match(page.textOf('.problem'), /操作失败/);
  assert.equal(wechat.codes.length, 1);
  wechat.nextCode = () => 'sim:Alice';
  page.tap('.retry');
  await page.reach('ask');
});

for (const [how, failing, mended] of /** @type {const} */ ([
  ['fails', { loginFails: true }, { loginFails: false }],
  ['gives an empty login code', { nextCode: () => '' }, { nextCode: () => 'sim:Alice' }],
])) {
  test(`WeChat ${how}: said so, and tried again by a tap`, async () => {
    const { page } = await scanned(failing);
    await page.until(() => page.has('.retry'));
    assert.match(page.textOf('.problem'), /微信没有给出登录凭证/);
    assert.equal(wechat.requests.length, 0);
    Object.assign(wechat, mended);
    page.tap('.retry');
    await page.reach('ask');
  });
}

test('a registration and a confirmation whose answers were lost have worked', async () => {
  const { screen, page } = await scanned({});
  await page.reach('ask');
  page.tap('.yes');
  await page.reach('join');
  wechat.net = 'deaf';
  page.tap('.register');
  await page.until(() => page.has('.retry'));
  wechat.net = 'up';
  page.tap('.retry');
  await page.reach('confirmed');
  await screen.event('confirmed');

  const next = await browser(server);
  const again = wechat.scan(next.scene);
  await again.reach('ask');
  wechat.net = 'deaf';
  again.tap('.yes');
  await again.until(() => again.has('.retry'));
  wechat.net = 'up';
  again.tap('.retry');
  await again.reach('confirmed');
  assert.deepEqual(wechat.asked('/confirm').slice(-2).map(({ status }) => status), [200, 409]);
});

test('a refusal whose answer was lost has worked', async () => {
  const { screen, page } = await scanned({});
  await page.reach('ask');
  wechat.net = 'deaf';
  page.tap('.no');
  await page.until(() => page.has('.retry'));
  wechat.net = 'up';
  page.tap('.no');
  await page.reach('rejected');
  await screen.event('rejected');
});

for (const [what, answer, said] of /** @type {const} */ ([
  ['a proxy that cannot reach the server', { statusCode: 502, data: '<html>' }, /操作失败：HTTP 502/],
  ['a portal that answers in its place', { statusCode: 200, data: '<html>Welcome' }, /无法连接服务器/],
  ['a proxy that knows no such path', { statusCode: 404, data: '<html>' }, /操作失败：HTTP 404/],
  ['WeChat that is down', { statusCode: 503, data: { code: 'provider_unavailable', detail: 'WeChat is down' } }, /操作失败：WeChat is down/],
])) {
  test(`${what} leaves the scan to be tried again`, async () => {
    const { page } = await scanned({ net: answer });
    await page.until(() => page.has('.retry'));
    assert.match(page.textOf('.problem'), said);
    wechat.net = 'up';
    page.tap('.retry');
    await page.reach('ask');
  });
}

test('a header is found however a phone writes its name', async () => {
  const { page } = await scanned({ net: { statusCode: 429, data: { code: 'too_many_requests' }, header: { 'Retry-After': '9' } } });
  await page.until(() => page.has('.retry'));
  assert.match(page.textOf('.retry'), /重试（9）/);
});

test('a phone whose token is no longer taken scans again', async () => {
  const { page } = await scanned({});
  await page.reach('ask');
  wechat.net = { statusCode: 401, data: { code: 'unauthorized', detail: 'no' } };
  page.tap('.yes');
  await page.until(() => page.has('.retry'));
  wechat.net = 'up';
  page.tap('.retry');
  await page.until(() => wechat.asked('/scan').length === 2 && !page.instance.data.held);
  assert.equal(wechat.codes.length, 2, 'a login code that has served is not sent again');
  page.tap('.no');
  await page.reach('rejected');
});

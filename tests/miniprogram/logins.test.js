// Whole logins: the page under WeChat's own components, against a server as an operator starts it.

const { test, before, after, afterEach } = require('node:test');
const assert = require('node:assert/strict');
const { phone, PICTURE } = require('./wechat');
const { start, browser, otherPhone } = require('./screen');

let server;
/** @type {ReturnType<typeof phone>} */
let wechat;
before(async () => { server = await start(); });
after(() => server.stop());
afterEach(() => wechat.close());

const held = (options) => { wechat = phone({ server: server.url, ...options }); return wechat; };

test('a scan shows who asks, and a tap logs the browser in', async () => {
  const screen = await browser(server);
  const page = held().scan(screen.scene);
  await page.reach('ask');
  assert.equal(page.textOf('.title'), '在此浏览器上登录？');
  assert.match(page.text, /Alice，有人想以你的身份登录/);
  assert.match(page.text, /示例网站/);
  assert.match(page.text, /浏览器（自称）Windows 上的 Chrome 140/);
  assert.match(page.text, /网络地址127\.0\.0\.1/);
  assert.match(page.text, /打开时间\d\d:\d\d（\d+ 秒前）/);
  assert.ok(!page.has('.warning') && !page.has('.number'));

  page.tap('.yes');
  await page.reach('confirmed');
  assert.equal((await screen.redeem()).user.name, 'Alice');
  assert.match(page.text, /登录成功.*可以回到另一块屏幕/);
  assert.ok(page.has('.sign'));
  page.tap('.leave');
  await page.until(() => wechat.exited === 1);
  assert.equal(wechat.bar, '扫码登录');
});

test('a phone that speaks English is spoken to in English', async () => {
  const page = held({ language: 'en' }).scan((await browser(server)).scene);
  await page.reach('ask');
  assert.match(page.text, /Somebody wants to log in as you, Alice\..*Example.*Browser, it says/);
  assert.equal(wechat.bar, 'Scan to log in');
});

test('refusing is the button that comes first, and logs nobody in', async () => {
  const screen = await browser(server);
  const page = held().scan(screen.scene);
  await page.reach('ask');
  assert.match(page.text, /拒绝.*确认/);
  page.tap('.no');
  await page.reach('rejected');
  await screen.event('rejected');
});

test('a code that came as a picture is warned of', async () => {
  const page = held().scan((await browser(server)).scene, PICTURE);
  await page.reach('ask');
  assert.match(page.textOf('.warning'), /以图片形式到达/);
  assert.equal(wechat.asked('/scan')[0].body.entry_scene, PICTURE);
});

test('a warning stays when the program is brought back another way', async () => {
  const scene = (await browser(server)).scene;
  const page = held().scan(scene, PICTURE);
  await page.reach('ask');
  wechat.bringBack(page);
  wechat.scanAgain(page, scene, 1089);
  assert.equal(wechat.asked('/scan').length, 1);
  assert.ok(page.has('.warning'));
});

test('who taps twice asks once', async () => {
  const screen = await browser(server);
  const page = held().scan(screen.scene);
  await page.reach('ask');
  page.instance.confirm();
  page.instance.confirm();
  page.instance.reject();
  await page.reach('confirmed');
  assert.deepEqual(wechat.requests.map(({ path }) => path.split('/').pop()), ['scan', 'confirm']);
});

test('a second phone is told that the code is taken', async () => {
  const screen = await browser(server);
  await otherPhone(server, screen.scene, 'sim:Bob');
  const page = held().scan(screen.scene);
  await page.reach('taken');
  assert.match(page.text, /另一部手机先扫描了/);
  assert.ok(!page.has('.yes') && !page.has('.retry'));
});

test('a code that has logged somebody in is over', async () => {
  const screen = await browser(server);
  await (await otherPhone(server, screen.scene, 'sim:Alice')).confirm();
  await held().scan(screen.scene).reach('over');
});

test('what the browser gave up cannot be confirmed', async () => {
  const screen = await browser(server);
  const page = held().scan(screen.scene);
  await page.reach('ask');
  await screen.cancel();
  page.tap('.yes');
  await page.reach('cancelled');
});

test('a code that nobody opened is unknown, and so is what is no scene', async () => {
  await held().scan('no-such-scene').reach('unknown');
  wechat.close();
  await held().scan('%').reach('unknown');
  assert.equal(wechat.requests.length, 0);
});

test('a scene may have marks that an address gives a meaning of their own', async () => {
  const page = held().scan('a/b?c=d#e&f');
  await page.reach('unknown');
  assert.equal(wechat.requests[0].path, '/v1/scenes/a%2Fb%3Fc%3Dd%23e%26f/scan');
});

test('no code: the person is told where to find one, and nothing is asked', async () => {
  const page = held().open('pages/wsLogin/wsLogin');
  await page.reach('empty');
  assert.match(page.text, /扫一扫/);
  assert.equal(wechat.codes.length + wechat.requests.length, 0);
});

test('the link of an ordinary QR code is taken, too', async () => {
  const { scene } = await browser(server);
  held().entered = { path: '', query: { q: encodeURIComponent(`https://login.example.com/phone/${encodeURIComponent(scene)}`) }, scene: 1011 };
  await wechat.open('pages/wsLogin/wsLogin', wechat.entered.query).reach('ask');
});

test('a warm start takes the newest code, though the page keeps the query of the first', async () => {
  const [first, second] = [await browser(server), await browser(server)];
  const page = held().scan(first.scene);
  await page.reach('ask');
  wechat.scanAgain(page, second.scene);
  await page.until(() => wechat.asked('/scan').length === 2);
  await page.reach('ask');
  page.tap('.yes');
  await page.reach('confirmed');
  await second.event('confirmed');
  await first.event('scanned');
  assert.deepEqual(first.types(), ['pending', 'scanned']);
});

test('a page made anew with the query of the first code takes the newest, too', async () => {
  const [first, second] = [await browser(server), await browser(server)];
  held().entered = { path: '', query: { scene: second.scene }, scene: 1047 };
  const page = wechat.open('pages/wsLogin/wsLogin', { scene: first.scene });
  await page.reach('ask');
  await second.event('scanned');
  assert.equal(wechat.asked('/scan').length, 1);
});

test('an answer about the first code does not show when the second is there', async () => {
  const screen = await browser(server);
  let release;
  held().hold = new Promise((resolve) => { release = resolve; });
  const page = wechat.scan('no-such-scene');
  await page.until(() => wechat.requests.length === 1);
  wechat.hold = null;
  wechat.scanAgain(page, screen.scene);
  await page.reach('ask');
  release();
  await page.until(() => wechat.requests.every(({ told }) => told));
  assert.equal(page.step, 'ask');
});

test('a page that is gone shows nothing any more', async () => {
  const { scene } = await browser(server);
  let release;
  held().hold = new Promise((resolve) => { release = resolve; });
  const page = wechat.scan(scene);
  page.instance.onUnload();
  release();
  await page.until(() => wechat.requests.length > 0 && wechat.requests.every(({ told }) => told));
  assert.equal(page.step, 'scan');
});

test('a code that has been dealt with is not started again when the page is shown', async () => {
  const screen = await browser(server);
  const page = held().scan(screen.scene);
  await page.reach('ask');
  page.tap('.no');
  await page.reach('rejected');
  page.show();
  wechat.bringBack(page);
  assert.equal(page.step, 'rejected');
  assert.equal(wechat.asked('/scan').length, 1);
});

test('the entry of another page of the program is none of this page', async () => {
  const { scene } = await browser(server);
  held().entered = { path: 'pages/shop/shop', query: { scene: 'shelf-9' }, scene: 1047 };
  await wechat.open('pages/wsLogin/wsLogin', { scene }).reach('ask');
});

test('the first page says where codes are', async () => {
  const page = held().open('pages/index/index');
  assert.match(page.text, /扫码登录.*扫一扫/);
});

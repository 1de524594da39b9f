// The status page, as somebody without Grafana sees it: whether people can log in, and what breaks it.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { startServer } from '../browser/server.mjs';
import { launch, logIn, newContext, openLogin } from '../browser/people.mjs';
import { LOOKS, shoot } from '../browser/pictures.mjs';
import { startWeChat } from '../browser/wechat.mjs';
import { startRedis } from './redis.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

/** The page, as it is read. @param {import('node:test').TestContext} t @param {string} admin @param {import('playwright-core').BrowserContextOptions} [options] */
async function statusOf(t, admin, options) {
  const context = await newContext(browser, options);
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(admin);
  const cell = (/** @type {string} */ id, /** @type {string} */ head, /** @type {number} */ n) => page.locator(`#${id} tr`, { has: page.getByRole('rowheader', { name: head }) }).locator('td').nth(n).innerText();
  return {
    page, context,
    /** @param {'yes' | 'no' | 'quiet'} state */
    says: (state) => page.locator(`#verdict[data-state="${state}"]`).waitFor(),
    trouble: (/** @type {string} */ alert) => page.locator('#troubles li', { hasText: alert }).waitFor(),
    noTrouble: (/** @type {string} */ alert) => page.locator('#troubles li', { hasText: alert }).waitFor({ state: 'detached' }),
    answer: () => page.locator('#answer').innerText(),
    tile: (/** @type {string} */ title) => page.locator('#tiles li', { hasText: title }).locator('output').innerText(),
    /** How many since the start came so far. @param {string} step */
    step: (step) => cell('funnel', step, 1),
    transport: (/** @type {string} */ name, /** @type {number} */ n) => cell('wires', name, n),
    need: (/** @type {string} */ what) => page.locator('#needs div', { hasText: what }).locator('dd').innerText(),
  };
}

/** A server of this test. @param {import('node:test').TestContext} t @param {Record<string, string>} [settings] */
async function server(t, settings) {
  const started = await startServer(settings);
  t.after(() => started.stop());
  return started;
}

/** The login page of a server, with its code. @param {import('node:test').TestContext} t @param {string} url */
async function loginPage(t, url) {
  const context = await newContext(browser);
  t.after(() => context.close());
  const screen = await openLogin(context, url);
  await screen.shows('pending');
  return screen;
}

test('it is ready; and when somebody has logged in, people can', async (t) => {
  const { url, admin } = await server(t);
  const status = await statusOf(t, admin);
  await status.says('quiet');
  assert.equal(await status.answer(), 'Ready: nobody logs in just now');
  assert.equal(await status.tile('Waiting here'), '0');
  assert.equal(await status.tile('Come through, of who scanned'), 'Nobody scanned');

  const screen = await loginPage(t, url);
  await status.page.locator('#tiles li', { hasText: 'People logging in' }).locator('output', { hasText: /^1$/ }).waitFor();
  await status.page.locator('#tiles li', { hasText: 'Waiting here' }).locator('output', { hasText: /^1$/ }).waitFor();
  assert.equal(await status.transport('websocket', 0), '1');

  await logIn(screen, 'Alice');
  await status.says('yes');
  assert.equal(await status.answer(), 'People can log in');
  for (const step of ['opened', 'scanned', 'confirmed', 'token fetched']) assert.equal(await status.step(step), '1', step);
  assert.equal(await status.tile('Come through, of who scanned'), '100 %');
  assert.match(await status.tile('Delivery, p99'), /^[\d.]+ m?s$/);
  assert.match(await status.need('Memory'), /^\d+ MiB$/);
  assert.equal(await status.need('Session store'), 'answers');
  assert.deepEqual(status.context.complaints(), []);
});

test('a service that decides and is away: it says so, by the name of its alert, and when it is back that, too', async (t) => {
  let away = true;
  const service = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(away ? 503 : 200, { 'content-type': 'application/json' }).end(JSON.stringify({ registered: true, user: { id: '1', name: 'Alice' } }));
    });
  });
  t.after(() => { service.closeAllConnections(); service.close(); });
  await once(service.listen(0, '127.0.0.1'), 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (service.address());
  const { url, admin } = await server(t, { SAOMA_DIRECTORY: 'hook', SAOMA_HOOK_URL: `http://127.0.0.1:${port}/`, SAOMA_HOOK_SECRET: 'a secret of 24 characters' });
  const status = await statusOf(t, admin);
  await status.says('quiet');

  const screen = await loginPage(t, url);
  const scene = await screen.scene();
  const scan = () => fetch(`${url}/v1/scenes/${scene}/scan`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"login_code":"sim:Alice"}' });
  for (let n = 0; n < 4; n++) assert.equal((await scan()).status, 503);
  await status.says('no');
  await status.trouble('SaomaHookFails');
  await status.trouble('SaomaLoginCallsFail');
  assert.equal(await status.answer(), 'People cannot log in');

  away = false;
  for (let n = 0; n < 5; n++) assert.equal((await scan()).status, 200);
  await logIn(await loginPage(t, url), 'Alice');
  await status.says('yes');
});

test('a Redis that is away: nobody can log in; and when it is back, it is ready', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const { admin } = await server(t, { SAOMA_REDIS_URL: redis.url });
  const status = await statusOf(t, admin);
  await status.says('quiet');
  assert.equal(await status.need('Bell of the other instances'), 'is heard');
  await redis.kill();
  await status.says('no');
  await status.trouble('SaomaStoreDown');
  assert.equal(await status.need('Session store'), 'does not answer');
  const said = await fetch(`${admin}/readyz?verbose`);
  assert.equal(said.status, 503);
  assert.match(await said.text(), /the session store: ✗ does not answer/);
  await redis.start();
  await status.says('quiet');
});

test("WeChat's codes fail: trouble, with WeChat's own word for it", async (t) => {
  const wechat = await startWeChat('mini_program');
  t.after(() => wechat.stop());
  const status = await statusOf(t, wechat.admin);
  await status.says('quiet');
  await wechat.tell('faults', { api: '/wxa/getwxacodeunlimit', errcode: 47001 });
  for (let n = 0; n < 4; n++) await fetch(`${wechat.url}/v1/sessions`, { method: 'POST' });
  await status.trouble('SaomaWechatFails');
  assert.match(await status.need("WeChat's codes for default"), /^\d+ of 5,000 this minute$/);
});

test('a server that has gone is said to have gone', async (t) => {
  const started = await startServer();
  const status = await statusOf(t, started.admin);
  await status.says('quiet');
  await started.stop();
  await status.says('no');
  assert.equal(await status.answer(), 'This instance does not answer');
});

test('the page asks this listener alone, and may nothing else', async (t) => {
  const { admin } = await server(t);
  const context = await newContext(browser);
  t.after(() => context.close());
  const page = await context.newPage();
  /** @type {string[]} */ const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  const answer = await page.goto(admin);
  await page.locator('#verdict[data-state="quiet"]').waitFor();
  assert.deepEqual(asked.filter((url) => !url.startsWith(`${admin}/`) && !url.startsWith('data:')), []);
  const policy = answer?.headers()['content-security-policy'] ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  for (const file of ['', 'status.js', 'status.css', 'status-readings.js', 'status-verdict.js']) {
    const { status, headers } = await fetch(`${admin}/${file}`);
    assert.equal(status, 200, file);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  }
  assert.equal((await fetch(admin, { method: 'POST' })).status, 405);
});

test('readyz says more to a person who asks for it', async (t) => {
  const { admin } = await server(t);
  const [brief, verbose] = await Promise.all(['readyz', 'readyz?verbose'].map(async (path) => (await fetch(`${admin}/${path}`)).text()));
  assert.equal(brief, 'ready\n');
  assert.equal(verbose, 'this instance: ✓ not leaving\nthe session store: ✓ answers\nready\n');
});

for (const { scheme, width } of LOOKS) {
  test(`${scheme}, ${width} px: quiet, with people, with trouble`, async (t) => {
    const wechat = await startWeChat('mini_program', { SAOMA_SESSION_TTL: '120' });
    t.after(() => wechat.stop());
    const status = await statusOf(t, wechat.admin, /** @type {any} */ ({ colorScheme: scheme, viewport: { width, height: 860 } }));
    await status.says('quiet');
    await shoot(status.page, `${scheme}-${width}-status-1-quiet`);
    /** What a page does: it opens a session and shows the code. */
    const open = async () => {
      const session = /** @type {any} */ (await (await fetch(`${wechat.url}/v1/sessions`, { method: 'POST' })).json());
      await (await fetch(session.code.url)).arrayBuffer();
      return session;
    };
    for (let n = 0; n < 12; n++) {
      const { scene } = await open();
      if (n > 8) continue;
      const call = (/** @type {string} */ what, /** @type {object} */ body, token = '') => fetch(`${wechat.url}/v1/scenes/${scene}/${what}`, { method: 'POST', headers: { 'content-type': 'application/json', ...token && { authorization: `Bearer ${token}` } }, body: JSON.stringify(body) });
      const { code } = await wechat.tell('login', { appid: wechat.appid, person: `person ${n}` });
      const { phone_token } = /** @type {any} */ (await (await call('scan', { login_code: code })).json());
      await call(n > 6 ? 'reject' : 'confirm', {}, phone_token);
    }
    await status.says('yes');
    await shoot(status.page, `${scheme}-${width}-status-2-people`);
    await wechat.tell('faults', { api: '/wxa/getwxacodeunlimit', errcode: -1 });
    for (let n = 0; n < 26; n++) await open();
    await status.says('no');
    await status.trouble('SaomaWechatFails');
    await shoot(status.page, `${scheme}-${width}-status-3-trouble`);
  });
}

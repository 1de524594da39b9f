// Codes that were made ahead, whose pictures browsers get from another site, as from a CDN.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { launch, newContext, openLogin } from './people.mjs';
import { LOOKS, shoot } from './pictures.mjs';
import { eventually } from './visit.mjs';
import { startWeChat } from './wechat.mjs';

const SIZE = 16;
const CODES = '/wxa/getwxacodeunlimit';

let browser, folder, wechat;
/** What the CDN was asked for. @type {string[]} */
const asked = [];
const cdn = createServer(async (request, response) => {
  const name = basename(request.url ?? '');
  asked.push(name);
  const picture = await readFile(join(folder, name)).catch(() => undefined);
  response.writeHead(picture ? 200 : 404, { 'content-type': 'image/jpeg', 'cache-control': 'public, max-age=31536000, immutable' });
  response.end(picture);
});
/** A page of somebody else's, with the element on it. */
const shop = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end(`<!doctype html><link rel="icon" href="data:,"><script type="module" src="${wechat.url}/saoma-login.js"></script><saoma-login></saoma-login>`);
});
/** @param {import('node:http').Server} server @param {string} host */
async function address(server, host) {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://${host}:${/** @type {any} */ (server.address()).port}`;
}

before(async () => {
  browser = await launch();
  folder = await mkdtemp(join(tmpdir(), 'saoma-pictures-'));
  const there = `${await address(cdn, 'localhost')}/codes`;
  wechat = await startWeChat('mini_program', {
    SAOMA_NUMBERING: 'pool', SAOMA_POOL_SIZE: `${SIZE}`, SAOMA_POOL_LOW_WATER: '1', SAOMA_POOL_GROW_BY: '1',
    SAOMA_STORAGE_OPTIONS_ROOT: folder, SAOMA_STORAGE_PUBLIC_BASE_URL: there,
    SAOMA_ORIGINS: await address(shop, '127.0.0.1'),
  });
  const free = async () => /saoma_pool_codes\{.*"free".*\} (\d+)/.exec(await (await fetch(`${wechat.admin}/metrics`)).text())?.[1];
  await eventually(async () => await free() === `${SIZE}`, 'the pool is not filled');
});
after(async () => {
  await browser?.close();
  await wechat?.stop();
  for (const server of [cdn, shop]) server.close();
  if (folder) await rm(folder, { recursive: true });
});

/**
 * A page that shows a code; what it was asked for is in `requests`.
 * @param {any} context @param {string} url
 */
async function opened(context, url) {
  const page = await context.newPage();
  /** @type {string[]} */ const requests = [];
  page.on('request', (/** @type {any} */ request) => requests.push(request.url()));
  await page.goto(url);
  await page.locator('[data-state="pending"]').waitFor();
  return { page, requests, src: await page.locator('#code').getAttribute('src') };
}

/** What stands there can be seen, and comes from the CDN alone. @param {Awaited<ReturnType<typeof opened>>} shown */
async function showsAPicture({ page, requests, src }) {
  assert.match(src, /^http:\/\/localhost:\d+\/codes\/[\w-]{24}\.jpg$/);
  const width = await page.locator('#code').evaluate(async (/** @type {HTMLImageElement} */ img) => {
    await img.decode();
    return img.naturalWidth;
  });
  assert.ok(width > 0);
  assert.ok(requests.includes(src));
  assert.deepEqual(requests.filter((url) => /\/v1\/sessions\/[^/]+\/code$/.test(url)), []);
}

/** Somebody scans the picture as it comes from the CDN, and says yes. @param {string} src @param {string} person */
async function logsIn(src, person) {
  const picture = Buffer.from(await (await fetch(src)).arrayBuffer()).toString('base64');
  const { query } = await wechat.tell('scan', { picture });
  const { code } = await wechat.tell('login', { appid: wechat.appid, person });
  /** @param {string} what @param {object} body @param {string} [token] */
  const says = async (what, body, token) => {
    const headers = { 'content-type': 'application/json', ...token && { authorization: `Bearer ${token}` } };
    const answer = await fetch(`${wechat.url}/v1/scenes/${query.scene}/${what}`, { method: 'POST', headers, body: JSON.stringify(body) });
    assert.equal(answer.status, 200, what);
    return answer.json();
  };
  const { phone_token: token } = await says('scan', { login_code: code });
  await says('confirm', {}, token);
}

for (const { scheme, width, locale } of LOOKS) {
  const look = `${scheme}-${width}-${locale}-pool`;
  test(`${look}: the login page shows a picture of another site’s`, async () => {
    const context = await newContext(browser, /** @type {any} */ ({ colorScheme: scheme, locale, viewport: { width, height: width > 500 ? 860 : 740 } }));
    const shown = await opened(context, wechat.url);
    await showsAPicture(shown);
    await shoot(shown.page, look);
    assert.deepEqual(context.complaints(), []);
    await context.close();
  });
}

for (const [where, url] of /** @type {[string, () => string][]} */ ([
  ['the login page', () => wechat.url],
  ['a page with the element, under the server’s policy', () => `${wechat.url}/embed.html`],
  ['a page of somebody else’s', () => `http://127.0.0.1:${/** @type {any} */ (shop.address()).port}`],
])) {
  test(`a login goes through on ${where}, and asks WeChat for no code`, async () => {
    const context = await newContext(browser);
    const made = async () => (await wechat.tell(`calls?all&path=${CODES}`)).length;
    const before = await made();
    const shown = await opened(context, url());
    await showsAPicture(shown);
    await logsIn(shown.src, 'wang');
    await shown.page.locator('[data-state="done"]').waitFor();
    assert.equal(await made(), before);
    assert.deepEqual(context.complaints(), []);
    await context.close();
  });
}

test('a picture that was shown once is not asked for again', async () => {
  const context = await newContext(browser);
  const { page, src } = await opened(context, wechat.url);
  const name = basename(src);
  await showsAPicture({ page, src, requests: [src] });
  await page.evaluate(async (/** @type {string} */ src) => {
    const img = Object.assign(new Image(), { src });
    document.body.append(img);
    await img.decode();
  }, src);
  assert.equal(asked.filter((it) => it === name).length, 1);
  await context.close();
});

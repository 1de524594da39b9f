// What a newcomer tries first: the README's own snippet, and the documentation.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { startServer } from './server.mjs';
import { launch, newContext } from './people.mjs';

let browser, server;
before(async () => { browser = await launch(); server = await startServer(); });
after(async () => { await browser?.close(); await server?.stop(); });

test('the snippet of the README logs somebody in', async () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, snippet] = /** @type {RegExpMatchArray} */ (readme.match(/```html\n([\s\S]*?)```/));
  const context = await newContext(browser);
  // A page of the same origin, as if a proxy put it there.
  await context.route(`${server.url}/mine`, (route) =>
    route.fulfill({ contentType: 'text/html', body: `<!doctype html><body>${snippet}` }));
  const page = await context.newPage();
  const opened = page.waitForResponse((response) => response.url().endsWith('/v1/sessions'));
  await page.goto(`${server.url}/mine`);
  const { scene } = await (await opened).json();
  await page.waitForFunction(() => document.querySelector('img')?.naturalWidth);
  const call = (/** @type {string} */ name, /** @type {object} */ body, token = '') =>
    fetch(`${server.url}/v1/scenes/${scene}/${name}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
  const { phone_token: token } = await (await call('scan', { login_code: 'sim:Ada' })).json();
  await call('confirm', {}, token);
  await page.getByText('Ada').waitFor();
  await context.close();
});

test('the documentation shows every operation and asks no other host for anything', async () => {
  const document = await (await fetch(`${server.url}/openapi.json`)).json();
  const operations = Object.values(document.paths).flatMap((item) => Object.keys(item)).length;
  const context = await newContext(browser);
  const elsewhere = [];
  context.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== 'data:' && origin !== server.url) elsewhere.push(request.url());
  });
  const page = await context.newPage();
  await page.goto(`${server.url}/docs`);
  await page.locator('.opblock').nth(operations - 1).waitFor();
  assert.deepEqual(elsewhere, []);
  assert.deepEqual(context.complaints(/favicon/), []);
  await context.close();
});

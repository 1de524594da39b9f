// Calls that fail and are made again. Networks that fail are in hostile.test.mjs and interrupted.test.mjs.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { startServer } from './server.mjs';
import { launch, newContext, openLogin } from './people.mjs';

let browser, server;
before(async () => { browser = await launch(); server = await startServer(); });
after(async () => { await browser?.close(); await server?.stop(); });

test('a busy server is asked again when it said, and no sooner', async () => {
  const context = await newContext(browser);
  const asked = [];
  await context.route('**/v1/sessions', (route) => {
    asked.push(Date.now());
    if (asked.length > 1) return route.continue();
    return route.fulfill({
      status: 503, headers: { 'Retry-After': '2', 'Content-Type': 'application/problem+json' },
      body: JSON.stringify({ status: 503, code: 'busy', title: 'busy' }),
    });
  });
  const screen = await openLogin(context, server.url);
  await screen.shows('error');
  assert.match(await screen.text('alert'), /busy/);
  assert.ok(await screen.button(/^Try again \(\d\)$/).isDisabled());
  await screen.shows('pending');
  assert.ok(asked[1] - asked[0] >= 2000);
  await context.close();
});

test('a phone whose call failed can make it again', async () => {
  const context = await newContext(browser);
  const screen = await openLogin(context, server.url);
  await screen.shows('pending');
  const mobile = await screen.openPhone();
  await mobile.scanAs('Alice');
  await mobile.shows('ask');
  await mobile.page.route('**/confirm', (route) => route.abort(), { times: 1 });
  await mobile.confirm();
  await mobile.page.getByText('cannot be reached').waitFor();
  await mobile.page.getByRole('button', { name: 'Try again' }).click();
  await screen.shows('done');
  await context.close();
});

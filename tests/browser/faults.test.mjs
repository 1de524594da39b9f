// Logins over ways that are blocked, cut or slow.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { startServer } from './server.mjs';
import { launch, newContext, openLogin, phone } from './people.mjs';

let browser, server;
before(async () => { browser = await launch(); server = await startServer(); });
after(async () => { await browser?.close(); await server?.stop(); });

/** @param {any} screen */
async function logIn(screen) {
  const mobile = await screen.openPhone();
  await mobile.scanAs('Alice');
  await mobile.shows('ask');
  await mobile.confirm();
  await screen.shows('done');
}

test('a WebSocket that never opens gives way to SSE', async () => {
  const context = await newContext(browser);
  await context.addInitScript(() => {
    // As behind a proxy that swallows the upgrade: no open, no error, no close.
    globalThis.WebSocket = /** @type {any} */ (class { close() {} });
  });
  const screen = await openLogin(context, server.url);
  await screen.servedBy('sse');
  await logIn(screen);
  assert.deepEqual(context.complaints(), []);
  await context.close();
});

test('a WebSocket that opens and says nothing gives way to SSE', async () => {
  const context = await newContext(browser);
  await context.routeWebSocket(/\/events/, () => {});
  const screen = await openLogin(context, server.url);
  await screen.servedBy('sse');
  await logIn(screen);
  await context.close();
});

test('with SSE held back too, long-polling serves', async () => {
  const context = await newContext(browser);
  await context.addInitScript(() => {
    globalThis.WebSocket = /** @type {any} */ (class { close() {} });
    globalThis.EventSource = /** @type {any} */ (class { addEventListener() {} close() {} });
  });
  const screen = await openLogin(context, server.url);
  await screen.servedBy('long-poll');
  await logIn(screen);
  assert.deepEqual(context.complaints(), []);
  await context.close();
});

test('what happens while a way is being tried is not lost', async () => {
  const context = await newContext(browser);
  await context.addInitScript(() => { globalThis.WebSocket = /** @type {any} */ (class { close() {} }); });
  const screen = await openLogin(context, server.url);
  await screen.page.locator('#link').waitFor();
  await logIn(screen); // within the four seconds that the WebSocket is given
  await context.close();
});

test('a socket that is cut is taken up again where it was', async () => {
  const context = await newContext(browser);
  let cut, opened = 0;
  await context.routeWebSocket(/\/events/, (socket) => {
    opened++;
    const upstream = socket.connectToServer();
    cut = () => { upstream.close(); return socket.close({ code: 1012 }); };
  });
  const screen = await openLogin(context, server.url);
  await screen.servedBy('websocket');
  const mobile = await screen.openPhone();
  await mobile.scanAs('Alice');
  await screen.shows('scanned');
  await cut();
  await mobile.confirm();
  await screen.shows('done');
  assert.ok(opened >= 2, 'a server that leaves is no reason to leave its WebSocket');
  await context.close();
});

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

test('offline and back again, the page goes on by itself', async () => {
  const context = await newContext(browser);
  const screen = await openLogin(context, `${server.url}/?transports=long-poll`);
  await screen.servedBy('long-poll');
  const link = await screen.link();
  await context.setOffline(true);
  await screen.page.getByText('You are offline').waitFor();

  const elsewhere = await newContext(browser);
  const mobile = phone(await elsewhere.newPage());
  await mobile.page.goto(link);
  await mobile.scanAs('Alice');
  await mobile.shows('ask');
  await mobile.confirm();
  await mobile.shows('confirmed');

  await context.setOffline(false);
  await screen.shows('done');
  await elsewhere.close();
  await context.close();
});

test('a server that comes back without its memory gets a new session', async () => {
  const first = await startServer();
  const context = await newContext(browser);
  const screen = await openLogin(context, first.url);
  await screen.servedBy('websocket');
  const before = await screen.session();
  await first.stop();
  const second = await startServer({ SAOMA_LISTEN: new URL(first.url).host });
  await screen.page.locator(`#code:not([data-session="${before}"])`).waitFor();
  await screen.shows('pending');
  await logIn(screen);
  await context.close();
  await second.stop();
});

// What the element says to who does not see it, where the focus is, and how it goes on when things go wrong.
import { after, before, beforeEach, afterEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { startServer } from './server.mjs';
import { launch, newContext, openPage } from './people.mjs';

let browser, server, context;
before(async () => { browser = await launch(); server = await startServer(); });
after(async () => { await browser?.close(); await server?.stop(); });
beforeEach(async () => { context = await newContext(browser); });
afterEach(() => context.close());

/** What a screen reader would say: each text that a live region comes to show, from before there is any. */
async function listening(url = server.url, attributes = '') {
  const screen = await openPage(context, url, '');
  await screen.page.clock.install(); // goes on as usual, unless a test runs ahead
  await screen.page.evaluate((html) => {
    const said = /** @type {any} */ (globalThis).said = /** @type {any[]} */ ([]);
    const element = /** @type {any} */ (document.createRange().createContextualFragment(html).firstElementChild);
    customElements.upgrade(element);
    for (const region of element.shadowRoot.querySelectorAll('[role=status], [role=alert]')) {
      said.push(`[${region.role} stands empty: ${region.textContent.trim() === ''}]`);
      let last = '';
      const watch = new MutationObserver((changes) => {
        const text = region.innerText.trim(), set = changes.some(({ type }) => type !== 'attributes');
        if (text && (set || text !== last)) said.push(`${region.role}: ${text}`);
        last = text;
      });
      watch.observe(region, { childList: true, characterData: true, subtree: true, attributes: true });
    }
    document.body.append(element);
  }, `<saoma-login ${attributes}></saoma-login>`);
  return Object.assign(screen, { said: () => screen.page.evaluate(() => /** @type {any} */ (globalThis).said) });
}
const EMPTY = ['[status stands empty: true]', '[alert stands empty: true]', '[status stands empty: true]'];
const SCAN = 'status: Scan with WeChat or a phone camera.';
const focused = (screen) => screen.page.evaluate(() => {
  const { activeElement: outer } = document;
  return (outer?.shadowRoot?.activeElement ?? outer)?.id;
});

test('each message is said once, in a region that stood empty', async () => {
  const screen = await listening();
  await screen.shows('pending');
  const mobile = await screen.openPhone();
  await mobile.scanAs('Alice');
  await mobile.shows('ask');
  await screen.shows('scanned');
  await mobile.refuse();
  await screen.shows('rejected');
  assert.deepEqual(await screen.said(), [...EMPTY, SCAN, 'status: Scanned. Now confirm on your phone.', 'alert: The login was refused on the phone.']);
});

test('a way that is lost for a moment is no news, one lost for longer is, once', async () => {
  await context.route('**/events?*', (route) => (cut ? route.abort() : route.continue()));
  let cut = false;
  const screen = await listening(server.url, 'transports="long-poll"');
  await screen.page.waitForFunction(() => document.querySelector('saoma-login')?.login.transport);
  const transport = () => screen.page.evaluate(() => /** @type {any} */ (document.querySelector('saoma-login')).login.transport);
  for (const ms of [500, 3000]) {
    cut = true;
    await screen.page.evaluate(() => dispatchEvent(new Event('offline')));
    assert.equal(await transport(), null);
    await screen.page.clock.runFor(ms);
    cut = false;
    await screen.page.evaluate(() => dispatchEvent(new Event('online')));
    await screen.page.waitForFunction(() => document.querySelector('saoma-login')?.login.transport);
    await screen.page.clock.runFor(2000);
  }
  await screen.page.locator('#said', { hasText: 'Scan' }).waitFor();
  assert.deepEqual(await screen.said(), [...EMPTY, SCAN, 'status: Connection lost. Reconnecting…', SCAN]);
});

test('the time is said at 30 and at 10 seconds, and never else', async () => {
  const screen = await listening(server.url, 'auto-refresh="0"');
  await screen.shows('pending');
  await screen.page.evaluate(() => {
    const { login } = /** @type {any} */ (document.querySelector('saoma-login'));
    login.session.deadline = Date.now() + 32_000;
  });
  for (let second = 0; second < 31; second++) await screen.page.clock.runFor(1000);
  const said = (await screen.said()).filter((text) => /expires in/.test(text));
  assert.deepEqual(said.map((text) => text.replace(/\d/g, '')), Array(2).fill('status: The code expires in  seconds.'));
  assert.deepEqual(said.map((text) => Math.round(Number(text.match(/\d+/)[0]) / 10)), [3, 1]);
  assert.equal(await screen.page.locator('#time').getAttribute('role'), 'timer', 'which is not announced');
});

test('a code renewed unasked is no news', async (t) => {
  const brief = await startServer({ SAOMA_SESSION_TTL: '5' });
  t.after(brief.stop);
  const screen = await listening(brief.url, 'auto-refresh="1"');
  await screen.shows('pending');
  const first = await screen.session();
  await screen.page.locator(`#code:not([data-session="${first}"])`).waitFor();
  await screen.shows('expired');
  const said = (await screen.said()).filter((text) => !/expires in/.test(text));
  assert.deepEqual(said, [...EMPTY, SCAN, 'status: This code has expired.']);
});

test('the focus goes to the button of an expired code only if it was inside', async (t) => {
  const brief = await startServer({ SAOMA_SESSION_TTL: '5' });
  t.after(brief.stop);
  const screen = await openPage(context, brief.url, '<input id="outside"><saoma-login id="element" auto-refresh="0"></saoma-login>');
  await screen.shows('pending');
  await screen.page.locator('#outside').focus();
  await screen.shows('expired');
  assert.equal(await focused(screen), 'outside');

  await screen.button('Refresh').focus();
  await screen.page.keyboard.press('Enter');
  await screen.shows('pending');
  assert.equal(await focused(screen), 'title', 'what had the focus is gone');
  await screen.page.keyboard.press('Tab');
  assert.equal(await focused(screen), 'link');
  await screen.shows('expired');
  assert.equal(await focused(screen), 'retry');
});

test('offline is said, and over by itself', async () => {
  const screen = await openPage(context, server.url, '<saoma-login></saoma-login>');
  await screen.shows('pending');
  const session = await screen.session();
  await screen.page.waitForFunction(() => document.querySelector('saoma-login')?.login.transport);
  await context.setOffline(true);
  await screen.page.getByText('You are offline').waitFor();
  await context.setOffline(false);
  await screen.page.getByText('Scan with WeChat').waitFor();
  assert.equal(await screen.session(), session);
});

test('a token that cannot be fetched is asked for again by the button, or when the network is back', async () => {
  for (const again of ['button', 'network']) {
    let broken = true, asked = 0;
    await context.route('**/token', (route) => {
      asked++;
      return broken ? route.fulfill({ status: 503, json: { code: 'busy' } }) : route.continue();
    });
    const screen = await openPage(context, server.url, '<saoma-login></saoma-login>');
    const tokens = await screen.page.evaluateHandle(() => {
      const got = /** @type {any[]} */ ([]);
      document.addEventListener('token', (event) => got.push(event));
      return got;
    });
    const mobile = await screen.openPhone();
    await mobile.scanAs('Alice');
    await mobile.shows('ask');
    await mobile.confirm();
    await screen.shows('error');
    assert.equal(await screen.text('alert'), 'The server is busy. Please wait.');
    assert.ok(asked > 1, 'the client had tried more than once');
    broken = false;
    if (again === 'button') await screen.button('Try again').click();
    else await screen.page.evaluate(() => dispatchEvent(new Event('online')));
    await screen.shows('done');
    assert.equal(await tokens.evaluate((got) => got.length), 1);
    await context.unroute('**/token');
  }
});

test('a picture that does not load can be asked for anew', async () => {
  await context.route('**/code', (route) => route.abort(), { times: 1 });
  const screen = await openPage(context, server.url, '<saoma-login></saoma-login>');
  await screen.shows('error');
  await screen.button('Try again').click();
  await screen.shows('pending');
});

test('names run in their own direction, and a face is shown where there is one', async () => {
  const face = 'data:image/svg+xml,%3Csvg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/%3E';
  await context.route('**/events?*', async (route) => {
    if (!route.request().url().includes('wait=')) return route.abort();
    return route.fulfill({ json: { cursor: 2, state: 'scanned', done: false, events: [
      { id: 1, type: 'pending', at: '2026-01-01T00:00:00.000Z', data: {} },
      { id: 2, type: 'scanned', at: '2026-01-01T00:00:00.000Z', data: { name: 'أ***', avatar_url: face } },
    ] } });
  });
  const screen = await openPage(context, server.url, '<saoma-login transports="long-poll"></saoma-login>');
  await screen.shows('scanned');
  assert.equal(await screen.page.locator('bdi#name').innerText(), 'أ***');
  await screen.page.locator('#photo').waitFor();
  assert.equal(await screen.page.locator('#photo').getAttribute('src'), face);
});

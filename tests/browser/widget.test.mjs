// What a page can count on of <saoma-login>: attributes, properties, events, methods, slots, parts.
import { after, before, beforeEach, afterEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startServer } from './server.mjs';
import { launch, newContext, openPage, phone } from './people.mjs';

const KEY = 'a-key-of-the-shops-backend';

let browser, server, context;
before(async () => { browser = await launch(); server = await startServer({ SAOMA_API_KEYS: KEY }); });
after(async () => { await browser?.close(); await server?.stop(); });
beforeEach(async () => { context = await newContext(browser); });
afterEach(() => context.close());

const put = (html = '<saoma-login></saoma-login>') => openPage(context, server.url, html);
/** The bodies of the sessions asked for. */
function watchSessions() {
  const bodies = [];
  context.on('request', (request) => { if (request.url().endsWith('/v1/sessions')) bodies.push(request.postDataJSON()); });
  return bodies;
}
/** @param {any} screen */
async function confirm(screen, name = 'Alice') {
  const mobile = await screen.openPhone();
  await mobile.scanAs(name);
  await mobile.shows('ask');
  await mobile.confirm();
  return mobile;
}
/** Notes every event that reaches the document. @param {any} page */
const listen = (page) => page.evaluate(() => {
  const log = /** @type {any} */ (globalThis).log = /** @type {any[]} */ ([]);
  for (const type of ['statechange', 'scanned', 'confirmed', 'token', 'expired', 'rejected', 'cancelled', 'error']) {
    document.addEventListener(type, (event) => log.push([type, /** @type {any} */ (event).detail]));
  }
});
const heard = (page) => page.evaluate(() => /** @type {any} */ (globalThis).log);

describe('attributes', () => {
  test('say what is asked of the server', async () => {
    const asked = watchSessions();
    const screen = await put('<div lang="zh"><saoma-login namespace="default" messages transports="long-poll"></saoma-login></div>');
    await screen.shows('pending');
    assert.deepEqual(asked, [{ namespace: 'default', locale: 'zh-CN', messages: true }]);
    await screen.page.waitForFunction(() => document.querySelector('saoma-login')?.login.transport === 'long-poll');
  });

  test('may be absent: the server is where the file came from', async () => {
    const asked = watchSessions();
    const screen = await put();
    await screen.shows('pending');
    assert.deepEqual(asked, [{ locale: 'en', messages: false }]);
    assert.deepEqual(context.complaints(), []);
  });

  test('that change begin a login of their own, once', async () => {
    const asked = watchSessions();
    const screen = await put();
    await screen.shows('pending');
    const first = await screen.session();
    const cancelled = screen.page.waitForRequest((request) => request.method() === 'DELETE');
    await screen.page.evaluate(() => {
      const element = /** @type {any} */ (document.querySelector('saoma-login'));
      element.setAttribute('namespace', 'default');
      element.setAttribute('transports', 'sse');
      element.setAttribute('theme', 'dark');
    });
    assert.ok((await cancelled).url().endsWith(/** @type {string} */ (first)));
    await screen.page.locator(`#code:not([data-session="${first}"])`).waitFor();
    assert.equal(asked.length, 2);
  });

  test('that make no sense are shown as a fault, not thrown', async () => {
    const screen = await put('<saoma-login endpoint="http://[" transports="pigeon" auto-refresh="many" theme="sepia" lang="x"></saoma-login>');
    await screen.shows('error');
    assert.match(await screen.text('alert'), /cannot be reached/);
    assert.deepEqual(context.complaints(), []);
  });

  test('can be set as properties, before the file has come or after', async () => {
    const asked = watchSessions();
    const { page } = await openPage(context, server.url, '', false);
    await page.evaluate(async () => {
      const element = /** @type {any} */ (document.createElement('saoma-login'));
      document.body.replaceChildren(element);
      Object.assign(element, { namespace: 'default', messages: true, transports: ['sse', 'long-poll'] });
      await import(/** @type {any} */ ('/saoma-login.js'));
      element.autoRefresh = 1;
      element.theme = 'dark';
    });
    await page.locator('[data-state=pending]').waitFor();
    assert.deepEqual(asked, [{ namespace: 'default', locale: 'en', messages: true }]);
    const element = page.locator('saoma-login');
    assert.equal(await element.getAttribute('transports'), 'sse,long-poll');
    assert.equal(await element.getAttribute('auto-refresh'), '1');
    await page.evaluate(() => { /** @type {any} */ (document.querySelector('saoma-login')).theme = null; });
    assert.equal(await element.getAttribute('theme'), null);
  });
});

describe('events', () => {
  test('tell a whole login, out of every shadow', async () => {
    const { page } = await put('');
    await listen(page);
    await page.evaluate(async () => {
      await import(/** @type {any} */ ('/saoma-login.js'));
      const host = document.createElement('div');
      host.attachShadow({ mode: 'open' }).append(document.createElement('saoma-login'));
      document.body.replaceChildren(host);
    });
    const opened = context.waitForEvent('page');
    await page.locator('#link').click();
    const mobile = phone(await opened);
    await mobile.scanAs('Alice');
    await mobile.shows('ask');
    await mobile.confirm();
    await page.locator('[data-state=done]').waitFor();
    const log = await heard(page);
    assert.deepEqual(log.map(([type, detail]) => (type === 'statechange' ? `${detail.previous}-${detail.state}` : type)), [
      'idle-loading', 'loading-pending', 'pending-scanned', 'scanned', 'scanned-confirmed', 'confirmed', 'token',
    ]);
    const detail = Object.fromEntries(log);
    assert.match(detail.scanned.name, /^A\*/);
    assert.ok(detail.confirmed.ticket);
    assert.equal(detail.token.user.name, 'Alice');
    assert.ok(detail.token.access_token);
  });

  test('leave the ticket to a page that takes it', async () => {
    const screen = await put();
    let redeemed = 0;
    context.on('request', (request) => { if (request.url().endsWith('/token')) redeemed++; });
    await screen.page.evaluate(() => document.addEventListener('confirmed', (event) => {
      event.preventDefault();
      document.title = /** @type {any} */ (event).detail.ticket;
    }));
    await confirm(screen);
    await screen.shows('confirmed');
    assert.equal(redeemed, 0);
    const answer = await fetch(`${server.url}/v1/tickets/redeem`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}` },
      body: JSON.stringify({ ticket: await screen.page.title() }),
    });
    assert.equal((await answer.json()).user.name, 'Alice');
    assert.equal(await screen.text('status'), 'Confirmed. Logging you in…');
  });

  test('tell what went wrong, to who asks the element', async () => {
    await context.route('**/v1/sessions', (route) => route.fulfill({ status: 403, json: { code: 'forbidden', detail: 'not from here' } }));
    const { page } = await put('');
    await listen(page);
    const error = await page.evaluate(async () => {
      await import(/** @type {any} */ ('/saoma-login.js'));
      const element = document.createElement('saoma-login');
      const told = new Promise((resolve) => element.addEventListener('error', ({ detail }) => resolve({ ...detail })));
      document.body.replaceChildren(element);
      return told;
    });
    assert.deepEqual(error, { name: 'LoginError', status: 403, code: 'forbidden', detail: 'not from here', retryAfter: undefined, retryIn: null });
    assert.equal(await page.locator('#alert').innerText(), 'Something went wrong: not from here');
    assert.deepEqual((await heard(page)).filter(([type]) => type === 'error'), [], 'window.onerror hears no login');
  });
});

describe('methods', () => {
  test('refresh() ends a session and begins another', async () => {
    const screen = await put();
    await screen.shows('pending');
    const first = await screen.session();
    const mobile = await screen.openPhone();
    await mobile.scanAs('Mallory');
    await screen.shows('scanned');
    await screen.page.evaluate(() => document.querySelector('saoma-login')?.refresh());
    await mobile.shows('cancelled');
    await screen.shows('pending');
    assert.notEqual(await screen.session(), first);
  });

  test('stop() ends a session and offers another, start() begins it', async () => {
    const screen = await put();
    await screen.shows('pending');
    await screen.page.evaluate(() => document.querySelector('saoma-login')?.stop());
    await screen.shows('cancelled');
    assert.equal(await screen.page.evaluate(() => document.querySelector('saoma-login')?.state), 'cancelled');
    assert.ok(await screen.button('Refresh').isVisible());
    await screen.page.evaluate(() => document.querySelector('saoma-login')?.start());
    await screen.shows('pending');
  });

  test('login is the client: messages go through it', async () => {
    const screen = await put('<saoma-login messages></saoma-login>');
    await confirm(screen);
    await screen.shows('done');
    const echo = await screen.page.evaluate(async () => {
      const { login } = /** @type {any} */ (document.querySelector('saoma-login'));
      const said = new Promise((resolve) => login.on('event', (event) => { if (event.type === 'message') resolve(event.data); }));
      await login.send({ colour: 'green' });
      return said;
    });
    assert.deepEqual(echo, { from: 'browser', body: { colour: 'green' } });
  });
});

describe('in the document', () => {
  test('a move keeps the session, leaving ends it, coming back begins another', async () => {
    const asked = watchSessions();
    const screen = await put('<main></main><saoma-login></saoma-login>');
    await screen.shows('pending');
    const first = await screen.session();
    await screen.page.evaluate(() => {
      const element = /** @type {any} */ (document.querySelector('saoma-login'));
      /** @type {any} */ (globalThis).element = element;
      document.querySelector('main')?.append(element);
      element.remove(); // a move in two steps is one, too
      document.querySelector('main')?.append(element);
    });
    const mobile = await screen.openPhone();
    await mobile.scanAs('Alice');
    await mobile.shows('ask');
    await screen.shows('scanned');
    assert.equal(asked.length, 1);
    assert.equal(await screen.session(), first);

    await screen.page.evaluate(() => /** @type {any} */ (globalThis).element.remove());
    await mobile.shows('cancelled');
    await screen.page.evaluate(() => document.body.append(/** @type {any} */ (globalThis).element));
    await screen.shows('pending');
    assert.notEqual(await screen.session(), first);
    assert.equal(asked.length, 2);
  });

  test('a move after the login keeps the result', async () => {
    const asked = watchSessions();
    const screen = await put('<main></main><saoma-login></saoma-login>');
    await confirm(screen);
    await screen.shows('done');
    await screen.page.evaluate(() => document.querySelector('main')?.append(/** @type {any} */ (document.querySelector('saoma-login'))));
    await screen.page.waitForTimeout(0);
    assert.equal(await screen.text('title'), 'Logged in as Alice');
    assert.equal(asked.length, 1);
  });

  test('two of them are two logins', async () => {
    const screen = await put('<saoma-login id="one"></saoma-login><saoma-login id="two"></saoma-login>');
    for (const [id, name] of [['two', 'Bob'], ['one', 'Alice']]) {
      const element = screen.page.locator(`#${id}`);
      const opened = context.waitForEvent('page');
      await element.locator('#link').click();
      const mobile = phone(await opened);
      await mobile.scanAs(name);
      await mobile.shows('ask');
      await mobile.confirm();
      await element.locator('[data-state=done]').waitFor();
      assert.equal(await element.locator('#title').innerText(), `Logged in as ${name}`);
    }
    assert.deepEqual(context.complaints(), []);
  });

  test('hidden means hidden', async () => {
    const screen = await put('<saoma-login hidden></saoma-login>');
    await screen.page.locator('#code[data-session]').waitFor({ state: 'attached' });
    assert.equal(await screen.page.locator('saoma-login').isVisible(), false);
  });
});

describe('looks', () => {
  test('slots hold what the page says instead', async (t) => {
    const brief = await startServer({ SAOMA_SESSION_TTL: '5' });
    t.after(brief.stop);
    const screen = await openPage(context, brief.url, `<saoma-login auto-refresh="0"><h1 slot="title">Enter</h1>
      <p slot="expired">Too slow!</p><p slot="unregistered">Ask Bob</p><p slot="footer">The small print</p></saoma-login>`);
    await screen.shows('pending');
    for (const text of ['Enter', 'The small print']) assert.ok(await screen.page.getByText(text).isVisible(), text);
    for (const text of ['Too slow!', 'Ask Bob', 'Log in with your phone']) assert.ok(!await screen.page.getByText(text).isVisible(), text);
    await screen.shows('expired');
    assert.ok(await screen.page.getByText('Too slow!').isVisible());
    assert.ok(!await screen.page.getByText('This code has expired').isVisible());
  });

  test('variables and parts are the page’s to set', async () => {
    const screen = await put();
    await screen.page.evaluate(() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(`saoma-login { --saoma-size: 200px; --saoma-accent: rgb(1, 2, 3); --saoma-color: rgb(4, 5, 6); --saoma-background: rgb(7, 8, 9); --saoma-radius: 5px; --saoma-font: monospace }
        ${['code', 'mask', 'avatar', 'name', 'status', 'countdown', 'retry', 'link', 'number'].map((part) => `saoma-login::part(${part}) { scale: .5 }`).join('\n')}`);
      document.adoptedStyleSheets = [sheet];
    });
    await screen.shows('pending');
    const style = (id, name) => screen.page.locator(id).evaluate((node, key) => getComputedStyle(node)[key], name);
    assert.equal((await screen.page.locator('#frame').boundingBox())?.width, 200);
    assert.equal(await style('#frame', 'borderRadius'), '5px');
    assert.equal(await style('#link', 'color'), 'rgb(1, 2, 3)');
    assert.equal(await style('saoma-login', 'color'), 'rgb(4, 5, 6)');
    assert.equal(await style('saoma-login', 'backgroundColor'), 'rgb(7, 8, 9)');
    assert.equal(await style('#heading', 'fontFamily'), 'monospace');
    for (const part of ['code', 'mask', 'avatar', 'name', 'status', 'countdown', 'retry', 'link', 'number']) {
      assert.equal(await style(`#${part}`, 'scale'), '0.5', part);
    }
  });

  test('an accent of the page’s carries text that can be read on it', async () => {
    const screen = await put();
    for (const [accent, text] of [['#fde047', '0 0 0'], ['#1e3a8a', '1 0 0']]) {
      const color = await screen.page.evaluate((value) => {
        const element = /** @type {any} */ (document.querySelector('saoma-login'));
        element.style.setProperty('--saoma-accent', value);
        return getComputedStyle(element.shadowRoot.querySelector('#retry')).color;
      }, accent);
      assert.equal(color, `oklch(${text})`);
    }
  });

  test('the theme is the attribute’s, else the page’s own, whatever the system likes', async () => {
    await context.close();
    context = await newContext(browser, { colorScheme: 'dark' });
    const screen = await put('<saoma-login></saoma-login>');
    await screen.shows('pending');
    const background = () => screen.page.locator('saoma-login').evaluate((node) => getComputedStyle(node).backgroundColor);
    const set = (act) => screen.page.evaluate(act);
    assert.equal(await background(), 'rgb(255, 255, 255)', 'a page that knows no dark is light');
    await set(() => { document.documentElement.style.colorScheme = 'light dark'; });
    assert.equal(await background(), 'rgb(22, 29, 26)');
    await set(() => document.querySelector('saoma-login')?.setAttribute('theme', 'light'));
    assert.equal(await background(), 'rgb(255, 255, 255)');
    await set(() => document.querySelector('saoma-login')?.setAttribute('theme', 'dark'));
    assert.equal(await background(), 'rgb(22, 29, 26)');
    const frame = await screen.page.locator('#frame').evaluate((node) => getComputedStyle(node).backgroundColor);
    assert.equal(frame, 'rgb(255, 255, 255)', 'a code is dark on white');
  });

  test('the language is the attribute’s, else the nearest around it, else the browser’s', async () => {
    await context.close();
    context = await newContext(browser, { locale: 'zh-TW' });
    const screen = await put('<section><saoma-login></saoma-login></section>');
    await screen.shows('pending');
    assert.equal(await screen.text('title'), '扫码登录');
    await screen.page.evaluate(() => {
      /** @type {any} */ (document.querySelector('section')).lang = 'en-GB';
      /** @type {any} */ (document.querySelector('saoma-login')).lang = 'zh-Hans';
    });
    await screen.page.waitForTimeout(0);
    assert.equal(await screen.text('title'), '扫码登录');
    await screen.page.evaluate(() => document.querySelector('saoma-login')?.removeAttribute('lang'));
    await screen.page.getByText('Log in with your phone').waitFor();
    assert.equal(await screen.page.locator('#base').getAttribute('lang'), 'en');
  });
});

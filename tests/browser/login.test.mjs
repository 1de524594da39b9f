// Whole logins through the two pages, as the people concerned see them.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { startServer } from './server.mjs';
import { launch, newContext, openLogin, phone, screen as watch } from './people.mjs';

/** A refused call shows in the browser's console; here the story asks for it. */
const REFUSED = /status of (403|404|409|410)/;

let browser, context;
before(async () => { browser = await launch(); });
after(() => browser?.close());

/** Each group has a server with its own settings, each test a fresh browser profile. */
function withServer(settings) {
  const held = {};
  before(async () => { held.server = await startServer(settings); held.url = held.server.url; });
  after(() => held.server?.stop());
  return held;
}
async function fresh(options) {
  context = await newContext(browser, options);
  return context;
}

describe('a login', () => {
  const at = withServer();

  for (const transport of ['websocket', 'sse', 'long-poll']) {
    test(`over ${transport}`, async () => {
      const screen = await openLogin(await fresh(), `${at.url}/?transports=${transport}`);
      await screen.shows('pending');
      await screen.servedBy(transport);

      const mobile = await screen.openPhone();
      await mobile.shows('who');
      await mobile.scanAs('Alice');
      await mobile.shows('ask');
      await screen.shows('scanned');
      const masked = await screen.text('name');
      assert.match(masked, /^A/);
      assert.notEqual(masked, 'Alice', 'who stands before the screen is not told the whole name yet');

      await mobile.confirm();
      await mobile.shows('confirmed');
      await screen.shows('done');
      assert.equal(await screen.text('title'), 'Logged in as Alice');
      assert.equal(await screen.text('provider'), 'simulator');
      assert.ok(await screen.text('userId'));
      assert.ok(await screen.text('validUntil'));
      assert.deepEqual(context.complaints(), []);
      await context.close();
    });
  }

  test('with no transport asked for is served by WebSocket', async () => {
    const screen = await openLogin(await fresh(), at.url);
    await screen.servedBy('websocket');
    assert.deepEqual(context.complaints(), []);
    await context.close();
  });

  test('unfolds the claims of the token, and never the token', async () => {
    const screen = await openLogin(await fresh({ permissions: ['clipboard-read', 'clipboard-write'] }), at.url);
    await screen.shows('pending');
    const mobile = await screen.openPhone();
    await mobile.scanAs('Alice');
    await mobile.shows('ask');
    const [answer] = await Promise.all([
      screen.page.waitForResponse(/\/token$/), mobile.confirm(),
    ]);
    const token = (await answer.json()).access_token;
    await screen.shows('done');
    await screen.page.bringToFront();
    await screen.page.getByText('What the token says').click();
    const claims = JSON.parse(await screen.text('claims'));
    assert.ok(claims.exp > Date.now() / 1000);
    assert.ok(claims.sub);
    assert.ok(!(await screen.page.content()).includes(token));

    await screen.button('Copy token').click();
    await screen.button('Copied').waitFor();
    assert.equal(await screen.page.evaluate(() => navigator.clipboard.readText()), token);
    await context.close();
  });

  test('shows the phone which browser asks', async () => {
    const screen = await openLogin(await fresh(), at.url);
    await screen.shows('pending');
    const mobile = await screen.openPhone();
    await mobile.scanAs('Alice');
    await mobile.shows('ask');
    assert.match(await mobile.text('browser'), /^Chrome \d+ on Linux$/);
    assert.match(await mobile.text('agent'), /Mozilla/);
    assert.equal(await mobile.text('ip'), '127.0.0.1');
    assert.equal(await mobile.text('site'), new URL(at.url).host);
    assert.match(await mobile.text('opened'), / ago$/);
    assert.equal(await mobile.page.locator('#relayed').isVisible(), false);
    await context.close();
  });

  test('warns the phone of a code that came as a picture', async () => {
    const screen = await openLogin(await fresh(), at.url);
    await screen.shows('pending');
    const page = await context.newPage();
    await page.goto(`${await screen.link()}?entry_scene=1048`);
    const mobile = phone(page);
    await mobile.scanAs('Alice');
    await mobile.shows('ask');
    assert.ok(await mobile.page.locator('#relayed').isVisible());
    await context.close();
  });

  test('refused on the phone says so on the screen, which can begin anew', async () => {
    const screen = await openLogin(await fresh(), at.url);
    await screen.shows('pending');
    const first = await screen.session();
    const mobile = await screen.openPhone();
    await mobile.scanAs('Alice');
    await mobile.shows('ask');
    await mobile.refuse();
    await mobile.shows('rejected');
    await screen.shows('rejected');
    assert.match(await screen.text('alert'), /refused on the phone/);
    await screen.button('Try again').click();
    await screen.shows('pending');
    assert.notEqual(await screen.session(), first);
    assert.deepEqual(context.complaints(), []);
    await context.close();
  });

  test('given up on the screen is told to the phone at once', async () => {
    const screen = await openLogin(await fresh(), at.url);
    await screen.shows('pending');
    const mobile = await screen.openPhone();
    await mobile.scanAs('Mallory');
    await screen.shows('scanned');
    await screen.button(/Not you/).click();
    await mobile.shows('cancelled');
    await screen.shows('pending');
    await context.close();
  });

  test('is not shared with a second phone, which is told why', async () => {
    const screen = await openLogin(await fresh(), at.url);
    await screen.shows('pending');
    const link = await screen.link();
    const mobile = await screen.openPhone();
    await mobile.scanAs('Alice');
    await screen.shows('scanned');

    const stranger = await newContext(browser);
    const second = phone(await stranger.newPage());
    await second.page.goto(link);
    await second.scanAs('Bob');
    await second.shows('taken');
    assert.match(await second.text('status'), /scanned this code first/);

    await mobile.confirm();
    await screen.shows('done');
    assert.equal(await screen.text('userName'), 'Alice');
    assert.deepEqual(stranger.complaints(REFUSED), []);
    await stranger.close();
    await context.close();
  });

  test('is confirmed once by two quick taps', async () => {
    const screen = await openLogin(await fresh(), at.url);
    await screen.shows('pending');
    const mobile = await screen.openPhone();
    await mobile.scanAs('Alice');
    await mobile.shows('ask');
    let asked = 0;
    mobile.page.on('request', (request) => { if (request.url().endsWith('/confirm')) asked++; });
    await mobile.page.getByRole('button', { name: 'Confirm' }).dblclick();
    await screen.shows('done');
    assert.equal(asked, 1);
    assert.deepEqual(context.complaints(), []);
    await context.close();
  });

  test('with an unknown code is explained to the phone', async () => {
    await fresh();
    const mobile = phone(await context.newPage());
    await mobile.page.goto(`${at.url}/phone/nobody-opened-this`);
    await mobile.scanAs('Alice');
    await mobile.shows('unknown');
    assert.deepEqual(context.complaints(REFUSED), []);
    await context.close();
  });

  test('speaks Chinese where the browser does', async () => {
    const screen = await openLogin(await fresh({ locale: 'zh-CN' }), at.url);
    await screen.shows('pending');
    assert.equal(await screen.text('title'), '扫码登录');
    assert.equal(await screen.page.getAttribute('html', 'lang'), 'zh-CN');
    await screen.button('English').click();
    assert.equal(await screen.text('title'), 'Log in with your phone');
    assert.match(screen.page.url(), /lang=en/);
    await context.close();
  });

  test('can be done from the keyboard alone, and the focus is never lost', async () => {
    const screen = await openLogin(await fresh(), at.url);
    await screen.shows('pending');
    const mobile = await screen.openPhone();
    await mobile.page.keyboard.press('Tab');
    await mobile.page.getByLabel('Your name').fill('Alice');
    await mobile.page.keyboard.press('Enter');
    await mobile.shows('ask');
    await mobile.page.getByRole('button', { name: 'Refuse' }).focus();
    await mobile.page.keyboard.press('Enter');
    await screen.shows('rejected');
    await screen.page.bringToFront();
    await screen.button('Try again').focus();
    await screen.page.keyboard.press('Enter');
    await screen.shows('pending');
    assert.equal(await screen.page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.id), 'title');
    await context.close();
  });

  test('lives under a policy that lets nothing foreign in', async () => {
    for (const path of ['/', '/embed.html', '/phone/some-scene']) {
      const policy = (await fetch(at.url + path)).headers.get('content-security-policy') ?? '';
      assert.match(policy, /default-src 'none'/, path);
      assert.doesNotMatch(policy, /unsafe/, path);
    }
  });
});

describe('a login with a match number', () => {
  const at = withServer({ SAOMA_MATCH_NUMBER: 'on' });

  test('needs the digits of the screen on the phone', async () => {
    const screen = await openLogin(await fresh(), at.url);
    await screen.shows('pending');
    const digits = await screen.text('digits');
    assert.match(digits, /^\d\d$/);
    const mobile = await screen.openPhone();
    await mobile.scanAs('Alice');
    await mobile.shows('ask');
    await mobile.confirm();
    assert.match(await mobile.text('matchHint'), /Type the two digits/, 'nothing is sent before they are typed');
    await mobile.typeNumber(digits);
    await mobile.confirm();
    await screen.shows('done');
    assert.deepEqual(context.complaints(), []);
    await context.close();
  });

  test('ends with a wrong one', async () => {
    const screen = await openLogin(await fresh(), at.url);
    await screen.shows('pending');
    const digits = Number(await screen.text('digits'));
    const mobile = await screen.openPhone();
    await mobile.scanAs('Alice');
    await mobile.shows('ask');
    await mobile.typeNumber(String(digits === 99 ? 10 : digits + 1));
    await mobile.confirm();
    await mobile.shows('wrong');
    await screen.shows('rejected');
    assert.deepEqual(context.complaints(REFUSED), []);
    await context.close();
  });
});

describe('a login of somebody not registered', () => {
  const at = withServer({ SAOMA_DIRECTORY: 'known' });

  test('goes on after registering on the phone', async () => {
    const screen = await openLogin(await fresh(), at.url);
    await screen.shows('pending');
    const mobile = await screen.openPhone();
    await mobile.scanAs('Carol');
    await mobile.shows('ask');
    await mobile.confirm();
    await mobile.shows('join');
    await screen.shows('unregistered');
    assert.match(await screen.text('status'), /Sign up on your phone/);
    await mobile.page.getByLabel('Name to register').fill('Carol Danvers');
    await mobile.page.getByRole('button', { name: 'Register' }).click();
    await mobile.shows('confirmed');
    await screen.shows('done');
    assert.equal(await screen.text('userName'), 'Carol Danvers');
    assert.deepEqual(context.complaints(REFUSED), []);
    await context.close();
  });
});

describe('a code past its time', () => {
  const ttl = 5;
  const at = withServer({ SAOMA_SESSION_TTL: String(ttl) });

  test('is renewed unasked three times, then waits behind a button', async () => {
    await fresh();
    const page = await context.newPage();
    let opened = 0;
    page.on('response', (answer) => { if (answer.status() === 201 && answer.url().endsWith('/v1/sessions')) opened++; });
    await page.goto(at.url);
    const screen = watch(page);
    await screen.shows('expired', (ttl * 4 + 15) * 1000);
    assert.equal(opened, 4);
    const refresh = screen.button('Refresh');
    await refresh.focus();
    await page.keyboard.press('Enter');
    await screen.shows('pending');
    const mobile = await screen.openPhone();
    await mobile.scanAs('Alice');
    await mobile.shows('ask');
    await mobile.confirm();
    await screen.shows('done');
    await context.close();
  });

  test('is told to a phone that hesitates', async () => {
    const screen = await openLogin(await fresh(), at.url);
    await screen.shows('pending');
    const mobile = await screen.openPhone();
    await mobile.scanAs('Alice');
    await mobile.shows('ask');
    await mobile.shows('expired');
    await context.close();
  });
});

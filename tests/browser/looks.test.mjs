// Pictures of every state for people to look at, and the rules about looks that a machine can hold: nothing
// sticks out, nothing jumps, and axe finds nothing.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { startServer } from './server.mjs';
import { launch, newContext, openLogin, phone } from './people.mjs';
import { LOOKS, shoot } from './pictures.mjs';

let browser, plain, strict, brief;
before(async () => {
  browser = await launch();
  plain = await startServer();
  strict = await startServer({ SAOMA_MATCH_NUMBER: 'on', SAOMA_DIRECTORY: 'known' });
  brief = await startServer({ SAOMA_SESSION_TTL: '5' });
});
after(async () => {
  await browser?.close();
  for (const server of [plain, strict, brief]) await server?.stop();
});

/** A phone in a second tab that has scanned, in whatever language. @param {any} context @param {any} screen @param {string} name */
async function scanned(context, screen, name) {
  const page = await context.newPage();
  await page.goto(await screen.link());
  const mobile = phone(page);
  await page.locator('#name').fill(name);
  await page.locator('#whoForm button').click();
  await mobile.shows('ask');
  return { page, mobile };
}

for (const { scheme, width, locale } of LOOKS) {
  const look = `${scheme}-${width}-${locale}`;
  const options = /** @type {any} */ ({ colorScheme: scheme, locale, viewport: { width, height: width > 500 ? 860 : 740 } });
  const name = (locale === 'zh-CN' ? '王小明' : 'Alice') + (width === 1280 ? '' : width); // each has to register

  test(`${look}: waiting, scanned, registering, logged in`, async () => {
    const context = await newContext(browser, options);
    const screen = await openLogin(context, strict.url);
    await screen.shows('pending');
    await screen.servedBy('websocket');
    await shoot(screen.page, `${look}-login-2-pending-number`);
    const link = await screen.link();

    const page = await context.newPage();
    await page.goto(`${link}?entry_scene=1048`);
    const mobile = phone(page);
    await page.locator('#name').fill(name);
    await shoot(page, `${look}-phone-1-who`);
    await page.locator('#whoForm button').click();
    await mobile.shows('ask');
    await screen.shows('scanned');
    await shoot(screen.page, `${look}-login-3-scanned-number`);
    await page.locator('#confirm').click();
    await shoot(page, `${look}-phone-2-ask-relayed-number-missing`);
    await page.locator('#match').fill(await screen.text('digits'));
    await page.locator('#confirm').click();
    await mobile.shows('join');
    await screen.shows('unregistered');
    await shoot(page, `${look}-phone-3-join`);
    await shoot(screen.page, `${look}-login-4-unregistered`);
    await page.locator('#newName').fill(name);
    await page.locator('#register').click();
    await mobile.shows('confirmed');
    await screen.shows('done');
    await shoot(page, `${look}-phone-4-confirmed`);
    await shoot(screen.page, `${look}-login-5-done`);
    await screen.page.locator('summary').click();
    await shoot(screen.page, `${look}-login-6-done-claims`);
    await context.close();
  });

  test(`${look}: loading, without a number, refused`, async () => {
    const context = await newContext(browser, options);
    let go = () => {};
    const held = new Promise((resolve) => { go = () => resolve(true); });
    await context.route('**/v1/sessions', async (route) => { await held; await route.continue(); });
    const screen = await openLogin(context, plain.url);
    await screen.shows('loading');
    await shoot(screen.page, `${look}-login-0-loading`);
    const skeleton = await screen.page.locator('#frame').boundingBox();
    go();
    await screen.shows('pending');
    await screen.servedBy('websocket');
    await shoot(screen.page, `${look}-login-1-pending`);
    assert.deepEqual(await screen.page.locator('#frame').boundingBox(), skeleton, 'nothing jumps when the code arrives');

    const { page, mobile } = await scanned(context, screen, name);
    const sizes = await Promise.all(['#confirm', '#reject'].map((id) => page.locator(id).boundingBox()));
    assert.equal(sizes[0]?.width, sizes[1]?.width, 'refusing is as easy as confirming');
    assert.ok(sizes[0] && sizes[0].height >= 44);
    await shoot(page, `${look}-phone-5-ask`);
    await page.locator('#reject').click();
    await mobile.shows('rejected');
    await screen.shows('rejected');
    await shoot(page, `${look}-phone-6-rejected`);
    await shoot(screen.page, `${look}-login-7-rejected`);
    await context.close();
  });

  test(`${look}: cancelled, offline, out of reach, confirmed, embedded`, async () => {
    const context = await newContext(browser, options);
    const screen = await openLogin(context, `${plain.url}/embed.html`);
    await screen.shows('pending');
    await shoot(screen.page, `${look}-embed-1-pending`);
    await screen.page.evaluate(() => document.querySelector('saoma-login')?.stop());
    await screen.shows('cancelled');
    await shoot(screen.page, `${look}-embed-2-cancelled`);
    await screen.page.locator('#retry').click();
    await screen.shows('pending');
    await context.setOffline(true);
    await screen.page.locator('#said', { hasText: /offline/ }).waitFor();
    await shoot(screen.page, `${look}-embed-3-offline`);
    await screen.page.evaluate(() => document.querySelector('saoma-login')?.refresh());
    await screen.shows('error');
    await shoot(screen.page, `${look}-embed-4-error`);
    await context.setOffline(false);
    await screen.shows('pending');

    let go = () => {};
    const held = new Promise((resolve) => { go = () => resolve(true); });
    await context.route('**/token', async (route) => { await held; await route.continue(); });
    const { page, mobile } = await scanned(context, screen, name);
    await page.locator('#confirm').click();
    await screen.shows('confirmed');
    await shoot(screen.page, `${look}-embed-5-confirmed`);
    go();
    await screen.shows('done');
    await shoot(screen.page, `${look}-embed-6-done`);
    await context.close();
  });

  test(`${look}: expired, busy`, async () => {
    const context = await newContext(browser, options);
    // Nobody is looking, so nothing is renewed unasked.
    await context.addInitScript(() => Object.defineProperty(document, 'hidden', { value: true }));
    const screen = await openLogin(context, brief.url);
    await screen.shows('expired');
    await shoot(screen.page, `${look}-login-8-expired`);
    await context.route('**/v1/sessions', (route) => route.fulfill({ status: 429, headers: { 'Retry-After': '9' }, json: { code: 'too_many' } }));
    await screen.page.locator('#retry').click();
    await screen.shows('error');
    await shoot(screen.page, `${look}-login-9-busy`);
    await context.close();
  });
}

for (const scheme of ['light', 'dark']) {
  test(`${scheme}, on the phone itself: a way in that needs no scanning comes before the code`, async () => {
    const context = await newContext(browser, /** @type {any} */ ({ colorScheme: scheme, viewport: { width: 320, height: 740 }, hasTouch: true, isMobile: true }));
    const screen = await openLogin(context, strict.url);
    await screen.shows('pending');
    const [link, code] = await Promise.all(['#link', '#frame'].map((id) => screen.page.locator(id).boundingBox()));
    assert.ok(link && code && link.y + link.height <= code.y);
    assert.ok(link.height >= 40);
    await shoot(screen.page, `${scheme}-touch-login-pending`);
    const [opened] = await Promise.all([context.waitForEvent('page'), screen.page.locator('#link').tap()]);
    await phone(opened).shows('who');
    await context.close();
  });
}

test('280 px are enough, and so is a corner of a wide page', async () => {
  const context = await newContext(browser, { viewport: { width: 280, height: 700 } });
  const screen = await openLogin(context, strict.url);
  await screen.shows('pending');
  await shoot(screen.page, 'narrow-login-pending');
  const number = await screen.page.locator('#number').boundingBox();
  const code = await screen.page.locator('#frame').boundingBox();
  assert.ok(number && code && number.y >= code.y + code.height, 'the number goes below the code');
  await context.close();
});

test('with forced colours and without motion', async () => {
  const context = await newContext(browser, { forcedColors: 'active', reducedMotion: 'reduce' });
  const screen = await openLogin(context, strict.url);
  await screen.shows('pending');
  await shoot(screen.page, 'forced-login-pending');
  const mobile = await screen.openPhone();
  await mobile.scanAs('Alice');
  await mobile.shows('ask');
  await shoot(mobile.page, 'forced-phone-ask');
  await screen.shows('scanned');
  await shoot(screen.page, 'forced-login-scanned');
  await context.close();
});

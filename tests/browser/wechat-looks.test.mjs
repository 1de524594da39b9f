// Pictures of what WeChat's official account and open platform show, on the screen and on the phone.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { launch, newContext, openLogin, phone } from './people.mjs';
import { LOOKS, shoot } from './pictures.mjs';
import { startWeChat } from './wechat.mjs';

let browser, account, website;
before(async () => {
  browser = await launch();
  account = await startWeChat('official_account', { SAOMA_DIRECTORY: 'known', SAOMA_MATCH_NUMBER: 'on' });
  website = await startWeChat('open_platform', { SAOMA_DIRECTORY: 'known' });
});
after(async () => {
  await browser?.close();
  for (const wechat of [account, website]) await wechat?.stop();
});

for (const { scheme, width, locale } of LOOKS) {
  const look = `${scheme}-${width}-${locale}-wechat`;
  const options = /** @type {any} */ ({ colorScheme: scheme, locale, viewport: { width, height: width > 500 ? 860 : 740 } });
  const person = look;

  test(`${look}: the official account’s code, and the page of its link`, async () => {
    const context = await newContext(browser, options);
    const screen = await openLogin(context, account.url);
    await screen.shows('pending');
    await shoot(screen.page, `${look}-account-1-pending`);
    const link = await account.scans(await screen.scene(), person);
    const page = await context.newPage();
    const mobile = phone(page);
    await page.goto(link);
    await mobile.shows('ask');
    await shoot(page, `${look}-account-2-ask`);
    await page.locator('#match').fill(await screen.text('digits'));
    await page.locator('#confirm').click();
    await mobile.shows('join');
    await shoot(page, `${look}-account-3-join`);
    await page.locator('#newName').fill(person);
    await page.locator('#register').click();
    await mobile.shows('confirmed');
    await shoot(page, `${look}-account-4-confirmed`);

    await page.goto(`${account.url}/wechat/other`);
    await mobile.shows('nothing');
    await shoot(page, `${look}-account-5-nothing`);
    await page.goto(link.replace(/\.[^.]+$/, '.another'));
    await mobile.shows('stale');
    await shoot(page, `${look}-account-6-stale`);
    await context.close();
  });

  test(`${look}: the open platform’s page in a frame, and where it leads`, async () => {
    const context = await newContext(browser, options);
    const screen = await openLogin(context, website.url);
    await screen.shows('pending');
    await screen.servedBy('websocket');
    await screen.frame().getByRole('heading', { name: '微信登录' }).waitFor();
    await shoot(screen.page, `${look}-website-1-pending`);
    const [link, code] = await Promise.all(['#link', '#frame'].map((id) => screen.page.locator(id).boundingBox()));
    assert.ok(link && code && link.y >= code.y + code.height, 'the way to a tab is seen below the frame');
    assert.equal(code.height, 400);

    await website.allows(await screen.scene(), `${person}-frame`);
    await screen.shows('unregistered');
    await screen.frame().locator('#newName').fill(person);
    await shoot(screen.page, `${look}-website-2-join`);
    await screen.frame().locator('#register').click();
    await screen.shows('done');
    await shoot(screen.page, `${look}-website-3-done`);
    await context.close();
  });

  test(`${look}: the open platform’s page in a tab, refused, and on a page of another’s`, async () => {
    const context = await newContext(browser, options);
    const screen = await openLogin(context, `${website.url}/embed.html`);
    await screen.shows('pending');
    await screen.frame().getByRole('heading', { name: '微信登录' }).waitFor();
    await shoot(screen.page, `${look}-website-4-embedded`);

    const stranger = await newContext(browser, options);
    const page = await stranger.newPage();
    await page.goto(await screen.link());
    const { location } = await website.refuses(await screen.scene());
    await page.waitForURL(/again=1/);
    await shoot(page, `${look}-website-5-another-browser`);
    await stranger.close();

    const tab = await context.newPage();
    await tab.goto(location);
    await phone(tab).shows('rejected');
    await shoot(tab, `${look}-website-6-tab-rejected`);
    await screen.shows('rejected');
    await shoot(screen.page, `${look}-website-7-rejected`);
    await context.close();
  });
}

test('on the phone itself, the way to a tab comes before the frame', async () => {
  const context = await newContext(browser, /** @type {any} */ ({ viewport: { width: 320, height: 740 }, hasTouch: true, isMobile: true }));
  const screen = await openLogin(context, website.url);
  await screen.shows('pending');
  const [link, code] = await Promise.all(['#link', '#frame'].map((id) => screen.page.locator(id).boundingBox()));
  assert.ok(link && code && link.y + link.height <= code.y);
  await shoot(screen.page, 'touch-wechat-website');
  await context.close();
});

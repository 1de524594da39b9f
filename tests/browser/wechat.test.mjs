// Logins through WeChat's official account and open platform, as the people concerned see them.
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { launch, newContext, openLogin, phone } from './people.mjs';
import { startTls } from './tls.mjs';
import { startWeChat } from './wechat.mjs';

/** A refused call shows in the browser's console; here the story asks for it. */
const REFUSED = /status of (403|404|409|410|422)/;
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

let browser, context;
before(async () => { browser = await launch(); });
after(() => browser?.close());
beforeEach(async () => { context = await newContext(browser); });
afterEach(() => context.close());

/** Each group has a WeChat and a server of its own. @param {'official_account' | 'open_platform'} provider @param {Record<string, string>} [settings] */
function withWeChat(provider, settings) {
  const at = /** @type {Awaited<ReturnType<typeof startWeChat>>} */ ({});
  before(async () => { Object.assign(at, await startWeChat(provider, settings)); });
  after(() => at.stop?.());
  return at;
}
/** A login page that shows its code. @param {{ url: string }} at */
async function opened({ url }) {
  const screen = await openLogin(context, url);
  await screen.shows('pending');
  return screen;
}
/** The page that stands in the frame. @param {ReturnType<typeof import('./people.mjs').screen>} screen */
const framed = (screen) => screen.frame().locator('main');

describe('by the open platform', () => {
  const wechat = withWeChat('open_platform');
  before(() => wechat.tell('people', { person: 'wang', nickname: '王小明' }));

  test('WeChat’s page stands in the place of the code, and a yes on the phone logs in', async () => {
    const screen = await opened(wechat);
    await screen.frame().getByRole('heading', { name: '微信登录' }).waitFor();
    assert.equal(await screen.text('status'), 'Scan with WeChat.');
    await wechat.allows(await screen.scene(), 'wang');
    await screen.shows('done');
    assert.equal(await screen.text('title'), 'Logged in as 王小明');
    assert.equal(await screen.text('provider'), 'open_platform');
    // The browser came back from another site's page; once we lead it ourselves, it shows its cookie.
    assert.deepEqual(context.complaints(REFUSED), []);
  });

  test('WeChat’s page may have a tab to itself, which says when to go back', async () => {
    const screen = await opened(wechat);
    const { page: tab, ...there } = await screen.openPhone();
    await tab.getByRole('heading', { name: '微信登录' }).waitFor();
    await wechat.allows(await screen.scene(), 'wang');
    await there.shows('confirmed');
    assert.equal(await there.text('title'), 'You are logged in');
    assert.match(await there.text('status'), /go back to the page, or close this window/);
    assert.doesNotMatch(tab.url(), /#|token/);
    await screen.shows('done');

    await tab.reload();
    await there.shows('confirmed');
    assert.deepEqual(context.complaints(), []);
  });

  test('a no is told to the page, which can begin anew', async () => {
    const screen = await opened(wechat);
    const first = await screen.scene();
    await screen.frame().getByRole('heading', { name: '微信登录' }).waitFor();
    await wechat.refuses(first);
    await screen.shows('rejected');
    await screen.button('Try again').click();
    await screen.shows('pending');
    assert.notEqual(await screen.scene(), first);
  });

  test('a no in a tab is told there, too', async () => {
    const screen = await opened(wechat);
    const there = await screen.openPhone();
    await there.page.getByRole('heading', { name: '微信登录' }).waitFor();
    await wechat.refuses(await screen.scene());
    await there.shows('rejected');
    await screen.shows('rejected');
  });

  test('who is led to WeChat’s page by another’s login logs nobody in', async () => {
    const screen = await opened(wechat);
    const stranger = await newContext(browser);
    const page = await stranger.newPage();
    await page.goto(await screen.link());
    await page.getByRole('heading', { name: '微信登录' }).waitFor();
    await wechat.allows(await screen.scene(), 'wang');
    await page.getByText('begun in another browser').first().waitFor();
    await stranger.close();
    await screen.shows('pending');
  });

  test('what was used to log in once is over in a second tab', async () => {
    const screen = await opened(wechat);
    const there = await screen.openPhone();
    await there.page.getByRole('heading', { name: '微信登录' }).waitFor();
    const { location } = await wechat.allows(await screen.scene(), 'wang');
    await there.shows('confirmed');
    await screen.shows('done');
    const page = await context.newPage();
    await page.goto(location);
    await page.getByText('This login has been answered').waitFor();
  });
});

describe('by the open platform, on a shop’s page', () => {
  let web, shop;
  /** Where the shop's page takes the element from. */
  let server = '';
  before(async () => {
    web = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(`<!doctype html><script type="module" src="${server}/saoma-login.js"></script><saoma-login></saoma-login>`);
    });
    await once(web.listen(0, '127.0.0.1'), 'listening');
    shop = `http://127.0.0.1:${web.address().port}`;
  });
  after(() => web?.close());

  describe('of another origin on the server’s site', () => {
    let wechat;
    before(async () => { wechat = await startWeChat('open_platform', { SAOMA_ORIGINS: shop }); server = wechat.url; });
    after(() => wechat?.stop());

    test('the frame leads back to a page of the server’s, and the login goes on', async () => {
      const screen = await opened({ url: shop });
      await screen.frame().getByRole('heading', { name: '微信登录' }).waitFor();
      await wechat.allows(await screen.scene(), 'wang');
      await screen.shows('done');
      assert.deepEqual(context.complaints(REFUSED, /favicon/), []);
    });

    test('so does a tab', async () => {
      const screen = await opened({ url: shop });
      const there = await screen.openPhone();
      await there.page.getByRole('heading', { name: '微信登录' }).waitFor();
      await wechat.allows(await screen.scene(), 'wang');
      await there.shows('confirmed');
      await screen.shows('done');
    });
  });

  describe('of another site', () => {
    let wechat, tls;
    before(async () => {
      tls = await startTls();
      wechat = await startWeChat('open_platform', { SAOMA_ORIGINS: shop, SAOMA_PUBLIC_URL: tls.url });
      tls.leadTo(wechat.url);
      server = tls.url;
    });
    after(async () => { tls?.stop(); await wechat?.stop(); });
    beforeEach(async () => {
      await context.close();
      context = await newContext(browser, { ignoreHTTPSErrors: true });
    });

    test('the frame leads back, for the cookie is the frame’s own', async () => {
      const screen = await opened({ url: shop });
      await screen.frame().getByRole('heading', { name: '微信登录' }).waitFor();
      await wechat.allows(await screen.scene(), 'wang');
      await screen.shows('done');
      assert.deepEqual(context.complaints(/favicon/), []);
    });

    test('a tab has no such cookie, and says so', async () => {
      const screen = await opened({ url: shop });
      const { page } = await screen.openPhone();
      await page.getByRole('heading', { name: '微信登录' }).waitFor();
      await wechat.allows(await screen.scene(), 'wang');
      await page.getByText('begun in another browser').first().waitFor();
      await screen.shows('pending');
    });
  });
});

describe('by the open platform, whom the directory does not know', () => {
  const wechat = withWeChat('open_platform', { SAOMA_DIRECTORY: 'known' });
  before(() => wechat.tell('people', { person: 'wang', nickname: '王小明' }));

  test('signs up in the frame', async () => {
    const screen = await opened(wechat);
    await screen.frame().getByRole('heading', { name: '微信登录' }).waitFor();
    await wechat.allows(await screen.scene(), 'wang');
    await screen.shows('unregistered');
    assert.match(await screen.text('status'), /Sign up to go on/);
    await screen.frame().getByLabel('Name to register').fill('Wang Xiaoming');
    await screen.frame().getByRole('button', { name: 'Register' }).click();
    await screen.shows('done');
    assert.equal(await screen.text('title'), 'Logged in as Wang Xiaoming');
  });

  test('signs up in the tab', async () => {
    const screen = await opened(wechat);
    const there = await screen.openPhone();
    await there.page.getByRole('heading', { name: '微信登录' }).waitFor();
    await wechat.allows(await screen.scene(), 'li');
    await there.shows('join');
    await there.page.reload(); // what it came with is not lost
    await there.page.getByLabel('Name to register').fill('Li');
    await there.page.getByRole('button', { name: 'Register' }).click();
    await there.shows('confirmed');
    await screen.shows('done');
    assert.equal(await screen.text('title'), 'Logged in as Li');
  });

  test('may refuse instead', async () => {
    const screen = await opened(wechat);
    await screen.frame().getByRole('heading', { name: '微信登录' }).waitFor();
    await wechat.allows(await screen.scene(), 'zhao');
    await framed(screen).getByRole('button', { name: 'Refuse' }).click();
    await screen.shows('rejected');
  });
});

/** Somebody scans the code, and opens the link in WeChat. @param {any} wechat @param {any} screen @param {string} person */
async function opensLink(wechat, screen, person) {
  const link = await wechat.scans(await screen.scene(), person);
  const page = await (await newContext(browser, PHONE)).newPage();
  await page.goto(link);
  return phone(page);
}

describe('by the official account', () => {
  const wechat = withWeChat('official_account');

  test('who scans is written a link, looks at who asks, and confirms', async () => {
    const screen = await opened(wechat);
    assert.equal(await screen.text('status'), 'Scan with WeChat.', 'a camera alone makes nothing of this code');
    const mobile = await opensLink(wechat, screen, 'wang');
    await screen.shows('scanned');
    await mobile.shows('ask');
    assert.equal(await mobile.text('title'), 'Log in on this browser?');
    assert.match(await mobile.text('status'), /^Somebody wants to log in as you/);
    assert.match(await mobile.text('browser'), /^Chrome \d+ on Linux$/);
    assert.equal(await mobile.text('site'), new URL(wechat.url).host);
    assert.equal(await mobile.page.getByText('Simulator').isVisible(), false);
    assert.doesNotMatch(mobile.page.url(), /#|login_code/);
    await mobile.confirm();
    await mobile.shows('confirmed');
    await screen.shows('done');
    assert.equal(await screen.text('provider'), 'official_account');
    assert.deepEqual(context.complaints(), []);

    await mobile.page.reload();
    await mobile.shows('confirmed');
    await mobile.page.context().close();
  });

  test('a reload, and the link once more, ask again', async () => {
    const screen = await opened(wechat);
    const link = await wechat.scans(await screen.scene(), 'wang');
    const { page, ...mobile } = phone(await context.newPage());
    await page.goto(link);
    await mobile.shows('ask');
    await page.reload();
    await mobile.shows('ask');
    await page.goto(link);
    await mobile.shows('ask');
    await mobile.confirm();
    await screen.shows('done');
  });

  test('a refusal is told to the page', async () => {
    const screen = await opened(wechat);
    const mobile = await opensLink(wechat, screen, 'wang');
    await mobile.shows('ask');
    await mobile.refuse();
    await mobile.shows('rejected');
    await screen.shows('rejected');
    assert.match(await screen.text('alert'), /refused on the phone/);
    await mobile.page.context().close();
  });

  test('a link does nothing in another session’s place', async () => {
    const [mine, other] = [await opened(wechat), await opened(wechat)];
    const link = await wechat.scans(await mine.scene(), 'wang');
    const { page, ...mobile } = phone(await context.newPage());
    await page.goto(link.replace(await mine.scene(), await other.scene()));
    await mobile.shows('stale');
    assert.deepEqual(context.complaints(REFUSED), []);
    await other.shows('pending');
    await mine.shows('scanned');
  });

  test('a link whose login was given up says so', async () => {
    const screen = await opened(wechat);
    const mobile = await opensLink(wechat, screen, 'wang');
    await mobile.shows('ask');
    await screen.button(/Not you/).click();
    await mobile.shows('cancelled');
    await mobile.page.context().close();
  });

  test('the page without its link has nothing to type', async () => {
    const mobile = phone(await context.newPage());
    await mobile.page.goto(`${wechat.url}/wechat/some-scene`);
    await mobile.shows('nothing');
    assert.match(await mobile.text('status'), /link that you got in WeChat/);
    assert.equal(await mobile.page.locator('input:visible').count(), 0);
  });

  test('speaks Chinese where WeChat does', async () => {
    const screen = await opened(wechat);
    const link = await wechat.scans(await screen.scene(), 'wang');
    const chinese = await newContext(browser, { ...PHONE, locale: 'zh-CN' });
    const mobile = phone(await chinese.newPage());
    await mobile.page.goto(link);
    await mobile.shows('ask');
    assert.equal(await mobile.text('title'), '在此浏览器上登录？');
    assert.equal(await mobile.page.getAttribute('html', 'lang'), 'zh-CN');
    await chinese.close();
  });

  test('a server that is away for a moment loses nothing', async () => {
    const screen = await opened(wechat);
    const link = await wechat.scans(await screen.scene(), 'wang');
    const { page, ...mobile } = phone(await context.newPage());
    await page.route('**/scan', (route) => route.fulfill({ status: 503, json: { code: 'wechat_busy', detail: 'WeChat says that it is busy' } }), { times: 1 });
    await page.goto(link);
    await page.getByText('WeChat says that it is busy').waitFor();
    await page.getByRole('button', { name: 'Try again' }).click();
    await mobile.shows('ask');
  });
});

describe('by the official account with a match number', () => {
  const wechat = withWeChat('official_account', { SAOMA_MATCH_NUMBER: 'on', SAOMA_DIRECTORY: 'known' });

  test('the digits of the screen are typed on the phone, and who is new signs up', async () => {
    const screen = await opened(wechat);
    const digits = await screen.text('digits');
    const mobile = await opensLink(wechat, screen, 'wang');
    await mobile.shows('ask');
    await mobile.typeNumber(digits);
    await mobile.confirm();
    await mobile.shows('join');
    await screen.shows('unregistered');
    assert.match(await mobile.text('status'), /You are not registered here yet/);
    await mobile.page.getByLabel('Name to register').fill('Wang');
    await mobile.page.getByRole('button', { name: 'Register' }).click();
    await mobile.shows('confirmed');
    await screen.shows('done');
    assert.equal(await screen.text('title'), 'Logged in as Wang');
    await mobile.page.context().close();
  });

  test('a wrong one ends the login', async () => {
    const screen = await opened(wechat);
    const digits = Number(await screen.text('digits'));
    const mobile = await opensLink(wechat, screen, 'wang');
    await mobile.shows('ask');
    await mobile.typeNumber(String(digits === 99 ? 10 : digits + 1));
    await mobile.confirm();
    await mobile.shows('wrong');
    await screen.shows('rejected');
    await mobile.page.context().close();
  });
});

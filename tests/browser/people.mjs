// The two people of every story: one before a screen, one (often the same) with a phone.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const WAIT_MS = 15_000;

export function launch() {
  return chromium.launch({ executablePath: process.env.SAOMA_CHROMIUM ?? '/usr/bin/chromium', args: ARGS });
}

/**
 * A browser profile that collects what its pages complain of.
 * @param {import('playwright-core').Browser} browser
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
export async function newContext(browser, options) {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(WAIT_MS);
  /** @type {string[]} */
  const complaints = [];
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.text()} (${message.location().url})`);
  });
  context.on('weberror', (error) => complaints.push(String(error.error())));
  return Object.assign(context, {
    /** What was complained of, but for what the story itself brings about. @param {...RegExp} meant */
    complaints: (...meant) => complaints.filter((text) => !meant.some((pattern) => pattern.test(text))),
  });
}

/** @param {import('playwright-core').BrowserContext} context @param {string} url */
export async function openLogin(context, url) {
  const page = await context.newPage();
  await page.goto(url);
  return screen(page);
}

/**
 * A page that somebody else wrote, at the server's own address and under the policy of its pages.
 * @param {import('playwright-core').BrowserContext} context @param {string} url @param {string} html
 * @param {boolean} [defined] whether the element is known by then
 */
export async function openPage(context, url, html, defined = true) {
  const page = await context.newPage();
  // The demo page without its script, so that nothing of it but the address and the policy is left.
  await page.route('**/demo.js', (route) => route.fulfill({ contentType: 'text/javascript', body: '' }));
  await page.goto(url);
  await page.evaluate(async ([body, script]) => {
    document.title = 'A page';
    document.documentElement.lang = '';
    document.head.querySelectorAll('link[rel=stylesheet], meta[name=color-scheme]').forEach((node) => node.remove());
    document.body.innerHTML = body;
    if (script) await import(script);
  }, [html, defined ? '/saoma-login.js' : '']);
  return screen(page);
}

/** The login page in the words of who looks at it. @param {import('playwright-core').Page} page */
export function screen(page) {
  return {
    page,
    /** @param {string} state @param {number} [timeout] */
    shows: (state, timeout) => page.locator(`[data-state="${state}"]`).waitFor({ timeout }),
    /** @param {string} transport */
    servedBy: (transport) => page.locator(`#transport[data-transport="${transport}"]`).waitFor(),
    text: (/** @type {string} */ id) => page.locator(`#${id}`).innerText(),
    button: (/** @type {string | RegExp} */ name) => page.getByRole('button', { name }),
    session: () => page.locator('#code').getAttribute('data-session'),
    scene: () => page.evaluate(() => /** @type {string} */ (document.querySelector('saoma-login')?.login.session?.scene)),
    /** What stands in the place of the code's picture. */
    frame: () => page.frameLocator('#code'),
    link: async () => new URL(/** @type {string} */ (await page.locator('#link').getAttribute('href'))).href,
    /** The phone in a second tab, by the link that the page shows. */
    async openPhone() {
      const [opened] = await Promise.all([page.context().waitForEvent('page'), page.locator('#link').click()]);
      return phone(opened);
    },
  };
}

/** The person's page, on a phone, or where WeChat leads. @param {import('playwright-core').Page} page */
export function phone(page) {
  return {
    page,
    /** @param {string} step */
    shows: (step) => page.locator(`main[data-step="${step}"]`).waitFor(),
    text: (/** @type {string} */ id) => page.locator(`#${id}`).innerText(),
    /** @param {string} name */
    async scanAs(name) {
      await page.getByLabel('Your name').fill(name);
      await page.getByRole('button', { name: 'Continue' }).click();
    },
    typeNumber: (/** @type {string} */ digits) => page.getByLabel('The two digits').fill(digits),
    confirm: () => page.getByRole('button', { name: 'Confirm' }).click(),
    refuse: () => page.getByRole('button', { name: 'Refuse' }).click(),
  };
}

/**
 * Somebody scans what a page shows and confirms, until the page has their name.
 * @param {Awaited<ReturnType<typeof openLogin>>} screen @param {string} name
 */
export async function logIn(screen, name) {
  const mobile = await screen.openPhone();
  await mobile.scanAs(name);
  await mobile.shows('ask');
  await screen.shows('scanned');
  await mobile.confirm();
  await mobile.shows('confirmed');
  await screen.shows('done');
  assert.equal(await screen.text('userName'), name);
}

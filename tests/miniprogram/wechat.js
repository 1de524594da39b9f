// WeChat as far as the mini program sees it: the official components under jsdom, and a `wx` whose
// requests are real ones and which notes what was asked of it.

const { JSDOM } = require('jsdom');
const { join } = require('node:path');

const ROOT = join(__dirname, '../../miniprogram');

const { window } = new JSDOM('<!doctype html><body></body>', { pretendToBeVisual: true });
for (const name of ['document', 'HTMLElement', 'Element', 'Node', 'Event', 'CustomEvent', 'TouchEvent', 'MutationObserver', 'getComputedStyle']) {
  globalThis[name] = window[name];
}
globalThis.window = window;
const simulate = require('miniprogram-simulate');
const config = require(join(ROOT, 'config.js'));

/** The way in of a camera, and of a picture that was pressed long. */
const CAMERA = 1047;
const PICTURE = 1048;

/**
 * A phone on which WeChat runs. What a test changes, holds from then on.
 * @param {{ server: string, name?: string, language?: string, net?: string }} options
 */
function phone({ server, name = 'Alice', language = 'zh_CN', net = 'up' }) {
  config.server = server;
  const shown = new Set();
  const self = {
    codes: [], // what wx.login gave
    requests: [], // { path, body, status, told: the page has had the answer }
    entered: { path: '', query: {}, scene: CAMERA },
    exited: 0,
    bar: '',
    /** How the net is: `up`, `down` (nothing goes out), `deaf` (the answer is lost), or the answer of something in between. */
    net,
    loginFails: false,
    /** @type {() => string | Promise<string>} */
    nextCode: () => `sim:${name}`,
    hold: null, // a promise that requests wait for

    /** Opens a page, as WeChat does: loaded with a query, then shown. */
    open(page, query = {}) {
      const id = simulate.load(join(ROOT, page), { rootPath: ROOT });
      const component = simulate.render(id);
      component.attach(document.createElement('main'));
      const one = view(component);
      self.entered.path ||= component.instance.is;
      component.instance.onLoad(query);
      component.instance.onShow?.();
      shown.add(one);
      return one;
    },
    /** A code is scanned while WeChat is not running the program. */
    scan(scene, number = CAMERA) {
      self.entered = { path: '', query: { scene: encodeURIComponent(scene) }, scene: number };
      return self.open('pages/wsLogin/wsLogin', self.entered.query);
    },
    /** A code is scanned while its page lives: WeChat shows it again, with the query of the first. */
    scanAgain(page, scene, number = CAMERA) {
      self.entered = { path: page.path, query: { scene: encodeURIComponent(scene) }, scene: number };
      page.show();
    },
    /** The person takes the program out of the list of those that ran, with nothing scanned. */
    bringBack(page) {
      self.entered = { path: page.path, query: {}, scene: 1089 };
      page.show();
    },
    /** Requests of a kind, by the end of their path. */
    asked: (end) => self.requests.filter(({ path }) => path.endsWith(end)),
    /** Every page goes, so that no clock of theirs runs on. */
    close() {
      for (const page of shown) page.instance.onUnload?.();
    },
  };

  Object.assign(globalThis.wx, {
    getEnterOptionsSync: () => self.entered,
    getAppBaseInfo: () => ({ language }),
    setNavigationBarTitle: ({ title }) => { self.bar = title; },
    exitMiniProgram: () => { self.exited += 1; },
    async login({ success, fail }) {
      if (self.loginFails) return void setImmediate(fail, { errMsg: 'login:fail' });
      const code = await self.nextCode();
      self.codes.push(code);
      setImmediate(success, { code, errMsg: 'login:ok' });
    },
    request(options) { carry(self, options); },
  });
  return self;
}

async function carry(self, { url, method, data, header, success, fail }) {
  const noted = { path: new URL(url).pathname, body: data, status: 0, told: false };
  self.requests.push(noted);
  await self.hold;
  if (typeof self.net === 'object') return success({ data: '', header: {}, ...self.net });
  let answer = null;
  let text = '';
  try {
    if (self.net !== 'down') answer = await fetch(url, { method, headers: header, body: JSON.stringify(data) });
    text = await answer?.text();
  } catch { /* the server is not there */ }
  if (answer) noted.status = answer.status;
  if (answer && self.net === 'up') {
    let body = text;
    try { body = JSON.parse(text); } catch { /* as WeChat: text stays text */ }
    success({ statusCode: answer.status, data: body, header: Object.fromEntries(answer.headers), errMsg: 'request:ok' });
  } else {
    fail({ errMsg: answer ? 'request:fail interrupted' : 'request:fail' });
  }
  // What the page makes of it is done by its promises, before this is set.
  setImmediate(() => { noted.told = true; });
}

/** A page as a person sees it. */
function view(component) {
  const { instance } = component;
  const find = (selector) => component.querySelector(selector);
  const page = {
    instance,
    path: instance.is,
    get step() { return instance.data.step; },
    get text() { return component.dom.textContent.replace(/\s+/g, ' '); },
    textOf: (selector) => find(selector)?.dom.textContent.trim(),
    has: (selector) => find(selector) !== undefined,
    show: () => instance.onShow(),
    tap(selector) {
      const button = find(selector);
      if (!button) throw new Error(`there is no ${selector} to tap: ${page.text}`);
      // A disabled button of WeChat's takes no tap; the simulated one has no such rule.
      if (instance.data.held && selector !== '.leave') return;
      button.dispatchEvent('tap');
    },
    type(selector, value) {
      find(selector).dispatchEvent('input', { detail: { value } });
    },
    /** Waits until the page says so. @param {(page: any) => boolean} wish */
    async until(wish, what = wish.toString()) {
      const end = Date.now() + 10_000;
      while (!wish(page)) {
        if (Date.now() > end) throw new Error(`waited for ${what}; the page says: ${page.text}`);
        await new Promise(setImmediate);
      }
    },
    reach: (step) => page.until(() => page.step === step && !instance.data.held, `the step ${step}`),
  };
  return page;
}

module.exports = { phone, ROOT, CAMERA, PICTURE };

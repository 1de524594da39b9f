// A page with a login on it: the client, everything it is given, and what was heard of it.
import assert from 'node:assert/strict';
import { createLogin } from '../../static/saoma.js';
import { Clock, drained, FakeEventSource, FakeWebSocket, fakeWindow, Server, Storage } from './fakes.mjs';

export const SITE = 'https://shop.example';

/** A page on which nothing was started yet. @param {any} [options] the client's, and `world` for a page of an older world */
export function page({ world = newWorld(), ...options } = {}) {
  return new Page(world, options);
}
/** A page whose login was started. @param {any} [options] */
export async function opened(options) {
  const it = page(options);
  await it.start();
  return it;
}
/** A page that a WebSocket serves. @param {any} [options] */
export async function served(options) {
  const it = await opened(options);
  await it.socket.hello();
  return it;
}
/** A page that can only long-poll. @param {any} [options] */
export const polling = (options) => opened({ transports: ['long-poll'], ...options });

function newWorld() {
  const clock = new Clock();
  return { clock, server: new Server(clock), storage: new Storage() };
}

class Page {
  /** @type {FakeWebSocket[]} */ sockets = [];
  /** @type {FakeEventSource[]} */ sources = [];
  /** Everything the client said, as [type, detail]. @type {[string, any][]} */
  heard = [];
  /** What the dice show. */
  random = 0.5;
  #options;
  #first;

  constructor(world, options) {
    Object.assign(this, world);
    this.world = world;
    this.#options = options;
    this.#first = this.server.requests.length; // those before are an older page's
    this.window = fakeWindow(`${SITE}/login`, world.storage);
    const it = this;
    this.login = createLogin({
      endpoint: SITE, fetch: world.server.fetch, window: this.window, clock: world.clock.of(this),
      random: () => this.random,
      WebSocket: class extends FakeWebSocket {
        constructor(url, protocols) { super(url, protocols, world); it.sockets.push(this); }
      },
      EventSource: class extends FakeEventSource {
        constructor(url) { super(url, world); it.sources.push(this); }
      },
      ...options,
    });
    for (const type of ['state', 'session', 'event', 'transport', 'end', 'error']) {
      this.login.on(type, (detail) => this.heard.push([type, detail]));
    }
  }
  async start() {
    this.login.start();
    await drained();
  }
  advance(ms) { return this.clock.advance(ms); }
  /** Lets time pass until something has happened. @param {() => boolean} happened @returns {Promise<number>} ms */
  async until(happened, most = 60_000) {
    const began = this.clock.now();
    while (!happened()) {
      assert.ok(this.clock.now() - began < most, `${happened}: not within ${most} ms`);
      await this.advance(10);
    }
    return this.clock.now() - began;
  }
  /** A stream that keeps its heartbeat for so long. */
  async beats(link, ms) {
    for (let left = ms; left > 0; left -= 15_000) {
      await this.advance(Math.min(left, 15_000));
      await link.heartbeat();
    }
  }
  /** The same browser comes back to the page. */
  reload() {
    this.clock.forget(this);
    for (const request of this.asked) request.open = false;
    return opened({ ...this.#options, world: this.world });
  }
  // ---- what the browser tells
  async shown() {
    this.window.document.visibilityState = 'visible';
    this.window.document.dispatchEvent(new Event('visibilitychange'));
    await drained();
  }
  async restored() {
    this.window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
    await drained();
  }
  online() { return this.told('online'); }
  async told(type) {
    this.window.dispatchEvent(new Event(type));
    await drained();
  }
  // ---- what the client asked for
  get asked() { return this.server.requests.slice(this.#first); }
  requests(kind) { return this.asked.filter((request) => request.kind === kind); }
  get polls() { return this.requests('events'); }
  get poll() { return this.polls.at(-1); }
  get socket() { return this.sockets.at(-1); }
  get source() { return this.sources.at(-1); }
  /** Every way that is being tried or in use. */
  get ways() {
    return [...this.sockets.map((way) => ['websocket', way]), ...this.sources.map((way) => ['sse', way]),
      ...this.polls.map((way) => ['long-poll', way])].filter(([, way]) => way.open).map(([kind]) => kind);
  }
  /** What it told the server of its falls. */
  get reports() {
    return [...this.sockets, ...this.sources, ...this.polls].filter(({ query }) => query.transport || query.reason)
      .map(({ query }) => `${query.transport} ${query.reason}`);
  }
  /** What it listens to of the window. */
  get listeners() { return [...this.window.listeners, ...this.window.document.listeners]; }
  // ---- what it said
  said(type) { return this.heard.filter(([which]) => which === type).map(([, detail]) => detail); }
  get states() { return this.said('state').map(({ state }) => state); }
  get ids() { return this.said('event').map(({ id }) => id); }
  get transports() { return this.said('transport').map(({ transport }) => transport); }

  /** Nothing runs any more, and nothing will. */
  async isOver() {
    const asked = this.asked.length + this.sockets.length + this.sources.length;
    assert.deepEqual(this.ways, [], 'no way is open');
    assert.equal(this.clock.running(this), 0, 'no timer runs');
    assert.deepEqual(this.listeners, [], 'nobody listens to the window');
    const told = this.heard.length;
    await this.advance(3_600_000);
    await this.online();
    await this.shown();
    await this.advance(3_600_000);
    assert.equal(this.asked.length + this.sockets.length + this.sources.length, asked, 'nothing is asked');
    assert.equal(this.heard.length, told, 'nothing is said');
  }
}

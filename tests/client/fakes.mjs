// The world around the client, in the hands of a test: time, the server, its streams and the window.
// Nothing here waits, and nothing happens that a test did not ask for.

/** Lets everything go on that waits for nothing but its turn. */
export const drained = () => new Promise((resolve) => setImmediate(resolve));

const MOST_MS = 2 ** 31 - 1;
const MOST_AT_ONCE = 100;

/** Time that moves when told to. Timers run in their order, and each to its end before the next. */
export class Clock {
  #wall = Date.UTC(2026, 0, 1);
  #awake = 0;
  #last = 0;
  /** @type {Map<number, { at: number, callback: () => void, whose: any }>} */
  #timers = new Map();

  /** What one page sees of it. @param {any} whose */
  of(whose) {
    return {
      now: () => this.#wall,
      setTimeout: (callback, ms) => {
        // A browser takes both for 0.
        if (!(ms <= MOST_MS)) throw new Error(`a timer of ${ms} ms`);
        this.#timers.set(++this.#last, { at: this.#awake + Math.max(0, ms), callback, whose });
        return this.#last;
      },
      clearTimeout: (id) => { this.#timers.delete(id); },
    };
  }
  now() { return this.#wall; }

  /** @param {number} ms */
  async advance(ms) {
    const end = this.#awake + ms;
    await drained();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#pass(next[1].at - this.#awake);
      this.#timers.delete(next[0]);
      next[1].callback();
      await drained();
    }
    this.#pass(end - this.#awake);
  }
  /** The lid is closed: the hour goes on, timers do not. @param {number} ms */
  sleep(ms) { this.#wall += ms; }
  running(whose) { return [...this.#timers.values()].filter((timer) => timer.whose === whose).length; }
  /** A page that is left takes its timers with it. */
  forget(whose) {
    for (const [id, timer] of this.#timers) if (timer.whose === whose) this.#timers.delete(id);
  }

  #pass(ms) { this.#awake += ms; this.#wall += ms; }
  #next(end) {
    const due = [...this.#timers].filter(([, timer]) => timer.at <= end);
    return due.sort(([one, a], [two, b]) => a.at - b.at || one - two)[0];
  }
}

/** One numbered fact. */
export const event = (id, type, data = {}) => ({ id, type, at: '2026-01-01T00:00:00.000Z', data });

// ---- how a request may fare

export const refused = (request) => request.cut();
export const hangs = () => {};
/** @param {number} status @param {string} [code] @param {Record<string, string>} [headers] */
export const problem = (status, code = `http_${status}`, headers = {}) => (request) =>
  request.answer(status, { status, code, detail: `told ${code}` }, headers);

class Request {
  constructor(url, init, now) {
    this.url = new URL(url);
    this.query = Object.fromEntries(this.url.searchParams);
    this.method = init.method ?? 'GET';
    this.headers = new Headers(init.headers);
    this.bearer = this.headers.get('Authorization')?.replace('Bearer ', '');
    this.body = init.body === undefined ? undefined : JSON.parse(init.body);
    this.keepalive = init.keepalive === true;
    this.at = now;
    this.open = true;
    const { signal } = init, abort = () => {
      this.open = false;
      this.failed(signal.reason);
    };
    this.promise = new Promise((resolve, reject) => {
      this.answered = resolve;
      this.failed = reject;
    }).finally(() => signal?.removeEventListener('abort', abort));
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort);
  }
  /** Which call of the API it is. */
  get kind() {
    const [, call] = this.url.pathname.match(/\/v1\/sessions(?:\/[^/]+)?(?:\/(\w+))?$/) ?? [];
    return call ?? { POST: 'open', DELETE: 'cancel' }[this.method];
  }
  get session() { return this.url.pathname.match(/\/sessions\/([^/]+)/)?.[1]; }

  /** @param {number} status @param {any} [body] JSON, or text as it is @param {Record<string, string>} [headers] */
  async answer(status, body = '', headers = {}) {
    if (!this.open) return;
    this.open = false;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    this.answered({
      ok: status >= 200 && status < 300, status, headers: new Headers(headers),
      text: async () => text, json: async () => JSON.parse(text),
    });
    await drained();
  }
  /** A long-poll that brings something. */
  brings(...events) {
    return this.answer(200, { events, cursor: events.at(-1)?.id ?? Number(this.query.cursor),
      state: events.at(-1)?.type ?? 'pending', done: false });
  }
  /** No answer: refused, or cut in the middle. */
  async cut() {
    this.open = false;
    this.failed(new TypeError('Failed to fetch'));
    await drained();
  }
}

/** Speaks CONTRACT's HTTP with one log, unless told otherwise. */
export class Server {
  transports = ['websocket', 'sse', 'long-poll'];
  heartbeat = 15;
  /** Seconds that a session has; every hello begins them anew. */
  lifetime = 180;
  /** A code of another kind. @type {any} */ code;
  log = [event(1, 'pending')];
  over = false;
  /** @type {Request[]} */
  requests = [];
  /** @type {Set<Request>} */
  #waiting = new Set();
  #scripts = {};
  #clock;
  #opened = 0;

  constructor(clock) { this.#clock = clock.of(this); }
  /** The next requests of this kind fare so, one after the other. @param {string} kind */
  next(kind, ...fates) { (this.#scripts[kind] ??= []).push(...fates); }
  /** All requests of this kind fare so from now on; without a fate, as usual again. */
  every(kind, fate) { this[`on_${kind}`] = fate; }

  fetch = (url, init = {}) => {
    const request = new Request(url, init, this.#clock.now());
    this.requests.push(request);
    // A client that asks without end would keep time from going on: it is left without an answer.
    if (this.requests.at(-MOST_AT_ONCE)?.at === request.at) return request.promise;
    const usual = this[`on_${request.kind}`] ?? this[`_${request.kind}`];
    const fate = this.#scripts[request.kind]?.shift() ?? usual;
    if (request.open) fate.call(this, request);
    return request.promise;
  };
  /** Something happens to the session, and whoever long-polls hears of it. */
  async happens(type, data) {
    const fact = event(this.log.length + 1, type, data);
    this.log.push(fact);
    this.over ||= ['rejected', 'expired', 'cancelled', 'confirmed'].includes(type);
    for (const request of this.#waiting) this.#answer(request);
    await drained();
    return fact;
  }
  /** Its memory is gone. */
  restarts() { this.log = [event(1, 'pending')]; }
  since(cursor) { return cursor > this.log.length ? this.log : this.log.slice(cursor); }
  state() { return this.log.at(-1).type; }

  _open(request) {
    const session_id = `s${++this.#opened}`;
    this.restarts();
    this.over = false;
    request.answer(201, {
      session_id, secret: `secret-${session_id}`, scene: 'scene', state: 'pending',
      expires_at: new Date(this.#clock.now() + this.lifetime * 1000).toISOString(),
      expires_in: this.lifetime,
      code: this.code ?? { url: `/v1/sessions/${session_id}/code`, media_type: 'image/svg+xml', content: 'https://x.example/go' },
      match_number: null,
      events: { url: `/v1/sessions/${session_id}/events`, transports: this.transports,
        heartbeat_seconds: this.heartbeat },
    });
  }
  _events(request) {
    if (request.bearer !== `secret-${request.session}`) return problem(401, 'unauthorized')(request);
    const { cursor, wait } = request.query;
    if (!/^[0-9]+$/.test(`${wait}`) || wait > 60) return problem(400, 'bad_request')(request);
    if (this.since(Number(cursor)).length || this.over || wait === '0') return this.#answer(request);
    this.#waiting.add(request);
    this.#clock.setTimeout(() => this.#answer(request), Number(wait) * 1000);
  }
  _cancel(request) { request.answer(204); }
  _messages(request) { request.answer(202, { id: this.log.length + 1 }); }
  _token(request) {
    request.answer(200, { access_token: 'jwt', token_type: 'Bearer', expires_in: 900, user: { id: 'u1' } });
  }
  #answer(request) {
    this.#waiting.delete(request);
    const events = this.since(Number(request.query.cursor));
    const cursor = events.at(-1)?.id ?? Number(request.query.cursor);
    request.answer(200, { events, cursor, state: this.state(), done: this.over });
  }
}

/** What a WebSocket and an EventSource have in common: the test plays the other end. */
class Link extends EventTarget {
  readyState = 0;
  /** The page has closed it. */
  left = false;
  constructor(url, { server, clock }) {
    super();
    this.url = new URL(url);
    this.query = Object.fromEntries(this.url.searchParams);
    this.at = clock.now();
    this.server = server;
  }
  /** Neither ended nor left. */
  get open() { return this.readyState < 2 && !this.left; }
  get asked() { return Number(this.query.cursor); }
  close() { this.left = true; }
  async dispatch(type, properties = {}) {
    const happening = Object.assign(new Event(type), properties);
    this[`on${type}`]?.(happening);
    this.dispatchEvent(happening);
    await drained();
  }
  async opens() {
    this.readyState = 1;
    await this.dispatch('open');
  }
  /** The first thing that the server says, and behind it what the log has. */
  async hello(more = {}) {
    if (this.readyState === 0) await this.opens();
    const cursor = this.asked > this.server.log.length ? 0 : this.asked;
    await this.says({ type: 'hello', data: { cursor, state: this.server.state(),
      expires_in: this.server.lifetime, heartbeat_seconds: this.server.heartbeat, ...more } });
    await this.brings(...this.server.log.slice(cursor));
  }
  async brings(...events) { for (const fact of events) await this.says(fact); }
  heartbeat() { return this.says({ type: 'heartbeat', data: {} }); }
}

export class FakeWebSocket extends Link {
  constructor(url, protocols, world) {
    super(url, world);
    this.protocols = protocols;
  }
  says(message) { return this.dispatch('message', { data: JSON.stringify(message) }); }
  /** 1006: no word of farewell. */
  async dies(code = 1006) {
    this.readyState = 3;
    if (code === 1006) await this.dispatch('error');
    await this.dispatch('close', { code, reason: '', wasClean: code !== 1006 });
  }
}

export class FakeEventSource extends Link {
  says(message) { return this.dispatch(message.type, { data: JSON.stringify(message) }); }
  /** It would come back by itself: cut, or ended by the server. */
  dies() {
    this.readyState = 0;
    return this.dispatch('error');
  }
  /** An answer that is no stream: it stays closed, and nobody says why. */
  refused() {
    this.readyState = 2;
    return this.dispatch('error');
  }
}

/** Knows who still listens. */
class Target extends EventTarget {
  /** @type {Set<string>} */
  #names = new Set();
  #ids = new Map();
  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options);
    const name = this.#name(type, listener);
    this.#names.add(name);
    options?.signal?.addEventListener('abort', () => this.#names.delete(name));
  }
  removeEventListener(type, listener, options) {
    super.removeEventListener(type, listener, options);
    this.#names.delete(this.#name(type, listener));
  }
  get listeners() { return [...this.#names].map((name) => name.split(' ')[0]); }
  #name(type, listener) {
    if (!this.#ids.has(listener)) this.#ids.set(listener, this.#ids.size);
    return `${type} ${this.#ids.get(listener)}`;
  }
}

/** @param {string} url @param {Storage} storage */
export function fakeWindow(url, storage) {
  const document = Object.assign(new Target(), { visibilityState: 'visible', hidden: false,
    documentElement: { lang: 'en' } });
  const target = Object.assign(new Target(), { document, localStorage: storage,
    navigator: { onLine: true, language: 'en' }, location: new URL(url) });
  // Events of the document bubble to the window.
  const bubble = () => target.dispatchEvent(new Event('visibilitychange'));
  EventTarget.prototype.addEventListener.call(document, 'visibilitychange', bubble);
  return target;
}

/** What a browser keeps from one page load to the next. */
export class Storage {
  #kept = new Map();
  /** As with cookies blocked: every use throws. */
  forbidden = false;
  getItem(key) { return this.#may(() => this.#kept.get(key) ?? null); }
  setItem(key, value) { this.#may(() => this.#kept.set(key, String(value))); }
  removeItem(key) { this.#may(() => this.#kept.delete(key)); }
  keys() { return [...this.#kept.keys()]; }
  fill(value) { for (const key of this.keys()) this.#kept.set(key, value); }
  #may(use) {
    if (this.forbidden) throw new DOMException('The operation is insecure.', 'SecurityError');
    return use();
  }
}

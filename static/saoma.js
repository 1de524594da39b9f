// @ts-check
/**
 * The browser's side of a Saoma login, with no dependency and no build step:
 *
 *     import { createLogin } from '/saoma.js';
 *     const login = createLogin();
 *     login.on('session', ({ code }) => { image.src = code.url; });
 *     login.on('state', async ({ state }) => {
 *       if (state === 'confirmed') console.log((await login.redeem()).user);
 *     });
 *     login.start();
 *
 * The three transports read one log of numbered events with one cursor: this client changes between
 * them at any moment and loses or repeats nothing.
 *
 * @typedef {'websocket' | 'sse' | 'long-poll'} Transport
 * @typedef {'idle' | 'loading' | 'pending' | 'scanned' | 'unregistered' | 'confirmed' | 'rejected'
 *   | 'expired' | 'cancelled' | 'error'} State
 * @typedef {{ id: number, type: string, at: string, data: any }} Event
 * @typedef {{ url: string, media_type: string, content?: string | null }} Code
 * @typedef {{ session_id: string, scene: string, code: Code, match_number: number | null,
 *   expires_at: string, deadline: number }} Session  `deadline` is on this machine's clock, in ms
 * @typedef {{ access_token: string, token_type: string, expires_in: number,
 *   user: { id: string, name: string, avatar_url?: string | null, provider: string } }} Token
 *
 * @typedef {object} Options
 * @property {string} [endpoint]         where the server is; '' is the page's own origin
 * @property {string} [namespace]
 * @property {Transport[]} [transports]  which may be used; the order of trying is fixed
 * @property {string} [locale]
 * @property {boolean} [messages]        go on exchanging messages after `confirmed`
 * @property {typeof globalThis.fetch} [fetch]
 * @property {typeof globalThis.WebSocket} [WebSocket]
 * @property {typeof globalThis.EventSource} [EventSource]
 *
 * @typedef {object} Events
 * @property {{ state: State, previous: State, event?: Event, error?: LoginError }} state
 * @property {Session} session
 * @property {Event} event
 * @property {{ transport: Transport | null }} transport  null: nothing serves at this moment
 * @property {{ state: State, event?: Event }} end
 * @property {LoginError} error
 */

/** @type {Transport[]} */
const ORDER = ['websocket', 'sse', 'long-poll'];
const ENDS = ['rejected', 'expired', 'cancelled'];
const STATES = ['pending', 'scanned', 'unregistered', 'confirmed', ...ENDS];
const TYPES = ['hello', 'heartbeat', 'code', 'message', ...STATES];

const HELLO_MS = { websocket: 4000, sse: 3000 };
const REQUEST_MS = 15_000;
const POLL_SECONDS = 25; // under the 30 s at which the shortest proxies cut
const SILENT_HEARTBEATS = 2.5;
const GRACE_MS = 5000; // a stream lives no longer than its session plus this
const STEADY_MS = 5000; // only a way that held this long forgives earlier failures
const BACKOFF_MS = 500;
const BACKOFF_CAP_MS = 10_000;
const PROVEN_MISSES = 3; // a way that has worked gets this many chances, a new one gets one

/** What went wrong, in the words of the server's problem (`status`, `code`, `detail`). */
export class LoginError extends Error {
  /** @param {number} status @param {string} code @param {string} [detail] @param {number} [retryAfter] */
  constructor(status, code, detail, retryAfter) {
    super(detail || code);
    this.name = 'LoginError';
    this.status = status; // 0: no answer at all
    this.code = code;
    this.detail = detail;
    this.retryAfter = retryAfter; // seconds, from the server
    /** @type {number | null} */
    this.retryIn = null; // ms until the client tries again by itself
  }
  /** The same call may succeed a little later. */
  get temporary() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** @param {Options} options */
export function createLogin(options = {}) {
  const { endpoint = '', namespace, transports = ORDER, locale, messages = false } = options;
  const fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
  const WebSocket = options.WebSocket ?? globalThis.WebSocket;
  const EventSource = options.EventSource ?? globalThis.EventSource;

  /** @typedef {{ kind: Transport, began: number, since: number, timer?: any, close: () => void }} Link `since` its hello */
  /** @type {Map<string, Set<Function>>} */
  const listeners = new Map();
  /** @type {State} */ let state = 'idle';
  /** @type {Session | null} */ let session = null;
  /** @type {Transport | null} */ let transport = null;
  /** @type {Transport[]} */ let offered = [];
  /** @type {Promise<Token> | null} */ let redemption = null;
  /** @type {Link | null} the one way in use; late callbacks of older ones find they are not it */
  let current = null;
  /** @type {Set<Transport>} found useless here */ const blocked = new Set();
  /** @type {Set<Transport>} have said hello before */ const proven = new Set();
  let secret = '', ticket = '', path = '';
  let round = 0; // one more with every open, refresh and stop: outdates what is under way
  let open = false; // the session has more to tell
  let cursor = 0, heartbeat = 15, tries = 0, misses = 0, pollSeconds = POLL_SECONDS;
  /** @type {any} */ let retryTimer, /** @type {any} */ overdueTimer;

  /** @template {keyof Events} K @param {K} type @param {Events[K]} detail */
  function emit(type, detail) {
    for (const listener of [...(listeners.get(type) ?? [])]) {
      // A listener that throws is the page's fault and must not stop the login.
      try { listener(detail); } catch (error) { setTimeout(() => { throw error; }); }
    }
  }
  /** @param {State} next @param {{ event?: Event, error?: LoginError }} [more] */
  function move(next, more) {
    const previous = state;
    state = next;
    emit('state', { state, previous, ...more });
  }
  /** @param {Transport | null} now */
  function serves(now) {
    if (transport === now) return;
    transport = now;
    emit('transport', { transport });
  }

  /** @param {string} rest */
  function url(rest) {
    return new URL(endpoint.replace(/\/$/, '') + rest, globalThis.location?.href).href;
  }
  /**
   * @param {string} method @param {string} rest
   * @param {{ body?: any, bearer?: string, ms?: number, abort?: AbortController, keepalive?: boolean }} [how]
   */
  async function call(method, rest, { body, bearer, ms = REQUEST_MS, abort = new AbortController(), keepalive } = {}) {
    const timer = setTimeout(() => abort.abort(), ms);
    let answer, text;
    try {
      /** @type {Record<string, string>} */ const headers = { Accept: 'application/json' };
      if (body) headers['Content-Type'] = 'application/json';
      if (bearer) headers.Authorization = `Bearer ${bearer}`;
      answer = await fetch(url(rest), {
        method, headers, keepalive, cache: 'no-store', signal: abort.signal, body: body && JSON.stringify(body),
      });
      text = await answer.text();
    } catch (cause) {
      throw new LoginError(0, 'network', String(cause));
    } finally {
      clearTimeout(timer);
    }
    let json;
    try { json = JSON.parse(text || '{}'); } catch { /* a proxy's own page */ }
    if (answer.ok && json) return json;
    const header = answer.headers.get('Retry-After');
    const after = header ? Number(header) || (Date.parse(header) - Date.now()) / 1000 : 0;
    // A 200 that is not JSON is some portal in between, and passes.
    throw new LoginError(answer.ok ? 0 : answer.status, json?.code ?? `http_${answer.status}`, json?.detail, after > 0 ? after : undefined);
  }

  // ---- opening and ending

  async function begin() {
    const mine = ++round;
    close();
    move('loading');
    try {
      const body = { namespace, locale, messages: messages || undefined };
      const answer = await call('POST', '/v1/sessions', { body });
      if (mine !== round) return forget(answer);
      ({ secret } = answer);
      path = `/v1/sessions/${encodeURIComponent(answer.session_id)}`;
      offered = answer.events.transports;
      heartbeat = answer.events.heartbeat_seconds;
      cursor = 0; tries = 0; misses = 0; ticket = ''; redemption = null; open = true;
      session = {
        session_id: answer.session_id, scene: answer.scene, match_number: answer.match_number ?? null,
        code: { ...answer.code, url: url(`${path}/code`) }, expires_at: answer.expires_at, deadline: 0,
      };
      expires(answer.expires_in);
      emit('session', session);
      if (mine === round) connect();
    } catch (/** @type {any} */ error) {
      if (mine === round) fail(error, begin);
    }
  }
  /** Leaves the stream and every timer. */
  function close() {
    open = false;
    drop();
    clearTimeout(overdueTimer);
    serves(null);
  }
  /** The session is over, for a reason the server gave or the clock. @param {State} last @param {Event} [event] */
  function finish(last, event) {
    const mine = round;
    close();
    if (event) emit('event', event);
    if (mine === round) move(last, { event });
    if (mine === round) emit('end', { state: last, event });
  }
  /** @param {any} error @param {() => void} [again] */
  function fail(error, again) {
    if (!(error instanceof LoginError)) error = new LoginError(0, 'unexpected', String(error));
    close();
    if (again && error.temporary) error.retryIn = later(error.retryAfter, again);
    move('error', { error });
    emit('error', error);
  }
  /** Tells the server that nobody waits any more, so that the phone hears it too. @param {any} [which] */
  async function forget(which) {
    const rest = which ? `/v1/sessions/${encodeURIComponent(which.session_id)}` : path;
    try { await call('DELETE', rest, { bearer: which?.secret ?? secret, keepalive: true }); } catch { /* it expires */ }
  }
  /** @param {number} seconds */
  function expires(seconds) {
    if (!session || !(seconds >= 0)) return;
    session.deadline = Date.now() + seconds * 1000;
    clearTimeout(overdueTimer);
    overdueTimer = setTimeout(overdue, seconds * 1000 + GRACE_MS);
  }
  /** Past its time and nothing was heard: a last look, for it may have ended otherwise meanwhile. */
  async function overdue() {
    const probe = adopt('long-poll');
    try {
      await poll(probe, 0);
      if (current !== probe) return;
      connect(); // the server's clock counts, as long as it can be asked
      overdueTimer = setTimeout(overdue, GRACE_MS);
    } catch {
      if (current === probe) finish('expired');
    }
  }

  // ---- the way to the log

  function connect() {
    const ways = ORDER.filter((kind) => transports.includes(kind) && offered.includes(kind)
      && (kind !== 'websocket' || WebSocket) && (kind !== 'sse' || EventSource));
    if (!ways.length) return fail(new LoginError(406, 'no_transport', 'no transport is left to use'));
    let kind = ways.find((way) => !blocked.has(way));
    if (!kind) { blocked.clear(); kind = ways[0]; }
    const link = adopt(kind);
    try { ({ websocket, sse, 'long-poll': longPoll })[kind](link); } catch { lost(link); }
  }
  /** @param {Transport} kind @returns {Link} */
  function adopt(kind) {
    drop();
    return current = { kind, began: Date.now(), since: 0, close() {} };
  }
  function drop() {
    clearTimeout(retryTimer);
    if (!current) return;
    clearTimeout(current.timer);
    try { current.close(); } catch { /* a stand-in may not know how */ }
    current = null;
  }
  /** Expects a sign of life. @param {Link} link @param {number} ms */
  function watch(link, ms) {
    clearTimeout(link.timer);
    link.timer = setTimeout(() => lost(link), ms);
  }

  /** @param {Link} link */
  function websocket(link) {
    const socket = new WebSocket(url(`${path}/events?cursor=${cursor}`).replace('http', 'ws'), ['saoma.v1', `saoma.bearer.${secret}`]);
    link.close = () => socket.close();
    watch(link, HELLO_MS.websocket);
    socket.onmessage = ({ data }) => receive(link, data);
    socket.onclose = ({ code }) => {
      if (link !== current) return;
      if (code >= 4400 && code < 4600) refused(new LoginError(code - 4000, `close_${code}`));
      // Going down or too busy says nothing against the transport.
      else if (code >= 1011 && code <= 1013) refused(new LoginError(503, `close_${code}`));
      else lost(link);
    };
  }
  /** @param {Link} link */
  function sse(link) {
    const source = new EventSource(url(`${path}/events?cursor=${cursor}&access_token=${encodeURIComponent(secret)}`));
    link.close = () => source.close();
    watch(link, HELLO_MS.sse);
    for (const type of TYPES) source.addEventListener(type, ({ data }) => receive(link, data));
    source.onerror = () => lost(link); // EventSource's own retrying knows neither blame nor backoff
  }
  /** @param {Link} link */
  async function longPoll(link) {
    try {
      // The first asks without waiting: an answer is what proves the way.
      for (let wait = 0; link === current; wait = pollSeconds) {
        const asked = Date.now();
        const news = await poll(link, wait);
        if (link !== current) return;
        works(link);
        // Empty before its time: a server that leaves. Whoever comes next needs a moment.
        if (wait && !news && Date.now() - asked < 1000) return later();
      }
    } catch (/** @type {any} */ error) {
      if (link === current) refused(error);
    }
  }
  /** @param {Link} link @param {number} wait @returns {Promise<boolean>} whether there was something */
  async function poll(link, wait) {
    const abort = new AbortController();
    link.close = () => abort.abort();
    const answer = await call('GET', `${path}/events?cursor=${cursor}&wait=${wait}`,
      { bearer: secret, abort, ms: wait * 1000 + REQUEST_MS });
    if (link !== current) return true;
    // What lies before our cursor can only be a log that started again.
    const first = answer.events[0];
    if (first ? first.id <= cursor : answer.cursor < cursor) cursor = first ? first.id - 1 : answer.cursor;
    for (const event of answer.events) if (link === current) take(event);
    if (link === current && answer.done) finish(answer.state);
    return answer.events.length > 0;
  }

  /** @param {Link} link @param {string} text */
  function receive(link, text) {
    if (link !== current) return;
    let event;
    try { event = JSON.parse(text); } catch { return; }
    if (event.type === 'hello') {
      const { cursor: theirs, expires_in, heartbeat_seconds } = event.data;
      if (theirs < cursor) cursor = theirs; // the log we knew is gone; another starts
      heartbeat = heartbeat_seconds ?? heartbeat;
      expires(expires_in);
      works(link);
    }
    if (link.since) watch(link, heartbeat * 1000 * SILENT_HEARTBEATS);
    if (event.id) take(event);
  }
  /** @param {Link} link */
  function works(link) {
    if (!link.since) link.since = Date.now();
    if (link.kind === 'long-poll') tries = 0;
    proven.add(link.kind);
    serves(link.kind);
  }
  /** @param {Event} event */
  function take(event) {
    if (event.id <= cursor) return;
    cursor = event.id;
    const { type, data } = event;
    if (type === 'confirmed') {
      ticket = data?.ticket ?? '';
      clearTimeout(overdueTimer); // what goes on after it has a longer life, told by the next hello
    }
    if (ENDS.includes(type) || (type === 'confirmed' && !messages)) return finish(/** @type {State} */ (type), event);
    const mine = round;
    emit('event', event);
    if (mine !== round) return;
    if (STATES.includes(type)) move(/** @type {State} */ (type), { event });
    if (type === 'code' && session) {
      session = { ...session, code: { ...session.code, content: data.content, url: `${url(`${path}/code`)}?v=${event.id}` } };
      emit('session', session);
    }
  }

  // ---- when the way is lost

  /**
   * A way that ended, fell silent or never opened. Whether it or the server is at fault a plain request
   * tells, and brings what was missed.
   * @param {Link} link
   */
  async function lost(link) {
    if (link !== current) return;
    if (link.since && Date.now() - link.since >= STEADY_MS) tries = misses = 0;
    serves(null);
    const probe = adopt('long-poll');
    try {
      await poll(probe, 0);
    } catch (/** @type {any} */ error) {
      if (current !== probe) return;
      if (error.status !== 406) return refused(error);
    }
    if (current !== probe) return;
    if (link.kind !== 'long-poll' && ++misses >= (proven.has(link.kind) ? PROVEN_MISSES : 1)) return next(link.kind);
    later();
  }
  /** @param {Transport} kind is of no use here */
  function next(kind) {
    blocked.add(kind);
    misses = 0;
    connect();
  }
  /** @param {LoginError} error */
  function refused(error) {
    const kind = current?.kind ?? 'long-poll';
    if (error.status === 404 || error.status === 410) return finish('expired');
    if (error.status === 406 || error.status === 426) {
      offered = offered.filter((other) => other !== kind);
      return connect();
    }
    if (!error.temporary) return fail(error);
    if (error.status === 504) pollSeconds = Math.max(5, pollSeconds / 2); // something in between is less patient
    serves(null);
    later(error.retryAfter);
  }
  /** @param {number} [seconds] as the server asked @param {() => void} [what] @returns {number} ms until then */
  function later(seconds, what = connect) {
    drop();
    const ms = seconds ? (seconds + Math.random()) * 1000
      : Math.random() * Math.min(BACKOFF_CAP_MS, BACKOFF_MS * 2 ** tries++);
    const mine = round;
    retryTimer = setTimeout(() => mine === round && what(), ms);
    return ms;
  }

  // ---- the page comes and goes

  function wake() {
    // These events come in groups: one new way for all of them.
    if (open && !(current && Date.now() - current.began < 1000)) connect();
  }
  const outside = {
    // A phone that comes back from another app finds its sockets dead without a word.
    visibilitychange: () => document.visibilityState === 'visible' && wake(),
    pagehide: () => open && drop(),
    /** @param {any} e */ pageshow: (e) => e.persisted && wake(),
    offline: () => current && lost(current), // said by the system before any socket notices
    // Another network: what was blocked on the old one may pass, and no backoff is owed.
    online: () => {
      blocked.clear();
      tries = misses = 0;
      if (state === 'error') begin(); else wake();
    },
  };
  /** @param {'addEventListener' | 'removeEventListener'} verb */
  function outsideWorld(verb) {
    for (const [type, listener] of Object.entries(outside)) {
      (type === 'visibilitychange' ? globalThis.document : globalThis)?.[verb]?.(type, /** @type {any} */ (listener));
    }
  }

  async function exchange() {
    for (let n = 1; ; n++) {
      try {
        return await call('POST', `${path}/token`, { body: { ticket }, bearer: secret });
      } catch (/** @type {any} */ error) {
        if (n === 4 || !error.temporary) throw error;
        const ms = error.retryAfter ? error.retryAfter * 1000 : Math.random() * BACKOFF_MS * 2 ** n;
        await new Promise((resolve) => setTimeout(resolve, ms));
      }
    }
  }

  return {
    /** @template {keyof Events} K @param {K} type @param {(detail: Events[K]) => void} listener */
    on(type, listener) {
      if (!listeners.has(type)) listeners.set(type, new Set());
      listeners.get(type)?.add(listener);
      return () => this.off(type, listener);
    },
    /** @template {keyof Events} K @param {K} type @param {(detail: Events[K]) => void} listener */
    off(type, listener) {
      listeners.get(type)?.delete(listener);
    },
    /** Opens a session, unless one is under way. */
    async start() {
      if (open || state === 'loading') return;
      outsideWorld('addEventListener');
      await begin();
    },
    /** Ends the attempt; a session still open is cancelled at the server too. */
    async stop() {
      outsideWorld('removeEventListener');
      const told = open && forget();
      round++;
      if (open || state === 'loading') finish('cancelled'); else close();
      await told;
    },
    /** A new session with a new code; one still open is cancelled. */
    async refresh() {
      if (open) forget();
      outsideWorld('addEventListener'); // adding the same listener twice is adding it once
      await begin();
    },
    /** Exchanges the ticket of `confirmed` for the token. The server gives it once; this remembers it. @returns {Promise<Token>} */
    redeem() {
      if (!ticket) return Promise.reject(new LoginError(409, 'wrong_state', 'there is no confirmation to redeem'));
      return redemption ??= exchange().catch((error) => { redemption = null; throw error; });
    },
    /** Says something to the phone. @param {any} body any JSON @returns {Promise<{ id: number }>} */
    send(body) {
      return call('POST', `${path}/messages`, { body: { body }, bearer: secret });
    },
    get state() { return state; },
    get session() { return session; },
    get transport() { return transport; },
  };
}

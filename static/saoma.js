// @ts-check
// The browser's side of a Saoma login. What it offers stands in saoma.d.ts, why it does so in README.md.

/**
 * @import { Clock, Login, Session, State, Token, Transport } from './saoma.d.ts'
 * @typedef {{ kind: Transport, asked: number, since: number, heard: number, proven?: boolean, timer?: any, close?: () => void }} Link
 */

/** @type {Transport[]} */
const ORDER = ['websocket', 'sse', 'long-poll'];
const [WEBSOCKET, SSE, POLL] = ORDER;
const ENDS = ['rejected', 'expired', 'cancelled'];
const STATES = ['pending', 'scanned', 'unregistered', 'confirmed', ...ENDS];
const TYPES = ['hello', 'heartbeat', 'code', 'message', ...STATES];

const HEDGE_MS = 400;
const HELLO_MS = [4000, 3000]; // less fails good connections that are slow
const REQUEST_MS = 15_000;
const WAIT_SECONDS = 25; // shortest proxies cut at 30 s
const LEAST_WAIT_SECONDS = 5;
const PROVEN_MS = 1000; // sooner comes the burst that even a doomed connection lets through
const SILENT_HEARTBEATS = 2.5;
const TICK_MS = 1000;
const SLEPT_MS = 10_000;
const GRACE_MS = 5000; // by which a stream may outlive its session
const BACKOFF_MS = 500;
const BACKOFF_CAP_MS = 10_000;
const STRIKES = 2;
const DEMOTED_MS = 600_000;
const REMEMBERED_MS = 86_400_000;

export class LoginError extends Error {
  retryIn = /** @type {number | null} */ (null);
  constructor(status, code, detail, retryAfter) {
    super(detail || code);
    this.name = 'LoginError';
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.retryAfter = retryAfter;
  }
  get temporary() {
    return [0, 408, 429].includes(this.status) || this.status >= 500;
  }
}

/** @type {typeof import('./saoma.d.ts').createLogin} */
export function createLogin(options = {}) {
  const { namespace, transports = ORDER, locale, messages, signal, random = Math.random } = options;
  const /** @type {any} */ window = options.window ?? globalThis;
  const { fetch = window.fetch, WebSocket = window.WebSocket, EventSource = window.EventSource } = options;
  const endpoint = (options.endpoint ?? new URL('.', import.meta.url).href).replace(/\/$/, '');
  const /** @type {Clock} */ clock = options.clock ?? {
    now: () => Date.now(), setTimeout: (what, ms) => setTimeout(what, ms), clearTimeout: (id) => clearTimeout(id),
  };

  const /** @type {Map<string, Set<any>>} */ listeners = new Map();
  const /** @type {Map<Transport, Link>} */ links = new Map();
  let /** @type {State} */ state = 'idle';
  let /** @type {Session | null} */ session = null;
  let /** @type {Transport | null} */ transport = null;
  let /** @type {Transport[]} */ offered = [];
  let /** @type {Promise<Token> | null} */ redemption = null;
  let /** @type {{ kind: Transport, reason: string, clear?: boolean, proven?: boolean } | null} */ suspect = null;
  let /** @type {{ kind: Transport, reason: string } | null} */ report = null;
  let /** @type {Record<string, number>} */ strikes = {};
  let /** @type {{ at?: number, worked?: Transport, demoted: Record<string, number> }} */ memory = { demoted: {} };
  let secret = '', ticket = '', path = '';
  let round = 0; // one more with every begin and stop: outdates what is under way
  let open = false, overdue = false;
  let cursor = 0, heartbeat = 0, tries = 0, patience = WAIT_SECONDS, due = 0, ticked = 0, woken = 0;
  let /** @type {any} */ retryTimer, /** @type {any} */ hedgeTimer, /** @type {any} */ tickTimer;

  function emit(type, detail) {
    for (const listener of [...(listeners.get(type) ?? [])]) {
      try { listener(detail); } catch (error) { (window.reportError ?? console.error)(error); }
    }
  }
  function move(next, more) {
    const previous = state;
    state = next;
    emit('state', { state, previous, ...more });
  }

  const url = (rest) => new URL(endpoint + rest, window.location?.href).href;
  async function call(method, rest, { body, bearer = secret, ms = 0, abort = new AbortController() } = /** @type {any} */ ({})) {
    const timer = clock.setTimeout(() => abort.abort(), ms + REQUEST_MS);
    let answer, text, json;
    try {
      /** @type {Record<string, string>} */ const headers = { Accept: 'application/json' };
      if (body) headers['Content-Type'] = 'application/json';
      if (bearer) headers.Authorization = `Bearer ${bearer}`;
      answer = await fetch(url(rest), {
        method, headers, keepalive: method === 'DELETE', cache: 'no-store', signal: abort.signal, body: body && JSON.stringify(body),
      });
      text = await answer.text();
    } catch (cause) {
      throw new LoginError(0, 'network', String(cause));
    } finally {
      clock.clearTimeout(timer);
    }
    try { json = JSON.parse(text || '{}'); } catch { /* a proxy's own page */ }
    if (answer.ok && json) return json;
    // A 200 that is not JSON is some portal's, and passes.
    throw new LoginError(answer.ok ? 0 : answer.status, json?.code ?? `http_${answer.status}`, json?.detail,
      +answer.headers.get('Retry-After') || undefined);
  }

  // ---- opening and ending

  async function begin() {
    const mine = ++round;
    close();
    listen('addEventListener');
    move('loading');
    try {
      const { session_id, scene, code, match_number = null, expires_at, expires_in, events, secret: bearer } = await call(
        'POST', '/v1/sessions', { body: { namespace, locale, messages }, bearer: '' });
      const where = `/v1/sessions/${encodeURIComponent(session_id)}`;
      if (mine !== round) return forget(where, bearer);
      secret = bearer;
      path = where;
      offered = events.transports;
      heartbeat = events.heartbeat_seconds;
      open = true;
      cursor = tries = 0;
      ticket = '';
      redemption = null;
      session = { session_id, scene, match_number, code: { ...code, url: url(`${path}/code`) }, expires_at, deadline: 0 };
      expires(expires_in);
      recall();
      emit('session', session);
      if (mine !== round) return;
      ticked = clock.now();
      tick();
    } catch (error) {
      if (mine === round) fail(error, begin);
    }
  }
  function close() {
    open = false;
    drop();
    for (const timer of [retryTimer, hedgeTimer, tickTimer]) clock.clearTimeout(timer);
    retryTimer = suspect = report = null;
    show();
  }
  /** The session is over. */
  function finish(last, event) {
    const mine = round;
    listen('removeEventListener');
    close();
    if (event) emit('event', event);
    if (mine === round) move(last, { event });
    if (mine === round) emit('end', { state: last, event });
  }
  function fail(error, again) {
    if (!(error instanceof LoginError)) error = new LoginError(0, 'unexpected', String(error));
    close();
    if (again && error.temporary) error.retryIn = later(again, error.retryAfter);
    else listen('removeEventListener');
    move('error', { error });
    emit('error', error);
  }
  /** Tells the server that nobody waits any more, so that the phone hears it too. */
  async function forget(where = path, bearer = secret) {
    try { await call('DELETE', where, { bearer }); } catch { /* it expires */ }
  }
  function expires(seconds) {
    if (session) due = (session.deadline = clock.now() + seconds * 1000) + GRACE_MS;
    overdue = false;
  }

  // ---- what worked here before

  const key = () => `saoma ${new URL(url('/')).origin} ${window.navigator?.connection?.type}`;
  function recall() {
    strikes = {};
    memory = { demoted: {} };
    try {
      const known = JSON.parse(window.localStorage.getItem(key()));
      if (known.at > clock.now() - REMEMBERED_MS) memory = known;
    } catch { /* nothing kept, or not allowed to look */ }
  }
  function remember() {
    try { window.localStorage.setItem(key(), JSON.stringify(memory)); } catch { /* the next page finds out itself */ }
  }

  // ---- the ways to the log

  /** The best that delivers. */
  const serving = () => ORDER.find((kind) => links.get(kind)?.since) ?? null;
  function show() {
    if (transport !== serving()) emit('transport', { transport: transport = serving() });
  }
  const ways = () => ORDER.filter((kind, n) => transports.includes(kind) && offered.includes(kind)
    && [WebSocket, EventSource, true][n]);
  /** Has the best way tried that is worth it, and long-poll while none serves. */
  function seek(hurry) {
    const all = ways(), served = serving();
    if (!all.length) return fail(new LoginError(406, 'no_transport'));
    const demoted = all.filter((kind) => memory.demoted[kind] > clock.now());
    if (demoted.length === all.length) memory.demoted = {}; // there is nothing else
    const better = all.slice(0, served ? all.indexOf(served) : 9).filter((kind) => kind !== POLL && !demoted.includes(kind));
    // What worked before goes first; a better one is tried once that serves.
    const kind = better.find((way) => !served && way === memory.worked) ?? better[0];
    const first = all.find((way) => way === POLL && way === memory.worked) ?? kind ?? POLL;
    if (!links.size && first !== all[0]) report ??= { kind: all[0], reason: 'remembered' };
    if (!served && !links.has(POLL) && all.includes(POLL)) {
      clock.clearTimeout(hedgeTimer);
      if (hurry || first === POLL) poll();
      else hedgeTimer = clock.setTimeout(() => serving() || links.has(POLL) || poll(), HEDGE_MS);
    }
    if (kind && !links.has(kind)) dial(kind);
  }
  function begun(kind) {
    const link = { kind, asked: cursor, since: 0, heard: 0 };
    links.set(kind, link);
    return link;
  }
  const current = (link) => links.get(link.kind) === link;
  function drop(which) {
    for (const link of [...links.values()]) {
      if (which && !which(link.kind)) continue;
      links.delete(link.kind);
      clock.clearTimeout(link.timer);
      try { link.close?.(); } catch { /* a stand-in may not know how */ }
    }
  }
  function events(kind, more) {
    if (report && report.kind !== kind) {
      more += `&transport=${report.kind}&reason=${report.reason}`;
      report = null;
    }
    return `${path}/events?cursor=${cursor}${more}`;
  }

  function dial(kind) {
    const link = begun(kind);
    let reason = 'not_opened', /** @type {any} */ channel;
    link.timer = clock.setTimeout(() => lost(link, 'no_hello'), HELLO_MS[ORDER.indexOf(kind)]);
    const hear = (/** @type {{ data: any }} */ { data }) => receive(link, data);
    const end = (/** @type {any} */ { code }) => {
      // Going down or too busy says nothing against the transport.
      const status = code > 4399 && code < 4600 ? code - 4000 : code > 1010 && code < 1014 ? 503 : 0;
      if (status) refused(link, new LoginError(status, `close_${code}`)); else lost(link, reason);
    };
    try {
      if (kind === WEBSOCKET) {
        channel = new WebSocket(url(events(kind, '')).replace('http', 'ws'), ['saoma.v1', `saoma.bearer.${secret}`]);
        channel.onmessage = hear;
        channel.onclose = end;
      } else {
        // Secrets in URLs end up in the logs of proxies: the cookie goes first where there is one.
        const cookie = !strikes.sse && new URL(url('/')).origin === window.location?.origin;
        channel = new EventSource(url(events(kind, cookie ? '' : `&access_token=${encodeURIComponent(secret)}`)));
        for (const type of TYPES) channel.addEventListener(type, hear);
        channel.onerror = end; // its own retrying knows neither blame nor backoff
      }
      channel.onopen = () => { reason = 'died'; };
      link.close = () => channel.close();
    } catch {
      lost(link, reason);
    }
  }
  async function poll() {
    const link = begun(POLL), abort = new AbortController();
    link.close = () => abort.abort();
    // The first asks without waiting: an answer is what proves the way.
    for (let wait = 0; current(link); wait = patience) {
      const asked = clock.now(), from = cursor;
      try {
        const answer = await call('GET', events(POLL, `&wait=${wait}`), { ms: wait * 1000, abort });
        if (!current(link)) return;
        // What lies before our cursor can only be a log that started again.
        const start = answer.events[0]?.id - 1 || answer.cursor;
        if (start < from && from <= cursor) cursor = start;
        verdict(true);
        if (!ways().includes(POLL)) drop((kind) => kind === POLL);
        else if (!link.since) adopt(link);
        for (const event of answer.events) if (open) take(event);
        if (open && answer.done) finish(answer.state);
        // Empty before its time: a server that leaves. Whoever comes next needs a moment.
        if (wait && !answer.events.length && clock.now() - asked < 1000) {
          await new Promise((resolve) => { link.timer = clock.setTimeout(() => resolve(0), backoff()); });
        }
      } catch (/** @type {any} */ error) {
        // Held and then cut: something in between is less patient.
        if (wait && [0, 408, 504, 524].includes(error.status) && clock.now() - asked >= 1000) patience = Math.max(LEAST_WAIT_SECONDS, wait / 2);
        else refused(link, error);
      }
    }
  }

  function receive(link, text) {
    if (!current(link)) return;
    const event = JSON.parse(text), { type, id, data } = event;
    link.heard = clock.now();
    if (type === 'hello') {
      // The log that we knew is gone; another starts.
      if (data.cursor < link.asked && link.asked <= cursor) cursor = data.cursor;
      heartbeat = data.heartbeat_seconds;
      expires(data.expires_in);
      adopt(link);
    } else {
      tries = 0;
      if (link.heard - link.since >= PROVEN_MS) {
        link.proven = true;
        strikes[link.kind] = 0;
      }
    }
    if (id) take(event);
  }
  /** It delivers: worse ones are not needed any more. */
  function adopt(link) {
    link.since = link.heard = clock.now();
    clock.clearTimeout(link.timer);
    drop((kind) => ORDER.indexOf(kind) > ORDER.indexOf(link.kind));
    if (suspect?.kind === link.kind) suspect = null;
    memory.worked = link.kind;
    remember();
    show();
    if (open && !retryTimer) seek();
  }
  function take(event) {
    const { id, type, data } = event;
    if (id <= cursor) return;
    cursor = id;
    tries = 0;
    if (type === 'confirmed') {
      ticket = data.ticket;
      due = Infinity; // what goes on after it has a longer life, told by the next hello
    }
    if (ENDS.includes(type) || (type === 'confirmed' && !messages)) return finish(/** @type {State} */ (type), event);
    const mine = round;
    emit('event', event);
    if (mine !== round) return;
    if (STATES.includes(type)) move(/** @type {State} */ (type), { event });
    if (type === 'code' && session) {
      session = { ...session, code: { ...session.code, content: data.content, url: `${url(`${path}/code`)}?v=${id}` } };
      emit('session', session);
    }
  }

  // ---- when a way is lost

  /** Ended, fell silent or never opened; whether by its own fault a plain request tells. */
  function lost(link, reason) {
    if (!current(link)) return;
    const { kind, proven } = link;
    drop((other) => other === kind);
    show();
    if (retryTimer) return; // the server is in trouble, and will be asked again
    // Silent while another delivered: that is no slow server.
    suspect = { kind, reason, proven, clear: reason === 'no_hello' && !!serving() };
    ask();
  }
  function verdict(answers) {
    const { kind, reason, clear, proven } = suspect ?? {};
    suspect = null;
    if (!kind || !reason || !answers) return;
    if (!proven) strikes[kind] = (strikes[kind] ?? 0) + 1;
    if (!clear && !(strikes[kind] >= STRIKES)) return later(seek);
    memory.demoted[kind] = clock.now() + DEMOTED_MS;
    strikes[kind] = 0;
    report = { kind, reason };
    remember();
    seek();
  }
  function refused(link, error) {
    if (!current(link)) return;
    const { kind } = link, { status, temporary, retryAfter } = error, off = status === 406 || status === 426;
    drop((other) => other === kind);
    if (status === 404 || status === 410 || (overdue && temporary)) return finish('expired');
    if (!off && !temporary) return fail(error);
    if (off) offered = offered.filter((other) => other !== kind);
    verdict(off);
    show();
    if (!off) later(() => seek(kind === POLL), retryAfter);
    else if (!retryTimer) seek(true);
  }
  function ask() {
    drop((kind) => kind === POLL);
    poll();
  }
  const backoff = () => random() * Math.min(BACKOFF_CAP_MS, BACKOFF_MS * 2 ** tries++);
  function later(what, seconds) {
    const ms = seconds ? (seconds + random()) * 1000 : backoff();
    clock.clearTimeout(retryTimer);
    retryTimer = clock.setTimeout(() => { retryTimer = null; what(); }, ms);
    return ms;
  }

  // ---- time, and the page that comes and goes

  function tick() {
    const now = clock.now(), slept = now - ticked > SLEPT_MS;
    ticked = now;
    tickTimer = clock.setTimeout(tick, TICK_MS);
    // In a hidden page timers are rare, and jump without any sleep.
    if (slept && window.document?.visibilityState !== 'hidden') return wake();
    for (const link of links.values()) {
      if (link.kind !== POLL && link.since && now - link.heard > heartbeat * 1000 * SILENT_HEARTBEATS) lost(link, 'stalled');
    }
    if (now > due) { // a last look: it may have ended otherwise, and the server's clock counts if it can be asked
      overdue = true;
      due = now + GRACE_MS;
      ask();
    } else if (!suspect && !retryTimer) seek();
  }
  /** A phone that comes back from another app, a laptop that slept: their sockets are dead without a word. */
  function wake() {
    // These events come in groups: one new beginning for all of them.
    if (!open || clock.now() - woken < 1000) return;
    woken = clock.now();
    drop();
    clock.clearTimeout(retryTimer);
    retryTimer = suspect = null;
    tries = 0;
    seek(true);
  }
  /** @type {Record<string, (event: any) => void>} */
  const outside = {
    visibilitychange: () => window.document.visibilityState === 'visible' && wake(),
    pagehide: () => open && drop(),
    offline: () => { if (open) { drop(); show(); } }, // said before any socket notices
    pageshow: (event) => event.persisted && wake(),
    online: () => { // another network, where everything may be otherwise
      memory = { demoted: {} };
      strikes = {};
      remember();
      if (state === 'error') begin(); else wake();
    },
  };
  function listen(verb) {
    for (const type in outside) (type === 'visibilitychange' ? window.document : window)?.[verb]?.(type, outside[type]);
  }

  /** @returns {Promise<Token>} */
  async function exchange(n = 1) {
    try {
      return await call('POST', `${path}/token`, { body: { ticket } });
    } catch (/** @type {any} */ error) {
      if (n === 4 || !error.temporary) throw error;
      const ms = 1000 * (error.retryAfter ?? random() * 2 ** (n - 1));
      await new Promise((resolve) => { clock.setTimeout(() => resolve(0), ms); });
      return exchange(n + 1);
    }
  }

  /** @type {Login} */
  const login = {
    on(type, listener) {
      if (!listeners.has(type)) listeners.set(type, new Set());
      listeners.get(type)?.add(listener);
      return () => login.off(type, listener);
    },
    once(type, listener) {
      const undo = login.on(type, (detail) => { undo(); listener(detail); });
      return undo;
    },
    off: (type, listener) => { listeners.get(type)?.delete(listener); },
    async start() {
      if (!open && state !== 'loading' && !signal?.aborted) await begin();
    },
    async stop() {
      const told = open && forget();
      round++;
      listen('removeEventListener');
      if (open || state === 'loading') finish('cancelled'); else close();
      await told;
    },
    async refresh() {
      if (open) forget();
      await begin();
    },
    redeem: () => (ticket ? redemption ??= exchange().catch((error) => { redemption = null; throw error; })
      : Promise.reject(new LoginError(409, 'wrong_state', 'there is no confirmation to redeem'))),
    send: (body) => call('POST', `${path}/messages`, { body: { body } }),
    get state() { return state; },
    get session() { return session; },
    get transport() { return transport; },
    get ticket() { return ticket; },
  };
  signal?.addEventListener('abort', login.stop, { once: true });
  return login;
}

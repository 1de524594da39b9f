// The browser's side of a login. What it offers: saoma.d.ts; its rules: README.md.

/** @import { Login, Session, State, Token, Transport } from './saoma.d.ts' */

/** @type {Transport[]} */
const ORDER = ['websocket', 'sse', 'long-poll'];
const [WEBSOCKET, , POLL] = ORDER;
const ENDS = ['rejected', 'expired', 'cancelled'];
const STATES = ['pending', 'scanned', 'unregistered', 'confirmed', ...ENDS];
const TYPES = ['hello', 'heartbeat', 'code', 'message', ...STATES];

const HEDGE_MS = 400;
const HELLO_MS = [4000, 3000]; // less fails good connections that are slow
const REQUEST_MS = 15_000;
const WAIT_SECONDS = 25; // shortest proxies cut at 30 s
const PROVEN_MS = 1000; // doomed connections live shorter
const SILENT_HEARTBEATS = 2.5;
const SLEPT_MS = 10_000;
const GRACE_MS = 5000;
const BACKOFF_MS = 500;
const BACKOFF_CAP_MS = 10_000;
const STRIKES = 2;
const DEMOTED_MS = 600_000;
const REMEMBERED_MS = 86_400_000;

export class LoginError extends Error {
  status; code; detail; retryAfter; retryIn;
  constructor(status, code, detail, retryAfter, retryIn = null) {
    super(detail || code);
    Object.assign(this, { name: 'LoginError', status, code, detail, retryAfter, retryIn });
  }
  get temporary() { return [0, 408, 429].includes(this.status) || this.status >= 500; }
}

/** @type {typeof import('./saoma.d.ts').createLogin} */
export function createLogin(options = {}) {
  const { namespace, transports = ORDER, locale, messages, signal, random = Math.random } = options;
  const /** @type {any} */ window = options.window ?? globalThis;
  const { fetch = window.fetch, WebSocket = window.WebSocket, EventSource = window.EventSource } = options;
  const endpoint = (options.endpoint ?? new URL('.', import.meta.url).href).replace(/\/$/, '');
  const /** @type {any} */ clock = options.clock ?? {
    now: () => Date.now(), setTimeout: (what, ms) => setTimeout(what, ms), clearTimeout: (id) => clearTimeout(id),
  };

  const /** @type {Map<Transport, any>} */ links = new Map();
  let /** @type {any[][]} */ listeners = [];
  let /** @type {State} */ state = 'idle';
  let /** @type {Session | null} */ session = null;
  let /** @type {Transport | null} */ transport = null;
  let /** @type {Transport[]} */ offered = [];
  let /** @type {Promise<Token> | null} */ redemption = null;
  let /** @type {any} */ suspect = null;
  let /** @type {any} */ report = null;
  let /** @type {any} */ strikes = {};
  let /** @type {any} */ memory = {};
  let secret = '', ticket = '', path = '';
  let round = 0; // outdates what is under way
  let open = false, overdue = false;
  let cursor = 0, heartbeat = 0, tries = 0, patience = WAIT_SECONDS, due = 0, ticked = 0, woken = 0;
  let /** @type {any} */ retryTimer, /** @type {any} */ tickTimer;

  function emit(type, detail) {
    for (const [its, listener] of listeners) {
      try { if (its === type) listener(detail); } catch (error) { console.error(error); }
    }
  }
  function move(next, more) {
    const previous = state;
    state = next;
    emit('state', { state, previous, ...more });
  }

  const url = (rest) => new URL(endpoint + rest, window.location?.href).href;
  async function call(method, rest, { body, bearer = secret, ms = 0, link = {} } = /** @type {any} */ ({})) {
    const abort = new AbortController();
    link.close = () => abort.abort();
    const timer = clock.setTimeout(link.close, ms + REQUEST_MS);
    let answer, text, json;
    try {
      answer = await fetch(url(rest), {
        method, keepalive: method === 'DELETE', signal: abort.signal, credentials: 'include', body: body && JSON.stringify(body),
        headers: { ...(body && { 'Content-Type': 'application/json' }), ...(bearer && { Authorization: `Bearer ${bearer}` }) },
      });
      text = await answer.text();
    } catch (cause) {
      throw new LoginError(0, 'network', String(cause));
    } finally {
      clock.clearTimeout(timer);
    }
    try { json = JSON.parse(text || '{}'); } catch {}
    if (answer.ok && json) return json;
    // A 200 that is not JSON is some portal's, and passes.
    throw new LoginError(answer.ok ? 0 : answer.status, json?.code ?? `http_${answer.status}`, json?.detail,
      +answer.headers.get('Retry-After') || undefined);
  }

  async function begin() {
    const mine = ++round;
    close();
    listen('addEventListener');
    move('loading');
    try {
      const { secret: bearer, events, ...rest } = await call('POST', '/v1/sessions', { body: { namespace, locale, messages }, bearer: '' });
      const where = `/v1/sessions/${rest.session_id}`;
      if (mine !== round) return forget(where, bearer);
      open = true;
      secret = bearer;
      path = where;
      ({ transports: offered, heartbeat_seconds: heartbeat } = events);
      cursor = tries = 0;
      ticket = '';
      redemption = null;
      session = rest;
      if (rest.code.url.endsWith(`${path}/code`)) rest.code.url = url(`${path}/code`);
      expires(rest.expires_in);
      strikes = {};
      memory = {};
      try {
        const known = JSON.parse(window.localStorage.getItem(key()));
        if (known.at > clock.now() - REMEMBERED_MS) memory = known;
      } catch {}
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
    clock.clearTimeout(tickTimer);
    report = null;
    renew();
    show();
  }
  function finish(last, event) {
    const mine = round;
    listen('removeEventListener');
    close();
    if (event) emit('event', event);
    if (mine === round) move(last, { event });
    if (mine === round) emit('end', { state: last, event });
  }
  function fail(error, again) {
    if (!error.code) error = new LoginError(0, 'network', String(error));
    close();
    if (again && error.temporary) error.retryIn = later(again, error.retryAfter);
    else listen('removeEventListener');
    move('error', { error });
    emit('error', error);
  }
  const forget = (where = path, bearer = secret) => call('DELETE', where, { bearer }).catch(() => {});
  function expires(seconds) {
    if (session) due = (session.deadline = clock.now() + seconds * 1000) + GRACE_MS;
    overdue = false;
  }

  const key = () => `saoma ${new URL(url('/')).origin} ${window.navigator?.connection?.type}`;
  function remember() {
    memory.at = clock.now();
    try { window.localStorage.setItem(key(), JSON.stringify(memory)); } catch {}
  }

  const serving = () => ORDER.find((kind) => links.get(kind)?.since) ?? null;
  function show() {
    if (transport !== serving()) emit('transport', { transport: transport = serving() });
  }
  const ways = () => ORDER.filter((kind, n) => transports.includes(kind) && offered.includes(kind)
    && [WebSocket, EventSource, true][n]);
  // The best way that is worth it, and long-poll while none serves.
  function seek(hurry) {
    const all = ways(), served = serving();
    if (!all.length) return fail(new LoginError(406, 'no_transport'));
    const demoted = all.filter((kind) => memory[kind] > clock.now());
    if (demoted.length === all.length) memory = {};
    const better = all.slice(0, served ? all.indexOf(served) : 9).filter((kind) => kind !== POLL && !demoted.includes(kind));
    // What worked before goes first, a better one once that serves.
    const kind = better.find((way) => !served && way === memory.worked) ?? better[0];
    const first = memory.worked === POLL || !kind ? POLL : kind;
    if (!transport && !links.size && first !== all[0]) report ??= { kind: all[0], reason: 'remembered' };
    if (!served && !links.has(POLL) && all.includes(POLL)) poll(hurry || first === POLL ? 0 : HEDGE_MS);
    if (kind && !links.has(kind)) dial(kind);
  }
  function begun(kind) {
    links.set(kind, { kind, asked: cursor, since: 0 });
    return links.get(kind);
  }
  const current = (link) => links.get(link.kind) === link;
  function drop(kinds = ORDER) {
    for (const kind of kinds) {
      const link = links.get(kind);
      links.delete(kind);
      clock.clearTimeout(link?.timer);
      link?.close?.();
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
    const hear = ({ data }) => receive(link, data);
    const end = ({ code }) => {
      // Leaving or busy is not the transport's fault.
      const status = code > 4399 ? code - 4000 : code > 1010 && code < 1014 ? 503 : 0;
      if (status) refused(link, new LoginError(status, `close_${code}`)); else lost(link, reason);
    };
    try {
      if (kind === WEBSOCKET) {
        channel = new WebSocket(url(events(kind, '')).replace('http', 'ws'), ['saoma.v1', `saoma.bearer.${secret}`]);
        channel.onmessage = hear;
        channel.onclose = end;
      } else {
        // URLs end up in logs: the cookie goes first where there is one.
        const cookie = !strikes.sse && new URL(url('/')).origin === window.location?.origin;
        channel = new EventSource(url(events(kind, cookie ? '' : `&access_token=${secret}`)));
        for (const type of TYPES) channel.addEventListener(type, hear);
        channel.onerror = end; // its own retrying knows no backoff
      }
      channel.onopen = () => { reason = 'died'; };
      link.close = () => channel.close();
    } catch {
      lost(link, reason);
    }
  }
  async function poll(delay = 0) {
    const link = begun(POLL);
    if (delay) await sleep(delay, link);
    // The first asks without waiting: answers prove the way.
    for (let wait = 0; current(link); wait = patience) {
      const asked = clock.now(), from = cursor;
      try {
        const answer = await call('GET', events(POLL, `&wait=${wait}`), { ms: wait * 1000, link });
        if (!current(link)) return;
        if (from <= cursor && (answer.cursor < from || answer.events[0]?.id <= from)) cursor = 0; // another log
        verdict(true);
        if ((serving() ?? POLL) !== POLL || !ways().includes(POLL)) drop([POLL]); // just asked
        else if (!link.since) adopt(link);
        for (const event of answer.events) if (open) take(event);
        if (open && answer.done) finish(answer.state);
        if (current(link) && !answer.events.length && clock.now() - asked < wait * 900) await sleep(backoff(), link); // it leaves
      } catch (/** @type {any} */ error) {
        if (!current(link)) return;
        // Held, then cut: a proxy is less patient.
        if (wait && [0, 408, 504, 524].includes(error.status) && clock.now() - asked >= 1000) patience = Math.max(5, wait >> 1);
        else refused(link, error);
      }
    }
  }

  function receive(link, text) {
    if (!current(link)) return;
    let event;
    try { event = Object(JSON.parse(text)); } catch { return; }
    const { type, id, data } = event;
    link.heard = clock.now();
    if (type === 'hello') {
      if (data.cursor < link.asked && link.asked <= cursor) cursor = 0;
      heartbeat = data.heartbeat_seconds;
      expires(data.expires_in);
      adopt(link);
    } else tries = 0;
    if (id) take(event);
  }
  // It delivers.
  function adopt(link) {
    link.since = link.heard = clock.now();
    clock.clearTimeout(link.timer);
    drop(ORDER.slice(ORDER.indexOf(link.kind) + 1));
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
      due = Infinity; // messages live longer: the next hello tells
    }
    if (ENDS.includes(type) || (type === 'confirmed' && !messages)) return finish(type, event);
    const mine = round;
    emit('event', event);
    if (mine !== round) return;
    if (STATES.includes(type)) move(type, { event });
    if (type === 'code' && session) {
      session = { ...session, code: { ...session.code, content: data.content, url: `${url(`${path}/code`)}?v=${id}` } };
      emit('session', session);
    }
  }

  // By its own fault or the server's? A plain request tells.
  function lost(link, reason) {
    if (!current(link)) return;
    const { kind, since, heard } = link;
    const proven = since && (reason === 'stalled' ? heard : clock.now()) - since >= PROVEN_MS;
    drop([kind]);
    show();
    // Silent while another delivers is no slow server.
    suspect = { kind, reason, proven, clear: reason === 'no_hello' && (serving() || !ways().includes(POLL)) };
    ask();
  }
  function verdict(answers) {
    const { kind, reason, clear, proven } = suspect ?? {};
    suspect = null;
    if (!kind || !answers) return;
    strikes[kind] = proven ? 0 : (strikes[kind] ?? 0) + 1;
    if (!clear && strikes[kind] < STRIKES) return later(seek);
    memory[kind] = clock.now() + DEMOTED_MS;
    strikes[kind] = 0;
    report = { kind, reason };
    remember();
    seek();
  }
  function refused(link, error) {
    if (!current(link)) return;
    const { kind } = link, { status, temporary, retryAfter } = error, off = status === 406 || status === 426;
    drop([kind]);
    if (status === 404 || status === 410 || (overdue && temporary)) return finish('expired');
    if (!off && !temporary) return fail(error);
    if (off) offered = offered.filter((other) => other !== kind);
    verdict(off);
    show();
    if (!off) later(() => seek(kind === POLL), retryAfter);
    else if (!retryTimer) seek(true);
  }
  function ask() {
    drop([POLL]);
    poll();
  }
  const sleep = (ms, link = {}) => new Promise((done) => { link.timer = clock.setTimeout(done, ms); });
  const backoff = () => random() * Math.min(BACKOFF_CAP_MS, BACKOFF_MS * 2 ** tries++);
  function later(what, seconds) {
    const ms = seconds ? (seconds + random()) * 1000 : backoff();
    clock.clearTimeout(retryTimer);
    retryTimer = clock.setTimeout(() => { retryTimer = null; what(); }, ms);
    return ms;
  }

  function tick() {
    const now = clock.now(), slept = now - ticked > SLEPT_MS;
    ticked = now;
    tickTimer = clock.setTimeout(tick, 1000);
    // Hidden pages have few timers, asleep or not.
    if (slept && window.document?.visibilityState !== 'hidden') return wake();
    for (const link of links.values()) {
      if (link.kind !== POLL && link.since && now - link.heard > heartbeat * 1000 * SILENT_HEARTBEATS) lost(link, 'stalled');
    }
    if (now > due) { // a last look, for the server's clock counts
      overdue = true;
      due = now + GRACE_MS;
      ask();
    } else if (!suspect && !retryTimer) seek();
  }
  // After a sleep sockets are dead without a word.
  function wake() {
    // Such events come in groups.
    if (!open || clock.now() - woken < 1000) return;
    woken = clock.now();
    tries = 0;
    renew();
    seek(true);
  }
  function renew() {
    drop();
    clock.clearTimeout(retryTimer);
    retryTimer = suspect = null;
  }
  function leave() {
    if (!open) return;
    renew();
    show();
  }
  const outside = /** @type {any} */ ({
    visibilitychange: () => window.document.visibilityState === 'visible' && wake(),
    pagehide: leave,
    offline: leave, // said before any socket notices
    pageshow: (event) => event.persisted && wake(),
    online: () => { // perhaps another network
      memory = {};
      strikes = {};
      remember();
      if (state === 'error') begin(); else wake();
    },
  });
  function listen(verb) {
    for (const type in outside) window[verb]?.(type, outside[type]);
  }

  const exchange = (n = 1) => call('POST', `${path}/token`, { body: { ticket } }).catch(async (error) => {
    if (n === 4 || !error.temporary) throw error;
    await sleep(1000 * (error.retryAfter ?? random() * 2 ** (n - 1)));
    return exchange(n + 1);
  });

  /** @type {Login} */
  const login = {
    on(type, listener) {
      listeners = [...listeners, [type, listener]];
      return () => login.off(type, listener);
    },
    once(type, listener) {
      const undo = login.on(type, (detail) => { undo(); listener(detail); });
      return undo;
    },
    off(type, listener) { listeners = listeners.filter((it) => it[0] !== type || it[1] !== listener); },
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
      : Promise.reject(new LoginError(409, 'wrong_state'))),
    send: (body) => call('POST', `${path}/messages`, { body: { body } }),
    get state() { return state; },
    get session() { return session; },
    get transport() { return transport; },
    get ticket() { return ticket; },
  };
  signal?.addEventListener('abort', login.stop, { once: true });
  return login;
}

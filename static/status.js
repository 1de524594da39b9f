// The status page: reads /metrics every two seconds, and draws the first screen of what it tells. Nothing but this server is asked.
import { Readings } from './status-readings.js';
import { HOOK, HOOK_ILL, percent, RESPONSES, TRANSITIONS, troubles, verdict, WECHAT, WECHAT_ILL, WINDOW } from './status-verdict.js';

const EVERY_MS = 2000;
const PATIENCE_MS = 10_000;
/** Seconds that rates and quantiles of the tiles are taken over. */
const LATELY = 60;
/** Points of a line: fifteen minutes. */
const POINTS = 450;
const TRANSPORTS = ['websocket', 'sse', 'long-poll'];
const SIGNS = { yes: 'M9 17l5 5 10-11', no: 'M11 11l10 10M21 11l-10 10', quiet: 'M10 16h12', watching: 'M16 9v8l5 3' };

const readings = new Readings();
const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const now = (/** @type {string} */ name, /** @type {any} */ wanted = undefined) => readings.now(name, wanted);
const lately = (/** @type {string} */ name, /** @type {any} */ wanted = undefined) => readings.grew(name, LATELY, wanted);
const aMinute = (/** @type {string} */ name, /** @type {any} */ wanted) => 60 * lately(name, wanted) / Math.max(readings.span(LATELY), EVERY_MS / 1000);

/** @param {number} n */
const number = (n) => n.toLocaleString('en', { maximumFractionDigits: n < 10 ? 1 : 0 });
/** @param {number} s */
const seconds = (s) => (s < 1 ? `${number(1000 * s)} ms` : `${number(s)} s`);
/** @param {number} s */
const duration = (s) => {
  const [size, name] = [[86_400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']].find(([size]) => s >= Number(size)) ?? [1, 'second'];
  const n = Math.floor(s / Number(size));
  return `${n} ${name}${n === 1 ? '' : 's'}`;
};
/** @param {string} tag @param {Record<string, string>} [attributes] @param {(Node | string)[]} children */
function made(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/**
 * A number with its line. It is there when the server tells of it.
 * @typedef {{ title: string, there?: () => boolean, value: () => number, says: (value: number) => string, none?: string, tone?: (value: number) => string, of?: number }} Tile
 * @type {Tile[]}
 */
const TILES = [
  { title: 'Logins a minute', value: () => aMinute(TRANSITIONS, { to: 'confirmed' }), says: number },
  { title: 'Come through, of who scanned', value: share(() => readings.grew(TRANSITIONS, WINDOW, { to: 'confirmed' }), () => readings.grew(TRANSITIONS, WINDOW, { to: 'confirmed' }) + readings.grew('saoma_sessions_dropped_total', WINDOW, { at: /^(scanned|unregistered)$/ })), says: percent, none: 'Nobody scanned', of: 1, tone: (it) => (it < 0.6 ? 'warn' : '') },
  { title: 'People logging in', value: () => now('saoma_pending_logins', { state: /^(pending|scanned|unregistered)$/ }), says: number },
  { title: 'Waiting here', value: () => now('saoma_subscribers'), says: number },
  { title: 'Handshake, p99', value: () => readings.quantile('saoma_handshake_duration_seconds', 0.99, LATELY), says: seconds, none: 'None', tone: (it) => (it > 1 ? 'bad' : it > 0.5 ? 'warn' : '') },
  { title: 'Delivery, p99', value: () => readings.quantile('saoma_delivery_duration_seconds', 0.99, LATELY), says: seconds, none: 'None', tone: (it) => (it > 1 ? 'bad' : it > 0.5 ? 'warn' : '') },
  { title: 'Server errors', value: share(() => lately(RESPONSES, { status: '5xx' }), () => lately(RESPONSES)), says: percent, none: 'No calls', tone: (it) => (it > 0.01 ? 'bad' : it > 0 ? 'warn' : '') },
  { title: 'Store, p99', there: asksAStore, value: () => readings.quantile('saoma_store_request_duration_seconds', 0.99, LATELY), says: seconds, none: 'None', tone: (it) => (it > 0.25 ? 'warn' : '') },
  { title: 'WeChat answers well', there: () => now(`${WECHAT}_count`) > 0, value: share(() => lately(`${WECHAT}_count`) - lately(`${WECHAT}_count`, { outcome: WECHAT_ILL }), () => lately(`${WECHAT}_count`)), says: percent, none: 'No calls', of: 1, tone: (it) => (it < 0.9 ? 'bad' : '') },
  { title: 'Hook answers well', there: () => now(`${HOOK}_count`) > 0, value: share(() => lately(`${HOOK}_count`) - lately(`${HOOK}_count`, { outcome: HOOK_ILL }), () => lately(`${HOOK}_count`)), says: percent, none: 'No questions', of: 1, tone: (it) => (it < 0.9 ? 'bad' : '') },
  { title: 'Free codes', there: () => readings.has('saoma_pool_codes'), value: () => now('saoma_pool_codes', { state: 'free' }), says: number, tone: (it) => (it < now('saoma_pool_low_water') ? 'warn' : '') },
];

/** Whether sessions are kept elsewhere than in the server itself. */
function asksAStore() {
  return now('saoma_store_request_duration_seconds_count') > 0;
}

/** @param {() => number} part @param {() => number} whole */
function share(part, whole) {
  return () => part() / whole();
}

/** A tile as it stands on the page. @param {Tile} tile */
function placed(tile) {
  const [title, value] = [made('h3', {}, tile.title), made('output')];
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 100 30');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  const [area, line] = ['area', 'line'].map((name) => {
    const path = document.createElementNS(svg.namespaceURI, 'path');
    path.setAttribute('class', name);
    svg.append(path);
    return path;
  });
  const node = made('li', {}, title, value, svg);
  /** @type {number[]} */ const points = [];
  byId('tiles').append(node);
  return () => {
    node.hidden = !(tile.there?.() ?? true);
    const it = tile.value();
    points.push(it);
    if (points.length > POINTS) points.shift();
    const nothing = Number.isNaN(it);
    value.textContent = nothing ? tile.none ?? '' : tile.says(it);
    value.classList.toggle('none', nothing);
    node.dataset.tone = nothing ? '' : tile.tone?.(it) ?? '';
    const top = tile.of ?? Math.max(...points.filter(Number.isFinite), Number.MIN_VALUE);
    // Where nothing happened there is no line; one point alone is a short one.
    const pieces = [];
    for (const [n, point] of points.entries()) {
      if (Number.isNaN(point)) continue;
      const y = (29 - 28 * Math.min(point / top, 1)).toFixed(1);
      const x = 100 - (points.length - 1 - n) * 100 / Math.max(points.length - 1, 30);
      if (n === 0 || Number.isNaN(points[n - 1])) pieces.push([`${(x - 0.5).toFixed(2)} ${y}`]);
      pieces.at(-1)?.push(`${x.toFixed(2)} ${y}`);
    }
    line.setAttribute('d', pieces.map((piece) => `M${piece.join('L')}`).join(''));
    area.setAttribute('d', pieces.map((piece) => `M${piece[0].split(' ')[0]} 30L${piece.join('L')}V30Z`).join(''));
  };
}
const tiles = TILES.map(placed);

/** @param {string} id @param {Node[]} rows */
const fill = (id, rows) => byId(id).replaceChildren(...rows);
/** @param {string} head @param {(Node | string)[]} cells */
const row = (head, ...cells) => made('tr', {}, made('th', { scope: 'row' }, head), ...cells.map((cell) => made('td', {}, cell)));

/** Two counts of one thing, and a bar for how much of the most it is. @param {string} head @param {number} recent @param {number} ever @param {number} most */
function counted(head, recent, ever, most) {
  const it = row(head, number(recent), number(ever));
  it.firstElementChild?.append(made('meter', { value: String(recent || 0), max: String(most || 1), 'aria-label': `${head}: ${number(recent)}` }));
  return it;
}

function drawTables() {
  const span = duration(Math.max(readings.span(WINDOW), 1));
  for (const node of document.querySelectorAll('.window')) node.textContent = `last ${span}`;
  const steps = /** @type {[string, string, any][]} */ ([
    ['opened', TRANSITIONS, { to: 'pending' }], ['scanned', TRANSITIONS, { to: 'scanned' }],
    ['confirmed', TRANSITIONS, { to: 'confirmed' }], ['token fetched', 'saoma_tickets_total', { outcome: 'redeemed' }],
  ]).map(([head, name, wanted]) => ({ head, recent: readings.grew(name, WINDOW, wanted), ever: now(name, wanted) }));
  const most = Math.max(...steps.map(({ recent }) => recent));
  fill('funnel', steps.map(({ head, recent, ever }) => counted(head, recent, ever, most)));

  const name = 'saoma_sessions_dropped_total';
  const drops = readings.values(name, 'at').flatMap((at) => readings.values(name, 'reason', { at }).map((reason) => ({
    head: `${at}: ${reason}`, recent: readings.grew(name, WINDOW, { at, reason }), ever: now(name, { at, reason }),
  }))).filter(({ ever }) => ever).sort((a, b) => b.recent - a.recent || b.ever - a.ever);
  const worst = Math.max(...drops.map(({ recent }) => recent));
  fill('drops', drops.length ? drops.map(({ head, recent, ever }) => counted(head, recent, ever, worst)) : [made('tr', {}, made('td', { class: 'nothing', colspan: '3' }, 'Nobody has.'))]);

  fill('wires', TRANSPORTS.map((transport) => {
    const p99 = readings.quantile('saoma_handshake_duration_seconds', 0.99, WINDOW, { transport });
    return row(transport, number(now('saoma_subscribers', { transport })), number(readings.grew('saoma_handshake_duration_seconds_count', WINDOW, { transport })),
      Number.isNaN(p99) ? '–' : seconds(p99), number(readings.grew('saoma_transport_fallbacks_total', WINDOW, { from: transport })));
  }));
}

function drawNeeds() {
  /** @type {Node[]} */ const needs = [];
  const tell = (/** @type {string} */ what, /** @type {string} */ says, tone = '') => needs.push(made('div', {}, made('dt', {}, what), made('dd', { class: tone }, says)));
  const answers = (/** @type {string} */ what, /** @type {string} */ name, /** @type {string} */ yes, /** @type {string} */ no) => {
    if (readings.has(name)) tell(what, now(name) ? yes : no, now(name) ? 'good' : 'bad');
  };
  answers('Session store', 'saoma_store_up', 'answers', 'does not answer');
  if (asksAStore()) answers('Bell of the other instances', 'saoma_bell_up', 'is heard', 'is not heard');
  for (const namespace of readings.values('saoma_pool_codes', 'namespace')) {
    const [free, low] = [now('saoma_pool_codes', { namespace, state: 'free' }), now('saoma_pool_low_water', { namespace })];
    tell(`Codes of ${namespace}`, `${number(free)} free, low water ${number(low)}`, free ? 'good' : 'bad');
  }
  for (const namespace of readings.values('saoma_wechat_codes_limit', 'namespace')) {
    tell(`WeChat's codes for ${namespace}`, `${number(now('saoma_wechat_codes_used', { namespace }))} of ${number(now('saoma_wechat_codes_limit', { namespace }))} this minute`);
  }
  for (const namespace of readings.values('saoma_wechat_token_expiry_timestamp_seconds', 'namespace')) {
    const left = now('saoma_wechat_token_expiry_timestamp_seconds', { namespace }) - Date.now() / 1000;
    tell(`Access token of ${namespace}`, left > 0 ? `good for ${duration(left)}` : 'none was needed lately');
  }
  tell('Connections', readings.has('saoma_connections') ? `${number(now('saoma_connections'))} of ${number(now('saoma_connections_limit'))}` : '–');
  tell('File descriptors', `${number(now('process_open_fds'))} of ${number(now('process_max_fds'))}`);
  tell('Memory', `${number(now('process_resident_memory_bytes') / 2 ** 20)} MiB`);
  tell('CPU', `${number(100 * lately('process_cpu_seconds_total') / Math.max(readings.span(LATELY), 1))} % of a core`);
  fill('needs', needs);
}

/** @param {keyof typeof SIGNS} state @param {string} answer @param {string} because @param {import('./status-verdict.js').Trouble[]} found */
function drawVerdict(state, answer, because, found) {
  byId('verdict').dataset.state = state;
  byId('sign').setAttribute('d', SIGNS[state]);
  document.title = `${{ yes: '✓', no: '✗', quiet: '–', watching: '…' }[state]} ${answer} · Saoma`;
  // What is said once is not said again: it is a live region.
  for (const [id, text] of [['answer', answer], ['because', because]]) if (byId(id).textContent !== text) byId(id).textContent = text;
  fill('troubles', found.map(({ stops, says, alert }) => made('li', { class: stops ? 'stops' : '' }, made('strong', {}, stops ? '✗ Broken' : '! Trouble'), made('span', {}, says), made('code', { title: 'its section of docs/runbook.md' }, alert))));
}

function draw() {
  for (const tile of tiles) tile();
  drawTables();
  drawNeeds();
  const found = troubles(readings, Date.now());
  const { state, answer } = verdict(readings, found);
  const confirmed = readings.grew(TRANSITIONS, WINDOW, { to: 'confirmed' });
  const ever = now(TRANSITIONS, { to: 'confirmed' });
  const span = duration(Math.max(readings.span(WINDOW), 1));
  const lately = confirmed ? `${number(confirmed)} logged in within the last ${span}` : `Nobody has logged in within the last ${span}`;
  drawVerdict(state, answer, state === 'yes' ? `${lately}.` : `${lately}, ${number(ever)} since the start.`, found);
  const started = now('process_start_time_seconds');
  byId('build').textContent = `${readings.values('saoma_build_info', 'version').join(' ')}, up for ${duration(Math.max(Date.now() / 1000 - started, 1))}`;
  byId('seen').textContent = `Read at ${new Date().toLocaleTimeString('en-GB')}.`;
}

async function look() {
  try {
    const answer = await fetch('metrics', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    readings.add(await answer.text(), Date.now());
    draw();
  } catch (error) {
    drawVerdict('no', 'This instance does not answer', `It was asked for its metrics: ${error instanceof Error ? error.message : error}. Others may serve.`, []);
  }
  setTimeout(look, EVERY_MS);
}

byId('host').textContent = location.host;
look();

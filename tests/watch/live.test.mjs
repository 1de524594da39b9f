// A real Prometheus that watches real instances while people log in and everything breaks once: no query of the dashboard and no recorded
// series is empty, the main alerts fire, and end with what they tell of.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { text } from '../../grafana/generate/dashboard.mjs';
import { expanded, panelsOf } from './lint.mjs';
import { eventually, lintMetrics, startPrometheus } from './prometheus.mjs';
import { POOL, startWorld } from './world.mjs';

/** All that has happened. */
const SPAN = { rate: '5m', range: '5m' };
const UPGRADE = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
const WAYS = { websocket: UPGRADE, sse: { accept: 'text/event-stream' }, 'long-poll': {} };
const dashboard = JSON.parse(text);
const times = async (/** @type {number} */ count, /** @type {() => Promise<any>} */ what) => { for (let n = 0; n < count; n++) await what(); };

/** @type {Awaited<ReturnType<typeof startWorld>>} */ let world;
/** @type {Awaited<ReturnType<typeof startPrometheus>>} */ let prometheus;
before(async () => {
  world = await startWorld();
  prometheus = await startPrometheus([world.plain.admin, world.secure.admin]);
  // What was at zero when it was first read is seen to grow.
  await eventually(async () => (await prometheus.numbers('min(count_over_time(saoma_ready[1m]))'))[0] >= 2, () => 'the instances are not read');
});
after(async () => {
  await prometheus?.stop();
  await world?.stop();
});

/** What the dashboard's first panel says: 1 yes, 0 no, 2 nobody tries. @param {number} word */
function canLogIn(word) {
  const [{ title, targets: [{ expr }] }] = panelsOf(dashboard);
  assert.equal(title, 'Can people log in?');
  /** @type {number[]} */ let said;
  return eventually(async () => (said = await prometheus.numbers(expanded(expr, SPAN))).includes(word), () => `says ${said} and not ${word}`);
}

/** Opens, follows, scans, confirms, fetches. @param {object} headers */
async function logIn(headers) {
  const session = await world.open();
  const told = world.follow(session, headers, 'confirmed', '&cursor=2&wait=10');
  const { said: { phone_token: phone } } = await world.scan(session, 'sim:ann');
  assert.equal((await world.call('POST', `/v1/scenes/${session.scene}/confirm`, {}, phone)).status, 200);
  await told;
  const { said: { events } } = await world.call('GET', `/v1/sessions/${session.session_id}/events?cursor=2`, undefined, session.secret);
  const { ticket } = events.find((/** @type {any} */ { type }) => type === 'confirmed').data;
  const redeem = () => world.call('POST', `/v1/sessions/${session.session_id}/token`, { ticket }, session.secret);
  assert.deepEqual([(await redeem()).status, (await redeem()).status], [200, 409]);
}

test('people log in, fall back, come back, refuse and stay away', async () => {
  await canLogIn(2);
  for (const headers of Object.values(WAYS)) await times(2, () => logIn(headers));
  await canLogIn(1);
  const session = await world.open();
  for (const [from, reason] of [['websocket', 'no_hello'], ['sse', 'died']]) {
    await world.follow(session, WAYS['long-poll'], 'pending', `&wait=0&transport=${from}&reason=${reason}`);
  }
  const { said: { phone_token: phone } } = await world.scan(session, 'sim:bob');
  assert.equal((await world.call('POST', `/v1/scenes/${session.scene}/reject`, {}, phone)).status, 200);
  const gone = await world.open();
  assert.equal((await world.call('DELETE', `/v1/sessions/${gone.session_id}`, undefined, gone.secret)).status, 204);
  await world.open();
  await eventually(async () => /saoma_sessions_dropped_total\{at="pending",namespace="default",reason="expired"\} [1-9]/.test(await world.metrics() + await (await fetch(`${world.secure.admin}/metrics`)).text()), () => 'nothing expires');
  const unknown = await Promise.all(Array.from({ length: 30 }, () => world.scan({ scene: 'nobodyOpenedThis' }, 'sim:eve')));
  assert.ok(unknown.some(({ status }) => status === 429));

  const coded = await world.open('wechat');
  assert.equal((await world.scan(coded, await world.wxLogin('ann'))).status, 200);
  assert.equal((await world.scan(await world.open('asked'), 'sim:ann')).status, 200);
});

test('promtool finds nothing in the metrics of a server that has seen all of it', async () => {
  assert.deepEqual(await lintMetrics(await world.metrics()), { code: 0, said: '' });
  // It would find something.
  assert.match((await lintMetrics('# TYPE saoma_bad_total gauge\nsaoma_bad_total 1\n')).said, /saoma_bad_total/);
});

test('a certificate is near its end', async () => {
  const { labels } = await prometheus.fires('SaomaCertificateEnds');
  assert.equal(labels.instance, new URL(world.secure.admin).host);
});

test('the hook fails: nobody comes further than the scan', async () => {
  world.decide(false);
  await times(30, () => world.open('asked'));
  const session = await world.open('asked');
  // More than all scans that went well before, and those of nobody's codes.
  const scans = await Promise.all(Array.from({ length: 60 }, () => world.scan(session, 'sim:ann')));
  assert.deepEqual([...new Set(scans.map(({ status }) => status))], [503]);
  await Promise.all(['SaomaHookFails', 'SaomaLoginCallsFail'].map(prometheus.fires));
  assert.equal((await prometheus.fires('SaomaNobodyLogsIn')).labels.namespace, 'asked');
  await canLogIn(0);
  world.decide(true);
});

test('WeChat fails: no code is made, the pool runs out, sessions are refused', async () => {
  await world.breakWeChat('/wxa/getwxacodeunlimit', { errcode: -1 });
  await times(POOL + 6, () => world.open('wechat'));
  await Promise.all(['SaomaWechatFails', 'SaomaPoolEmpty', 'SaomaPoolLow'].map(prometheus.fires));
  assert.equal((await prometheus.fires('SaomaSessionsRefused')).labels.reason, 'code');
  await world.healWeChat();
  await Promise.all(['SaomaPoolEmpty', 'SaomaPoolLow'].map(prometheus.ends));
});

test('the secret is wrong: WeChat says so', async () => {
  const session = await world.open('wechat');
  await world.breakWeChat('/sns/jscode2session', { errcode: 40125 });
  assert.equal((await world.scan(session, await world.wxLogin('bob'))).status, 502);
  assert.equal((await prometheus.fires('SaomaWechatMisconfigured')).labels.api, 'jscode2session');
  await world.healWeChat();
});

test('Redis stops: nobody is served until it is back', async () => {
  await world.stopRedis();
  await times(3, async () => assert.equal((await world.call('POST', '/v1/sessions')).status, 503));
  await Promise.all(['SaomaStoreDown', 'SaomaNotServing', 'SaomaBellDown', 'SaomaInstanceNotReady'].map(prometheus.fires));
  await world.startRedis();
  await Promise.all(['SaomaStoreDown', 'SaomaNotServing', 'SaomaBellDown', 'SaomaInstanceNotReady'].map(prometheus.ends));
  await logIn(WAYS.sse);
});

for (const panel of panelsOf(dashboard)) {
  for (const { refId, expr, legendFormat } of panel.targets ?? []) {
    test(`"${panel.title}" shows something (${refId})`, async () => {
      const query = expanded(expr, SPAN);
      await eventually(async () => (await prometheus.numbers(query)).length > 0, () => `nothing: ${query}`);
      const { result } = await prometheus.ask('query', { query });
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        for (const { metric } of result) assert.ok(metric[label], `no label ${label}: ${query}`);
      }
    });
  }
}

test('Redis was asked everything that is counted', async () => {
  const { result } = await prometheus.ask('query', { query: 'sum by (request) (saoma_store_request_duration_seconds_count) == 0' });
  assert.deepEqual(result.map((/** @type {any} */ { metric }) => metric.request), []);
});

test('every variable has values, and every annotation something to tell', async () => {
  for (const { type, name, query } of dashboard.templating.list) {
    if (type !== 'query') continue;
    const [, series, label] = /^label_values\((.+), (\w+)\)$/.exec(query.query) ?? assert.fail(query.query);
    const values = await prometheus.ask(`label/${label}/values`, { 'match[]': expanded(series) });
    assert.ok(values.length > 0, name);
  }
  for (const { name, expr } of dashboard.annotations.list) {
    if (expr) assert.ok((await prometheus.numbers(expanded(expr))).length > 0, name);
  }
});

test('every recorded series has something, and no rule fails', async () => {
  const recorded = await prometheus.rules('recording');
  assert.ok(recorded.length > 20);
  for (const { name } of recorded) await eventually(async () => (await prometheus.numbers(name)).length > 0, () => `nothing: ${name}`);
  for (const { name, lastError } of [...recorded, ...await prometheus.rules('alerting')]) assert.equal(lastError ?? '', '', name);
});

test('every metric that the dashboard and the alerts name is one of ours, and each of ours is shown', async () => {
  const told = new Set([...(await world.metrics() + await (await fetch(`${world.secure.admin}/metrics`)).text()).matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name));
  const base = (/** @type {string} */ name) => told.has(name) ? name : name.replace(/_(bucket|count|sum)$/, '');
  const rules = [...await prometheus.rules('alerting'), ...await prometheus.rules('recording')].map(({ query }) => query.replace(/[a-z_]+:\w+:\w+/g, ''));
  const drawn = panelsOf(dashboard).flatMap(({ targets = [] }) => targets.map((/** @type {any} */ { expr }) => expr));
  const named = (/** @type {string[]} */ queries) => new Set(queries.flatMap((query) => query.match(/\b(saoma|process)_\w+/g) ?? []).map(base));
  assert.deepEqual([...named([...rules, ...drawn])].filter((name) => !told.has(name)), [], 'are told by nobody');
  const shown = named(drawn);
  assert.deepEqual([...told].filter((name) => name.startsWith('saoma_') && !shown.has(name)), [], 'are on no panel');
});

test('an instance is killed', async () => {
  const { host } = new URL(world.secure.admin);
  await world.killSecure();
  assert.equal((await prometheus.fires('SaomaInstanceDown')).labels.instance, host);
});

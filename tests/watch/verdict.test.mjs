// The answer of the status page: what stops people, what only troubles, and what is nobody's fault.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Readings } from '../../static/status-readings.js';
import { percent, troubles, verdict } from '../../static/status-verdict.js';

const HEALTHY = {
  'saoma_ready': 1, 'saoma_draining': 0, 'saoma_store_up': 1, 'saoma_bell_up': 1,
  'saoma_connections': 10, 'saoma_connections_limit': 100, 'process_open_fds': 10, 'process_max_fds': 100,
};
const NOW = 1_800_000_000_000;

/** What the page says when these are so, and these grew by so much within a minute. @param {Record<string, number>} is @param {Record<string, number>} [grew] */
function said(is, grew = {}) {
  const readings = new Readings();
  const text = (/** @type {Record<string, number>} */ counts) => Object.entries({ ...HEALTHY, ...is, ...counts }).map(([name, value]) => `${name} ${value}\n`).join('');
  readings.add(text(Object.fromEntries(Object.keys(grew).map((name) => [name, 1000]))), NOW - 60_000);
  readings.add(text(Object.fromEntries(Object.entries(grew).map(([name, by]) => [name, 1000 + by]))), NOW);
  const found = troubles(readings, NOW);
  return { ...verdict(readings, found), found, alerts: found.map(({ alert }) => alert) };
}
const came = (/** @type {string} */ to) => `saoma_session_transitions_total{namespace="default",to="${to}"}`;
const answered = (/** @type {string} */ route, /** @type {string} */ status) => `saoma_http_responses_total{method="POST",route="${route}",status="${status}"}`;
const wechat = (/** @type {string} */ outcome) => `saoma_wechat_request_duration_seconds_count{api="jscode2session",outcome="${outcome}"}`;
const hook = (/** @type {string} */ outcome) => `saoma_hook_duration_seconds_count{type="scan",outcome="${outcome}"}`;

test('where nothing is wrong the answer is whether somebody logged in', () => {
  assert.deepEqual(said({}), { state: 'quiet', answer: 'Ready: nobody logs in just now', found: [], alerts: [] });
  assert.equal(said({}, { [came('confirmed')]: 1 }).answer, 'People can log in');
  assert.equal(said({}, { [came('confirmed')]: 1 }).state, 'yes');
});

/** @type {[string, boolean, string, Record<string, number>, Record<string, number>?][]} */
const CASES = [
  ['an instance that leaves', true, 'SaomaDrainsTooLong', { saoma_draining: 1, saoma_ready: 0 }],
  ['a store that is away', true, 'SaomaStoreDown', { saoma_store_up: 0, saoma_ready: 0 }],
  ['a bell that is not heard', false, 'SaomaBellDown', { saoma_bell_up: 0 }],
  ['not ready, and nobody knows why', true, 'SaomaInstanceNotReady', { saoma_ready: 0 }],
  ['more sessions refused than opened', true, 'SaomaSessionsRefused', {}, { [came('pending')]: 4, 'saoma_sessions_refused_total{namespace="default",reason="code"}': 5 }],
  ['some sessions refused', false, 'SaomaSessionsRefused', {}, { [came('pending')]: 6, 'saoma_sessions_refused_total{namespace="default",reason="code"}': 5 }],
  ['a step that fails for most', true, 'SaomaLoginCallsFail', {}, { [answered('/v1/scenes/{scene}/scan', '5xx')]: 6, [answered('/v1/scenes/{scene}/scan', '2xx')]: 5 }],
  ['a step that fails for most, among many who ask wrongly', true, 'SaomaLoginCallsFail', {}, { [answered('/v1/scenes/{scene}/scan', '5xx')]: 6, [answered('/v1/scenes/{scene}/scan', '2xx')]: 5, [answered('/v1/scenes/{scene}/scan', '4xx')]: 500 }],
  ['a step that fails for some', false, 'SaomaLoginCallsFail', {}, { [answered('/v1/scenes/{scene}/scan', '5xx')]: 5, [answered('/v1/scenes/{scene}/scan', '2xx')]: 5 }],
  ['a WeChat that is busy', false, 'SaomaWechatFails', {}, { [wechat('busy')]: 3, [wechat('ok')]: 3 }],
  ['a hook that is away for most', true, 'SaomaHookFails', {}, { [hook('unavailable')]: 4, [hook('registered')]: 3 }],
  ['a hook that is slow for some', false, 'SaomaHookFails', {}, { [hook('timeout')]: 3, [hook('registered')]: 3 }],
  ['scans of which none came through', true, 'SaomaPeopleDropOut', {}, { [came('scanned')]: 3 }],
  ['slow handshakes', false, 'SaomaHandshakeBudgetBurnsFast', {}, { 'saoma_handshake_duration_seconds_bucket{le="1"}': 0, 'saoma_handshake_duration_seconds_bucket{le="2.5"}': 9, 'saoma_handshake_duration_seconds_bucket{le="+Inf"}': 9 }],
  ['late events', false, 'SaomaDeliveryBudgetBurnsFast', {}, { 'saoma_delivery_duration_seconds_bucket{le="1"}': 0, 'saoma_delivery_duration_seconds_bucket{le="2.5"}': 9, 'saoma_delivery_duration_seconds_bucket{le="+Inf"}': 9 }],
  ['an empty pool', false, 'SaomaPoolEmpty', { 'saoma_pool_codes{namespace="default",state="free"}': 0, 'saoma_pool_codes{namespace="default",state="taken"}': 5 }],
  ['nearly all connections', false, 'SaomaConnectionsNearLimit', { saoma_connections: 81 }],
  ['nearly all descriptors', false, 'SaomaDescriptorsNearLimit', { process_open_fds: 81 }],
  ['a certificate that ends soon', false, 'SaomaCertificateEnds', { saoma_tls_certificate_expiry_timestamp_seconds: NOW / 1000 + 6 * 86_400 }],
  ['a certificate that has ended', true, 'SaomaCertificateEnds', { saoma_tls_certificate_expiry_timestamp_seconds: NOW / 1000 - 1 }],
  ['a history with holes', false, 'SaomaHistoryNotWritten', {}, { saoma_history_unwritten_total: 1 }],
];

for (const [what, stops, alert, is, grew] of CASES) {
  test(`${what}: ${stops ? 'people cannot log in' : 'trouble'}, and where to read on`, () => {
    const { state, alerts, found } = said(is, grew);
    assert.deepEqual(alerts, [alert]);
    assert.equal(found[0].stops, stops, found[0].says);
    assert.equal(state, stops ? 'no' : 'quiet');
  });
}

test('a little of it is an accident', () => {
  for (const grew of [
    { [answered('/v1/scenes/{scene}/scan', '5xx')]: 2 },
    { 'saoma_sessions_refused_total{namespace="default",reason="store"}': 2 },
    { [wechat('busy')]: 2 },
    { [wechat('busy')]: 3, [wechat('ok')]: 27 },
    { [hook('failed')]: 2 },
    { [came('scanned')]: 2 },
  ]) assert.deepEqual(said({}, grew).found, [], JSON.stringify(grew));
});

test('what is about one person is no trouble', () => {
  for (const grew of [
    { [wechat('invalid_code')]: 50, [wechat('blocked')]: 50 },
    { [hook('unregistered')]: 50, [hook('refused')]: 50 },
    { [answered('/v1/scenes/{scene}/scan', '4xx')]: 50 },
    { 'saoma_sessions_refused_total{namespace="default",reason="rate_limited"}': 50 },
    // Held requests are no calls of a login, and neither are pages.
    { [answered('/v1/sessions/{session_id}/events', '5xx')]: 50, [answered('page', '5xx')]: 50 },
  ]) assert.deepEqual(said({}, grew).found, [], JSON.stringify(grew));
});

test('what stops people is told first, and somebody who came through before does not hide it', () => {
  const { state, alerts } = said({ saoma_store_up: 0, saoma_connections: 99 }, { [came('confirmed')]: 9 });
  assert.deepEqual(alerts, ['SaomaStoreDown', 'SaomaConnectionsNearLimit']);
  assert.equal(state, 'no');
});

test('trouble does not stop those who come through', () => {
  assert.equal(said({ saoma_bell_up: 0 }, { [came('confirmed')]: 1 }).answer, 'People can log in');
});

test('each alert that it names has a section in the runbook', () => {
  const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
  for (const [, , alert] of CASES) assert.ok(runbook.includes(`### ${alert}\n`), alert);
});

test('a share is told with as many digits as matter', () => {
  assert.deepEqual([0, 0.0123, 0.5, 0.987, 0.9987, 1].map(percent), ['0 %', '1.2 %', '50 %', '99 %', '99.9 %', '100 %']);
});

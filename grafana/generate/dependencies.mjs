// What logins depend on: WeChat, the codes made ahead, Redis, and the service that decides.
import { lines, states } from './panels.mjs';
import { HOOK_ILL, N, perMinute, quantile, rate, S, share, shared, WECHAT_WELL } from './queries.mjs';

const WECHAT = 'saoma_wechat_request_duration_seconds';
const STORE = 'saoma_store_request_duration_seconds';
const HOOK = 'saoma_hook_duration_seconds';
const UP = { 0: ['Down', 'red'], 1: ['Up', 'green'] };

export const wechat = {
  title: 'WeChat',
  collapsed: true,
  panels: [
    lines('Calls, by API', 'Calls to WeChat, a minute.', 'short', { expr: perMinute(`${WECHAT}_count`, S, 'api'), legend: '{{api}}' }, { stacked: true }),
    lines('What came of them', 'A minute. invalid_code and blocked are about one person; busy, timeout, unreachable and nonsense about WeChat or the way to it; misconfigured about our settings.', 'short', { expr: perMinute(`${WECHAT}_count`, S, 'outcome'), legend: '{{outcome}}' }, { stacked: true }),
    lines('Failing, by API', 'Calls that WeChat did not answer well, of all that were made.', 'percentunit', { expr: `1 - (${share(rate(`${WECHAT}_count`, `${S},outcome=~"${WECHAT_WELL}"`, 'api'), rate(`${WECHAT}_count`, S, 'api'))})`, legend: '{{api}}' }, { max: 1 }),
    lines('Duration, by API', 'From a call to its answer.', 's', [0.5, 0.99].map((q) => ({ expr: quantile(q, WECHAT, S, 'api'), legend: `{{api}} p${100 * q}` }))),
    lines('Codes of the minute', 'Codes asked for in the current minute, of those that WeChat makes in one.', 'percentunit', { expr: `sum by (namespace) (saoma_wechat_codes_used{${N}}) / max by (namespace) (saoma_wechat_codes_limit{${N}})`, legend: '{{namespace}}' }, { max: 1, limit: 0.8 }),
    lines('Access token good for', 'Until the access token that is held ends. It is renewed when somebody needs it, in its last five minutes; where nobody does it may end.', 's', { expr: `max by (namespace, instance) ((saoma_wechat_token_expiry_timestamp_seconds{${N}} > 0) - time())`, legend: '{{namespace}} at {{instance}}' }, { min: undefined }),
    lines('Calls not made', 'A minute: a used up quota, or an API that failed, was left alone for a while.', 'short', { expr: perMinute('saoma_wechat_calls_paused_total', S, 'api'), legend: '{{api}}' }),
  ],
};

export const pool = {
  title: 'Codes made ahead',
  collapsed: true,
  panels: [
    lines('Codes, by state', 'By the database\'s count.', 'short', { expr: shared('saoma_pool_codes', N, 'namespace, state'), legend: '{{namespace}}: {{state}}' }, { stacked: true }),
    lines('Free, and the low water', 'Below the low water more are made.', 'short', [
      { expr: shared('saoma_pool_codes', `${N},state="free"`, 'namespace'), legend: '{{namespace}} free' },
      { expr: shared('saoma_pool_low_water', N, 'namespace'), legend: '{{namespace}} low water' },
    ]),
    lines('Where sessions got their code', 'A minute. fresh: the pool was empty, and one was made while the page waited. none: that failed, too.', 'short', { expr: perMinute('saoma_pool_taken_total', N, 'namespace, from'), legend: '{{namespace}}: {{from}}' }, { stacked: true }),
    lines('Codes made', 'A minute, and those that could not be made.', 'short', { expr: perMinute('saoma_pool_made_total', N, 'namespace, outcome'), legend: '{{namespace}}: {{outcome}}' }),
  ],
};

export const store = {
  title: 'Redis and hook',
  collapsed: true,
  panels: [
    states('Store', 'Whether the session store answers each instance.', { expr: `max by (instance) (saoma_store_up{${S}})`, legend: '{{instance}}' }, { w: 12, h: 5, mappings: UP, thresholds: [[null, 'red'], [1, 'green']] }),
    states('Bell', 'Whether each instance hears of changes at the others. While it does not, it looks every two seconds.', { expr: `max by (instance) (saoma_bell_up{${S}})`, legend: '{{instance}}' }, { w: 12, h: 5, mappings: UP, thresholds: [[null, 'red'], [1, 'green']] }),
    lines('Requests to the store', 'A second.', 'ops', { expr: rate(`${STORE}_count`, S, 'request'), legend: '{{request}}' }, { stacked: true }),
    lines('Duration of the store, p99', 'By request.', 's', { expr: quantile(0.99, STORE, S, 'request'), legend: '{{request}}' }),
    lines('Store failures', 'Requests that failed, a second.', 'ops', { expr: rate(`${STORE}_count`, `${S},outcome="failed"`, 'request'), legend: '{{request}}' }),
    lines('Missed and lost', 'A minute: events that were found by looking, for the bell had not told of them; logins that the history does not have, for the database did not take them.', 'short', [
      { expr: perMinute('saoma_store_bell_missed_total', S), legend: 'bell missed' },
      { expr: perMinute('saoma_history_unwritten_total', S), legend: 'history not written' },
    ]),
    lines('What the hook said', 'Questions to the service that decides, a minute, by what came of them.', 'short', { expr: perMinute(`${HOOK}_count`, S, 'outcome'), legend: '{{outcome}}' }, { stacked: true }),
    lines('Duration of the hook', 'A second try included. A phone waits for it.', 's', [0.5, 0.99].map((q) => ({ expr: quantile(q, HOOK, S, 'type'), legend: `{{type}} p${100 * q}` }))),
    lines('Hook failing', 'Questions that nobody answered well, of all.', 'percentunit', { expr: share(rate(`${HOOK}_count`, `${S},outcome=~"${HOOK_ILL}"`, 'type'), rate(`${HOOK}_count`, S, 'type')), legend: '{{type}}' }, { max: 1 }),
  ],
};

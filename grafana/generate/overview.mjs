// The first screen: are people able to log in right now, and if not, where does it break.
import { alerts, lines, stat } from './panels.mjs';
import { CALLS, came, DROPPED, HOOK_ILL, N, perMinute, quantile, rate, S, share, TRANSITIONS, WECHAT_WELL, within } from './queries.mjs';

const UP = { 0: ['Down', 'red'], 1: ['Up', 'green'] };
/** A login's own calls that fail more often than not, and not only once; those that asked wrongly are left out. */
const FAILING = within('saoma_http_responses_total', `${S},${CALLS},status="5xx"`, '5m', 'method, route');
const BROKEN = `(count(${FAILING} >= 3 and ${FAILING} / ${within('saoma_http_responses_total', `${S},${CALLS},status=~"2xx|5xx"`, '5m', 'method, route')} > 0.5) or vector(0)) > bool 0`;
const REFUSED = `${within('saoma_sessions_refused_total', `${N},reason!="rate_limited"`, '5m')} > bool ${within(TRANSITIONS, came('pending'), '5m')}`;
const CONFIRMED = within(TRANSITIONS, came('confirmed'), '5m');
const SCANNED = within(TRANSITIONS, came('scanned'), '5m');
/** 1 yes, 0 no, 2 nobody tries. */
const VERDICT = `max(saoma_ready{${S}}) * (1 - (${BROKEN})) * (1 - (${REFUSED}))
  * ((${CONFIRMED} > bool 0) + 2 * (${CONFIRMED} == bool 0) * (${SCANNED} < bool 3))`;

const SECOND = [[null, 'green'], [0.5, 'yellow'], [1, 'red']];
const WHOLE = [[null, 'red'], [0.9, 'yellow'], [0.98, 'green']];
const ended = (at, time) => `${within(TRANSITIONS, came('confirmed'), time)} + ${within(DROPPED, `${N},at=~"${at}"`, time)}`;

export const overview = {
  title: 'Are people able to log in right now?',
  panels: [
    stat('Can people log in?', 'Yes: somebody did within 5 minutes. No: no instance is ready, or most calls of one kind fail, or more sessions are refused than opened, or three or more have scanned and nobody came through. Otherwise nobody tries.', 'short', { expr: VERDICT }, {
      mappings: { 0: ['No', 'red'], 1: ['Yes', 'green'], 2: ['Nobody tries', 'blue'] }, graph: 'none', noValue: 'No data', thresholds: [[null, 'red'], [1, 'green'], [2, 'blue']],
    }),
    stat('Logins a minute', 'Sessions that were confirmed.', 'short', { expr: perMinute(TRANSITIONS, came('confirmed')) }),
    stat('Come through, of who scanned', 'Logins that were confirmed, of all that ended after a scan, in 15 minutes. Who scans means to log in: this should be high.', 'percentunit', { expr: share(within(TRANSITIONS, came('confirmed'), '15m'), ended('scanned|unregistered', '15m')) }, { noValue: 'Nobody', thresholds: [[null, 'red'], [0.6, 'yellow'], [0.8, 'green']], max: 1 }),
    stat('People waiting', 'Logins that are under way, by the store\'s own count.', 'short', { expr: `sum(max by (job, state) (saoma_pending_logins{${S},state!="confirmed"}))` }, { thresholds: [[null, 'blue']] }),
    stat('Handshake, p99', 'From an events request to the first byte. The objective: 99 % within 1 s.', 's', { expr: quantile(0.99, 'saoma_handshake_duration_seconds', S) }, { noValue: 'None', thresholds: SECOND }),
    stat('Delivery, p99', 'From an event to its being written to who waits for it. The objective: 99.9 % within 1 s.', 's', { expr: quantile(0.99, 'saoma_delivery_duration_seconds', S) }, { noValue: 'None', thresholds: SECOND }),
    alerts({ w: 6, h: 8 }),
    stat('WeChat answers well', 'Calls that WeChat answered, a person\'s old code included, of all that were made.', 'percentunit', { expr: share(rate('saoma_wechat_request_duration_seconds_count', `${S},outcome=~"${WECHAT_WELL}"`), rate('saoma_wechat_request_duration_seconds_count', S)) }, { noValue: 'No calls', thresholds: WHOLE, max: 1 }),
    stat('Instances', 'Those that say that they are ready, and all that are known.', 'short', [
      { expr: `sum(saoma_ready{${S}})`, legend: 'ready' },
      { expr: `count(up{${S}} and on (job) last_over_time(saoma_build_info{${S}}[1d]))`, legend: 'known' },
    ], { graph: 'none' }),
    stat('Session store', 'Whether the store answers every instance, and whether each hears of changes at the others.', 'short', [
      { expr: `min(saoma_store_up{${S}})`, legend: 'store' },
      { expr: `min(saoma_bell_up{${S}})`, legend: 'bell' },
    ], { mappings: UP, graph: 'none', thresholds: [[null, 'red'], [1, 'green']] }),
    stat('Server errors', 'Answers 5xx of all answers.', 'percentunit', { expr: share(rate('saoma_http_responses_total', `${S},status="5xx"`), rate('saoma_http_responses_total', S)) }, { noValue: 'No calls', thresholds: [[null, 'green'], [0.001, 'yellow'], [0.01, 'red']] }),
    stat('Refused a minute', 'Sessions that could not be opened: too many of one address, no code, or no store.', 'short', { expr: perMinute('saoma_sessions_refused_total', N) }, { thresholds: [[null, 'green'], [1, 'yellow'], [10, 'red']] }),
    stat('Tokens fetched', 'Tickets that were exchanged, of all logins that were confirmed, in 15 minutes.', 'percentunit', { expr: share(within('saoma_tickets_total', `${N},outcome="redeemed"`, '15m'), within(TRANSITIONS, came('confirmed'), '15m')) }, { noValue: 'Nobody', thresholds: WHOLE }),
    lines('The funnel', 'Sessions a minute at each step: the distance between two lines is who was lost there.', 'short', [
      { expr: perMinute(TRANSITIONS, came('pending')), legend: '1 opened' },
      { expr: perMinute(TRANSITIONS, came('scanned')), legend: '2 scanned' },
      { expr: perMinute(TRANSITIONS, came('confirmed')), legend: '3 confirmed' },
      { expr: perMinute('saoma_tickets_total', `${N},outcome="redeemed"`), legend: '4 token fetched' },
    ], { h: 9 }),
    lines('Where people drop out', 'Sessions a minute that ended without a confirmation, by where they stood and why. That many expire while pending is usual: a page was open and nobody scanned.', 'short', { expr: `${perMinute(DROPPED, N, 'at, reason')} > 0`, legend: '{{at}}: {{reason}}' }, { h: 9, stacked: true }),
    lines('Where it breaks', 'Failures a minute, by what failed. Nothing is drawn where nothing failed.', 'short', [
      { expr: `${perMinute('saoma_sessions_refused_total', N, 'reason')} > 0`, legend: 'opening: {{reason}}' },
      { expr: `${perMinute('saoma_wechat_request_duration_seconds_count', `${S},outcome!~"${WECHAT_WELL}"`, 'outcome')} > 0`, legend: 'WeChat: {{outcome}}' },
      { expr: `${perMinute('saoma_hook_duration_seconds_count', `${S},outcome=~"${HOOK_ILL}"`, 'outcome')} > 0`, legend: 'hook: {{outcome}}' },
      { expr: `${perMinute('saoma_store_request_duration_seconds_count', `${S},outcome="failed"`)} > 0`, legend: 'store' },
      { expr: `${perMinute('saoma_http_responses_total', `${S},status="5xx"`)} > 0`, legend: 'answers 5xx' },
    ], { h: 9 }),
  ],
};

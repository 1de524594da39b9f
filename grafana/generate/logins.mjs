// Logins as people go through them: the funnel and its times, and the wires that events go by.
import { bars, lines } from './panels.mjs';
import { came, DROPPED, N, perMinute, quantile, rate, S, share, shared, TRANSITIONS, within } from './queries.mjs';

const WITHIN_A_SECOND = 'le=~"1|1.0"';
const OBJECTIVE = 1;

/** The quantiles of a wait. @param {string} histogram */
const waits = (histogram) => [0.5, 0.9, 0.99].map((q) => ({ expr: quantile(q, histogram, N), legend: `p${100 * q}` }));
/** How much of it was within the objective. @param {string} histogram */
const kept = (histogram) => ({
  expr: share(rate(`${histogram}_bucket`, `${S},${WITHIN_A_SECOND}`, 'transport'), rate(`${histogram}_count`, S, 'transport')),
  legend: '{{transport}}',
});
/** @param {string} histogram */
const byTransport = (histogram) => [0.5, 0.99].map((q) => ({ expr: quantile(q, histogram, S, 'transport'), legend: `{{transport}} p${100 * q}` }));
/** @param {string} from @param {string} to */
const goOn = (from, to) => share(within(TRANSITIONS, came(to), '15m'), within(TRANSITIONS, came(from), '15m'));

export const funnel = {
  title: 'Funnel and latency',
  panels: [
    lines('Who goes on, step by step', 'Of those who came to a step, how many came to the next, in 15 minutes. A step that falls by itself is where to look.', 'percentunit', [
      { expr: goOn('pending', 'scanned'), legend: 'opened → scanned' },
      { expr: goOn('scanned', 'confirmed'), legend: 'scanned → confirmed' },
      { expr: share(within('saoma_tickets_total', `${N},outcome="redeemed"`, '15m'), within(TRANSITIONS, came('confirmed'), '15m')), legend: 'confirmed → token fetched' },
    ]),
    lines('Logins a minute, by namespace', 'Sessions that were confirmed.', 'short', { expr: perMinute(TRANSITIONS, came('confirmed'), 'namespace'), legend: '{{namespace}}' }, { stacked: true }),
    bars('Dropped out, in the time shown', 'Sessions that ended without a confirmation: where they stood, and why.', 'short', { expr: within(DROPPED, N, '$__range', 'at, reason'), legend: '{{at}}: {{reason}}' }),
    lines('From opening to scan', 'How long people take to scan. It grows when codes come late or are hard to scan.', 's', waits('saoma_scan_wait_seconds')),
    lines('From scan to confirmation', 'How long people take on the phone. It grows when the phone\'s page, or who is asked there, is slow.', 's', waits('saoma_confirm_wait_seconds')),
    lines('Whole logins', 'From opening to confirmation.', 's', waits('saoma_login_duration_seconds')),
    lines('Under way, by state', 'Logins that have not ended, by the store\'s own count.', 'short', { expr: shared('saoma_pending_logins', S, 'state'), legend: '{{state}}' }, { stacked: true }),
    lines('Sessions refused', 'Sessions that could not be opened, a minute: rate_limited (one address asks too often), code (none could be had), store (it does not answer).', 'short', { expr: perMinute('saoma_sessions_refused_total', N, 'namespace, reason'), legend: '{{namespace}}: {{reason}}' }),
    lines('Tickets', 'Tickets that were exchanged for a token, and those that were refused (unknown, used, too late), a minute.', 'short', { expr: perMinute('saoma_tickets_total', N, 'outcome'), legend: '{{outcome}}' }),
  ],
};

export const transports = {
  title: 'Transports',
  collapsed: true,
  panels: [
    lines('Handshake, by transport', 'From an events request to the first byte.', 's', byTransport('saoma_handshake_duration_seconds'), { limit: OBJECTIVE }),
    lines('Handshakes within 1 s', 'The objective: 99 %.', 'percentunit', kept('saoma_handshake_duration_seconds'), { max: 1 }),
    lines('Handshakes a minute', 'Requests for events that were answered: which transports browsers come by.', 'short', { expr: perMinute('saoma_handshake_duration_seconds_count', S, 'transport'), legend: '{{transport}}' }, { stacked: true }),
    lines('Delivery, by transport', 'From an event, at whichever instance, to its being written to who waits for it.', 's', byTransport('saoma_delivery_duration_seconds'), { limit: OBJECTIVE }),
    lines('Deliveries within 1 s', 'The objective: 99.9 %.', 'percentunit', kept('saoma_delivery_duration_seconds'), { max: 1 }),
    lines('Who waits', 'Clients that are waiting for events.', 'short', { expr: `sum by (transport) (saoma_subscribers{${S}})`, legend: '{{transport}}' }, { stacked: true }),
    lines('Fallbacks', 'Clients that left a transport for another, a minute, by their own word. Many at once: something on the way breaks that transport.', 'short', { expr: `${perMinute('saoma_transport_fallbacks_total', S, 'from, to, reason')} > 0`, legend: '{{from}} → {{to}}: {{reason}}' }, { stacked: true }),
    lines('How subscriptions end', 'A minute. done: all was told. waited: a long-poll was answered. slow: the client did not read. leaving: this server drains.', 'short', { expr: perMinute('saoma_subscriptions_ended_total', S, 'reason'), legend: '{{reason}}' }, { stacked: true }),
    lines('Resumed', 'Clients that came back with a cursor, a minute, and whether there was something to tell them.', 'short', { expr: perMinute('saoma_resumes_total', S, 'transport, outcome'), legend: '{{transport}}: {{outcome}}' }),
  ],
};

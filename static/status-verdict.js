// Whether people can log in, by what was read; and what is broken, in words.

/** Seconds that the answer looks back. */
export const WINDOW = 300;

export const TRANSITIONS = 'saoma_session_transitions_total';
export const RESPONSES = 'saoma_http_responses_total';
export const WECHAT = 'saoma_wechat_request_duration_seconds';
export const HOOK = 'saoma_hook_duration_seconds';
/** An old login code, or somebody whom WeChat keeps out, is no failure. */
export const WECHAT_ILL = /^(?!ok$|invalid_code$|blocked$)/;
export const HOOK_ILL = /^(unavailable|timeout|failed)$/;

/** What browsers and phones call in a login. */
const CALLS = /^\/v1\/(sessions|scenes|tickets)(?!.*\/events$)/;
/** Fewer failures than these are an accident. */
const SEVERAL = 3;
const NEARLY = 0.8;
const DAY = 86_400;

/**
 * @typedef {import('./status-readings.js').Readings} Readings
 * @typedef {{ stops: boolean, says: string, alert: string }} Trouble `stops`: nobody comes through; `alert`: its section of docs/runbook.md
 */

/** @param {number} share */
export const percent = (share) => `${(100 * share).toFixed(share < 0.1 || share > 0.99 ? 1 : 0).replace(/\.0$/, '')} %`;

/** Failures of one metric by a label, where they are several. @param {Readings} readings @param {string} name @param {string} label @param {Record<string, string | RegExp>} failed @param {Record<string, string | RegExp>} [all] */
function failing(readings, name, label, failed, all = {}) {
  return readings.values(name, label, all).map((what) => {
    const bad = readings.grew(name, WINDOW, { ...all, ...failed, [label]: what });
    return { what, bad, share: bad / readings.grew(name, WINDOW, { ...all, [label]: what }) };
  }).filter(({ bad, share }) => bad >= SEVERAL && share > 0.1);
}

/** What is broken, the worst first. @param {Readings} readings @param {number} time in milliseconds @returns {Trouble[]} */
export function troubles(readings, time) {
  /** @type {Trouble[]} */ const found = [];
  const tell = (/** @type {boolean} */ stops, /** @type {string} */ says, /** @type {string} */ alert) => found.push({ stops, says, alert });
  const down = (/** @type {string} */ name) => readings.has(name) && readings.now(name) === 0;

  if (readings.now('saoma_draining')) tell(true, 'This instance is leaving. It tells its subscribers to go to another one.', 'SaomaDrainsTooLong');
  if (down('saoma_store_up')) tell(true, 'The session store does not answer: nobody can open a session, scan or confirm. Those who wait go on waiting.', 'SaomaStoreDown');
  if (down('saoma_bell_up')) tell(false, 'Changes at other instances are not heard. They are found by looking, every two seconds.', 'SaomaBellDown');
  if (down('saoma_ready') && !found.length) tell(true, 'This instance says that it is not ready.', 'SaomaInstanceNotReady');

  const opened = readings.grew(TRANSITIONS, WINDOW, { to: 'pending' });
  for (const { what, bad } of failing(readings, 'saoma_sessions_refused_total', 'reason', {}, { reason: /^(code|store)$/ })) {
    tell(bad > opened, `${bad} sessions could not be opened: ${what === 'code' ? 'no code could be had' : 'the store did not answer'}.`, 'SaomaSessionsRefused');
  }
  for (const method of readings.values(RESPONSES, 'method')) {
    // Who asks wrongly says nothing of those who ask rightly.
    for (const { what, share } of failing(readings, RESPONSES, 'route', { status: '5xx' }, { method, route: CALLS, status: /^[25]xx$/ })) {
      tell(share > 0.5, `${percent(share)} of the calls ${method} ${what} are answered 5xx.`, 'SaomaLoginCallsFail');
    }
  }
  const count = `${WECHAT}_count`;
  for (const { what, share } of failing(readings, count, 'api', { outcome: WECHAT_ILL })) {
    const came = readings.values(count, 'outcome', { api: what, outcome: WECHAT_ILL }).filter((outcome) => readings.grew(count, WINDOW, { api: what, outcome }));
    tell(false, `${percent(share)} of the calls to WeChat's ${what} fail: ${came.join(', ')}.`, 'SaomaWechatFails');
  }
  const hooks = readings.grew(`${HOOK}_count`, WINDOW);
  const unanswered = readings.grew(`${HOOK}_count`, WINDOW, { outcome: HOOK_ILL });
  if (unanswered >= SEVERAL && unanswered > hooks / 10) tell(unanswered > hooks / 2, `${percent(unanswered / hooks)} of the questions to the service that decides are not answered.`, 'SaomaHookFails');

  const scanned = readings.grew(TRANSITIONS, WINDOW, { to: 'scanned' });
  if (scanned >= SEVERAL && !readings.grew(TRANSITIONS, WINDOW, { to: 'confirmed' })) tell(true, `${scanned} people have scanned, and nobody came through.`, 'SaomaPeopleDropOut');
  for (const [wire, alert] of [['handshake', 'SaomaHandshakeBudgetBurnsFast'], ['delivery', 'SaomaDeliveryBudgetBurnsFast']]) {
    const p99 = readings.quantile(`saoma_${wire}_duration_seconds`, 0.99, WINDOW);
    if (p99 > 1) tell(false, `The ${wire} of one in a hundred takes more than ${p99.toFixed(1)} s. The objective is 1 s.`, alert);
  }
  for (const namespace of readings.values('saoma_pool_codes', 'namespace')) {
    const free = readings.now('saoma_pool_codes', { namespace, state: 'free' });
    if (free === 0) tell(false, `The pool of ${namespace} is empty: each session waits for WeChat to make a code.`, 'SaomaPoolEmpty');
  }
  for (const [what, used, most, alert] of [
    ['connections', 'saoma_connections', 'saoma_connections_limit', 'SaomaConnectionsNearLimit'],
    ['file descriptors', 'process_open_fds', 'process_max_fds', 'SaomaDescriptorsNearLimit'],
  ]) {
    const share = readings.now(used) / readings.now(most);
    if (share > NEARLY) tell(false, `${percent(share)} of the ${what} are in use.`, alert);
  }
  const certificate = 'saoma_tls_certificate_expiry_timestamp_seconds';
  const left = (readings.now(certificate) - time / 1000) / DAY;
  if (readings.has(certificate) && left < 7) tell(left < 0, left < 0 ? 'The certificate has ended.' : `The certificate ends in ${left.toFixed(1)} days.`, 'SaomaCertificateEnds');
  const lost = readings.grew('saoma_history_unwritten_total', WINDOW);
  if (lost) tell(false, `${lost} logins are missing in the history.`, 'SaomaHistoryNotWritten');
  return found.sort((a, b) => Number(b.stops) - Number(a.stops));
}

/** The answer. @param {Readings} readings @param {Trouble[]} found @returns {{ state: 'yes' | 'no' | 'quiet', answer: string }} */
export function verdict(readings, found) {
  if (found.some(({ stops }) => stops)) return { state: 'no', answer: 'People cannot log in' };
  if (readings.grew(TRANSITIONS, WINDOW, { to: 'confirmed' })) return { state: 'yes', answer: 'People can log in' };
  return { state: 'quiet', answer: found.length ? 'Ready, with trouble: nobody logs in just now' : 'Ready: nobody logs in just now' };
}

// What the page shows of a login, in words.

const { browserName, openedAgo } = require('./asker');

/** @typedef {import('./asker').Say} Say */

/** WeChat's own signs, so that nothing needs to be fetched. @type {Record<string, string>} */
const SIGNS = { confirmed: 'success', rejected: 'cancel', wrong: 'cancel', taken: 'warn', picture: 'warn', unknown: 'warn', expired: 'waiting', over: 'info', cancelled: 'info' };

/** @param {import('./login').Login} login @param {Say} say @param {string} site */
function screen(login, say, site) {
  const { step, scanned, busy, wait, again, closed } = login;
  const name = scanned?.user?.name ?? '';
  return {
    step,
    sign: SIGNS[step] ?? '',
    title: say(`${step}Title`),
    lead: closed ? say('closedLead') : say(name ? `${step}Lead` : nameless(step), { name }),
    rows: step === 'ask' ? rows(scanned, say, site, login.now()) : [],
    relayed: !!scanned?.relayed,
    asksNumber: !!scanned?.match_number_required,
    closed,
    held: busy || wait > 0,
    problem: complaint(login, say),
    retry: again ? (wait > 0 ? say('retryIn', { seconds: wait }) : say('retry')) : '',
  };
}

/** A phone that only WeChat vouches for has no name. @param {string} step */
const nameless = (step) => (step === 'ask' || step === 'join' ? `${step}LeadNameless` : `${step}Lead`);

/** @param {any} scanned @param {Say} say @param {string} site @param {number} now */
function rows({ browser, user }, say, site, now) {
  const agent = browser.user_agent ?? '';
  const all = [
    { name: say('site'), value: site, raw: '' },
    // Beneath the readable words stands what they were made of.
    { name: say('browser'), value: browserName(agent, say), raw: agent },
    { name: say('address'), value: browser.ip || say('unknown'), raw: '' },
    { name: say('opened'), value: openedAgo(browser.opened_at, now, say), raw: '' },
  ];
  return user?.name ? [...all, { name: say('as'), value: user.name, raw: '' }] : all;
}

/** @param {import('./login').Login} login @param {Say} say */
function complaint({ problem, step }, say) {
  if (!problem) return '';
  const { status, code, detail } = problem;
  if (code === 'no_login') return say('noLogin');
  const key = status === 0 ? 'network' : status === 429 ? 'busy' : step === 'join' && status < 500 ? 'noJoin' : 'failed';
  return say(key, { detail });
}

module.exports = { screen };

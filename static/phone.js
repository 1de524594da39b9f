// @ts-check
// A person's page: scan, look at what asks, confirm or refuse. At `/phone/…` it plays the mini program for the
// simulator; at `/wechat/…` WeChat has said who it is, and what the page needs comes in the address's fragment.

const TEXT = {
  en: {
    other: '中文', simulator: 'Simulator: no security', simulatorHint: 'This page stands in for WeChat. Whoever opens it may call themselves anybody.',
    whoTitle: 'Who are you?', whoLead: 'You have scanned a login code. Say who holds this phone.',
    nameLabel: 'Your name', nameHint: 'The same name is the same person every time.', suggestion: 'Alice', scan: 'Continue',
    scanTitle: 'One moment', scanLead: 'The code is being looked up.',
    askTitle: 'Log in on this browser?', askLead: 'Somebody wants to log in as you, {name}.', askLeadNameless: 'Somebody wants to log in as you.',
    site: 'Site', browser: 'Browser, it says', address: 'Address', opened: 'Code opened', as: 'You log in as',
    ago: '{time}, {seconds} s ago', agoMinutes: '{time}, {minutes} min ago', unknown: 'unknown', on: '{browser} on {system}',
    numberLabel: 'The two digits beside the code', numberHint: 'Type them from the screen. One wrong number ends this login.',
    numberMissing: 'Type the two digits that the screen shows beside the code.',
    reject: 'Refuse', confirm: 'Confirm', care: 'Confirm only if you opened this page yourself and see it in front of you. If in doubt, refuse.',
    relayed: 'Careful: this code reached you as a picture, not from a screen in front of you. If somebody sent it to you, refuse.',
    joinTitle: 'Register first', joinLead: 'Nobody is registered here as {name} yet. Register, and the login goes on.',
    joinLeadNameless: 'You are not registered here yet. Register, and the login goes on.', joinLabel: 'Name to register', register: 'Register',
    confirmedTitle: 'Logged in', confirmedLead: 'You may go back to the other screen and close this page.',
    rejectedTitle: 'Refused', rejectedLead: 'Nobody was logged in. You may close this page.',
    wrongTitle: 'Wrong number', wrongLead: 'That is not the number on the screen, so this login was stopped. Nobody was logged in.',
    expiredTitle: 'This code has expired', expiredLead: 'Refresh the code on the other screen and scan the new one.',
    cancelledTitle: 'Login cancelled', cancelledLead: 'The other screen has given up this login. Scan its new code to go on.',
    takenTitle: 'Already scanned', takenLead: 'Another phone, or another name, has scanned this code first. If that was not you, refresh the code on the other screen.',
    pictureTitle: 'Scan the screen itself', pictureLead: 'This code reached you as a picture, which this site does not accept. Scan it from the screen in front of you.',
    unknownTitle: 'Unknown code', unknownLead: 'There is no login for this code. It may be too old. Refresh the code on the other screen and scan again.',
    overTitle: 'This login is over', overLead: 'The code has been used already. Scan a new one.',
    staleTitle: 'This link no longer works', staleLead: 'Each link is for one login. Scan the code on the other screen again.',
    nothingTitle: 'Open the link in WeChat', nothingLead: 'Open the link that you got in WeChat. There is nothing to type here.',
    network: 'The server cannot be reached.', busy: 'Too many attempts. Please wait.', failed: 'That did not work: {detail}',
    noJoin: 'Registering is not possible here: {detail}', retry: 'Try again', retryIn: 'Try again ({seconds})',
  },
  'zh-CN': {
    other: 'English', simulator: '模拟器：不具备安全性', simulatorHint: '本页面代替微信。任何人打开它都可以自称任何人。',
    whoTitle: '你是谁？', whoLead: '你扫描了一个登录二维码。请说明是谁在使用这部手机。',
    nameLabel: '你的名字', nameHint: '同一个名字始终代表同一个人。', suggestion: '小明', scan: '继续',
    scanTitle: '请稍候', scanLead: '正在识别二维码。',
    askTitle: '在此浏览器上登录？', askLead: '{name}，有人想以你的身份登录。', askLeadNameless: '有人想以你的身份登录。',
    site: '网站', browser: '浏览器（自称）', address: '网络地址', opened: '打开时间', as: '登录身份',
    ago: '{time}（{seconds} 秒前）', agoMinutes: '{time}（{minutes} 分钟前）', unknown: '未知', on: '{system} 上的 {browser}',
    numberLabel: '二维码旁的两位数字', numberHint: '请照屏幕输入。输错一次，本次登录即终止。', numberMissing: '请输入屏幕上二维码旁的两位数字。',
    reject: '拒绝', confirm: '确认', care: '仅当页面由你本人打开、就在你面前时才确认。如有疑问，请拒绝。',
    relayed: '注意：这个二维码是以图片形式到达的，而不是来自你面前的屏幕。如果是别人发给你的，请拒绝。',
    joinTitle: '请先注册', joinLead: '这里还没有名为 {name} 的用户。注册后登录会继续。',
    joinLeadNameless: '你还没有在这里注册。注册后登录会继续。', joinLabel: '注册名称', register: '注册',
    confirmedTitle: '登录成功', confirmedLead: '可以回到另一块屏幕，并关闭本页面。',
    rejectedTitle: '已拒绝', rejectedLead: '没有人登录。可以关闭本页面。',
    wrongTitle: '数字错误', wrongLead: '与屏幕上的数字不符，本次登录已终止，没有人登录。',
    expiredTitle: '二维码已过期', expiredLead: '请在另一块屏幕上刷新二维码后重新扫描。',
    cancelledTitle: '登录已取消', cancelledLead: '另一块屏幕放弃了本次登录。如需继续，请扫描新的二维码。',
    takenTitle: '二维码已被扫描', takenLead: '另一部手机或另一个名字先扫描了这个二维码。如果不是你，请在另一块屏幕上刷新二维码。',
    pictureTitle: '请直接扫描屏幕', pictureLead: '这个二维码是以图片形式到达的，本网站不接受。请扫描你面前屏幕上的二维码。',
    unknownTitle: '无效的二维码', unknownLead: '没有与该二维码对应的登录，可能已经过时。请刷新后重新扫描。',
    overTitle: '本次登录已结束', overLead: '该二维码已被使用，请扫描新的二维码。',
    staleTitle: '链接已失效', staleLead: '每个链接只用于一次登录。请重新扫描另一块屏幕上的二维码。',
    nothingTitle: '请打开微信中的链接', nothingLead: '请打开你在微信里收到的链接。这里没有需要输入的内容。',
    network: '无法连接服务器。', busy: '操作过于频繁，请稍候。', failed: '操作失败：{detail}',
    noJoin: '无法在此注册：{detail}', retry: '重试', retryIn: '重试（{seconds}）',
  },
};
/** What is said otherwise to who comes by a link in WeChat, and to who comes back from WeChat's page in a browser's window or frame. */
const OTHERWISE = {
  link: {
    en: { takenLead: 'Another person has scanned this code first. If that was not you, refresh the code on the other screen.' },
    'zh-CN': { takenLead: '另一个人先扫描了这个二维码。如果不是你，请在另一块屏幕上刷新二维码。' },
  },
  window: {
    en: {
      scanLead: 'You are being logged in.', askTitle: 'Log in?', askLeadNameless: 'Confirm, and the page logs you in.',
      confirmedTitle: 'You are logged in', confirmedLead: 'You may go back to the page, or close this window.',
      rejectedLead: 'Nobody was logged in. You may go back to the page, or close this window.',
      expiredTitle: 'This login has expired', expiredLead: 'Go back to the page and begin again.',
      cancelledLead: 'The page has given up this login. Go back to it and begin again.',
      unknownTitle: 'Unknown login', unknownLead: 'There is no such login. It may be too old. Go back to the page and begin again.',
      overLead: 'Go back to the page and begin again.',
    },
    'zh-CN': {
      scanLead: '正在登录。', askTitle: '确认登录？', askLeadNameless: '确认后，网页即会登录。',
      confirmedLead: '可以回到原网页，或关闭本窗口。', rejectedLead: '没有人登录。可以回到原网页，或关闭本窗口。',
      expiredTitle: '本次登录已过期', expiredLead: '请回到原网页重新开始。', cancelledLead: '原网页放弃了本次登录。如需继续，请回到原网页重新开始。',
      unknownTitle: '无效的登录', unknownLead: '没有这次登录，可能已经过时。请回到原网页重新开始。', overLead: '请回到原网页重新开始。',
    },
  },
};
const CROSS = 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.8 8.8l6.4 6.4M15.2 8.8l-6.4 6.4';
const CLOCK = 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7.5V12l3 2';
const SIGNS = {
  confirmed: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8 12.3l2.8 2.8 5.2-6', rejected: CROSS, wrong: CROSS, expired: CLOCK,
  cancelled: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8 12h8', taken: CROSS, picture: CROSS, unknown: CROSS, over: CLOCK,
  stale: CLOCK, nothing: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 8v.1M12 11.5v5',
};
const REQUEST_MS = 15_000;

const scene = decode(location.pathname.split('/').pop() ?? '');
const base = new URL('..', location.href).href + `v1/scenes/${encodeURIComponent(scene)}`;
const query = new URLSearchParams(location.search);
let lang = (query.get('lang') ?? navigator.languages.find((l) => /^(zh|en)\b/i.test(l)) ?? '').toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
const byWeChat = /\/wechat\/[^/]*$/.test(location.pathname);
const given = byWeChat ? arrived() : {};
const words = /** @type {any} */ (OTHERWISE)[given.way];
/** @param {string} key @param {Record<string, any>} [values] */
const say = (key, values = {}) => (words?.[lang][key] ?? /** @type {any} */ (TEXT)[lang][key]).replace(/\{(\w+)\}/g, (/** @type {any} */ _, /** @type {string} */ name) => values[name] ?? '');
/** @param {string} id @returns {any} */
const $ = (id) => document.getElementById(id);

let step = !byWeChat ? 'who' : given.end ?? (given.way ? 'scan' : 'nothing');
let /** @type {any} */ scan = null; // what the server said of the browser that asks
let phoneToken = given.phone_token ?? '', name = '';
let busy = false, complaint = () => '';
let /** @type {(() => void) | null} */ again = null;
let waitUntil = 0;

class Problem extends Error {
  /** @param {number} status @param {any} body @param {number} [after] */
  constructor(status, body, after) {
    super(body?.detail ?? body?.code ?? `HTTP ${status}`);
    this.status = status;
    this.code = body?.code ?? '';
    this.state = body?.state ?? '';
    this.after = after ?? 0;
  }
}
/** @param {string} path @param {any} [body] absent: GET @param {number} [ms] */
async function call(path, body, ms = REQUEST_MS) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), ms);
  let answer, text;
  try {
    /** @type {Record<string, string>} */ const headers = { Accept: 'application/json' };
    if (body) headers['Content-Type'] = 'application/json';
    if (phoneToken && path !== '/scan') headers.Authorization = `Bearer ${phoneToken}`;
    answer = await fetch(base + path, { method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body), signal: abort.signal, cache: 'no-store' });
    text = await answer.text();
  } catch {
    throw new Problem(0, null);
  } finally {
    clearTimeout(timer);
  }
  let json = null;
  try { json = JSON.parse(text || '{}'); } catch { /* a proxy's own page */ }
  if (answer.ok && json) return json;
  throw new Problem(answer.ok ? 0 : answer.status, json, Number(answer.headers.get('Retry-After')));
}

// ---- steps

/** One act at a time: a second tap while the first is under way is the same tap. @param {() => Promise<void>} act */
async function once(act) {
  if (busy) return;
  busy = true;
  complaint = () => '';
  again = null;
  paint();
  try {
    await act();
  } catch (/** @type {any} */ problem) {
    if (!closing(problem)) complain(problem, () => once(act));
  }
  busy = false;
  paint();
}
/** Answers after which there is nothing left to do here. @param {any} problem */
function closing(problem) {
  const { status, code } = problem;
  if (status === 410 || code === 'expired') go('expired');
  else if (code === 'already_scanned') go('taken');
  else if (code === 'relayed') go('picture');
  else if (code === 'wrong_number') go('wrong');
  else if (code === 'wrong_state') {
    // Our own earlier call may have worked, with its answer lost; a code that we never scanned was another's.
    if (problem.state === 'scanned' && phoneToken) go('ask');
    else go(problem.state in SIGNS && (phoneToken || problem.state !== 'confirmed') ? problem.state : 'over');
  } else if (byWeChat && code === 'invalid_login_code') go('stale');
  else if (status === 404 || status === 401) go('unknown');
  else return false;
  return true;
}
/** @param {any} problem @param {() => void} retry */
function complain(problem, retry) {
  const { status, after } = problem;
  const temporary = status === 0 || status === 408 || status === 429 || status >= 500;
  const key = status === 0 ? 'network' : status === 429 ? 'busy' : step === 'join' && status < 500 ? 'noJoin' : 'failed';
  complaint = () => say(key, { detail: problem.message });
  again = temporary ? retry : null;
  waitUntil = after > 0 ? Date.now() + after * 1000 : 0;
}
/** @param {string} next */
function go(next) {
  if (step === next) return;
  step = next;
  if (byWeChat && next in SIGNS) keep({ way: given.way, end: next });
  again = null;
  complaint = () => '';
  paint();
  // On a phone a focused field brings the keyboard up, which is wanted only where typing is all there is.
  if (next === 'join') $('newName').focus(); else $('title').focus();
  scrollTo(0, 0);
}

const doScan = () => once(async () => {
  const entry = Number(query.get('entry_scene')) || undefined;
  scan = await call('/scan', { login_code: given.login_code ?? `sim:${name}`, entry_scene: entry });
  phoneToken = scan.phone_token;
  go(scan.state in SIGNS ? scan.state : 'ask');
  listen();
});
const doConfirm = () => once(async () => {
  const body = scan?.match_number_required ? { match_number: Number($('match').value) } : {};
  try {
    await call('/confirm', body);
    go('confirmed');
  } catch (/** @type {any} */ problem) {
    if (problem.code === 'unregistered') join(); else throw problem;
  }
});
function join() {
  $('newName').value ||= called();
  go('join');
}
const doReject = () => once(async () => {
  await call('/reject', {});
  go('rejected');
});
const doRegister = () => once(async () => {
  await call('/register', { name: $('newName').value.trim() });
  busy = false; // the next act follows of itself
  go('ask');
  await doConfirm();
});

/** What the other end does is seen here at once. */
async function listen() {
  const mine = phoneToken;
  let cursor = 0, tries = 0;
  while (mine === phoneToken && !(step in SIGNS)) {
    const asked = Date.now();
    try {
      const { events, cursor: next, done, state } = await call(`/events?cursor=${cursor}&wait=25`, undefined, 25_000 + REQUEST_MS);
      if (mine !== phoneToken) return;
      cursor = next;
      tries = 0;
      if (step === 'scan') complaint = () => '';
      const end = events.find((/** @type {any} */ e) => ['rejected', 'expired', 'cancelled', 'confirmed'].includes(e.type));
      if (end?.data?.reason === 'wrong_number') go('wrong');
      else if ((end || done) && !(step in SIGNS)) go(end?.type ?? state);
      else if (state === 'unregistered' && step === 'scan') join();
      else if (step === 'scan') go('ask');
      // Empty before its time: a server that leaves. Whoever comes next needs a moment.
      if (!events.length && Date.now() - asked < 1000) await pause(500 + Math.random() * 500);
    } catch (/** @type {any} */ problem) {
      if (mine !== phoneToken) return;
      const lasting = problem.status >= 400 && problem.status < 500 && ![408, 429].includes(problem.status);
      if (lasting) {
        // Who may not listen can still ask, and the answer to that says where the login stands.
        if (!closing(problem) && step === 'scan') go('ask');
        return;
      }
      if (step === 'scan') {
        complain(problem, () => {});
        again = null; // it goes on by itself
        paint();
      }
      await pause(problem.after * 1000 || Math.random() * Math.min(10_000, 500 * 2 ** tries++));
    }
  }
}
/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- drawing

function paint() {
  const end = step in SIGNS;
  document.documentElement.lang = lang;
  $('phone').dataset.step = step;
  $('phone').classList.toggle('over', end);
  $('simulator').hidden = byWeChat;
  for (const node of document.querySelectorAll('[data-t]')) put(node, say(/** @type {any} */ (node).dataset.t));
  put($('title'), say(`${step}Title`));
  document.title = say(`${step}Title`);
  const nameless = !called() && /ask|join/.test(step) ? 'Nameless' : '';
  put($('status'), say(`${step}Lead${nameless}`, { name: called() }));
  put($('lang'), say('other'));
  $('lang').lang = lang === 'en' ? 'zh-CN' : 'en';
  for (const id of ['who', 'ask', 'join']) $(id).hidden = step !== id;
  $('end').hidden = !end;
  if (end) $('sign').firstElementChild.setAttribute('d', /** @type {any} */ (SIGNS)[step]);
  $('asker').hidden = !scan;
  if (scan) paintBrowser();
  put($('problem'), complaint());
  tick();
}
/** As what WeChat, the directory or the person says. */
const called = () => scan?.user?.name || name;
function paintBrowser() {
  const { browser, relayed, match_number_required } = scan;
  put($('site'), location.host);
  put($('browser'), friendly(browser.user_agent ?? ''));
  put($('agent'), browser.user_agent ?? '');
  put($('ip'), browser.ip ?? say('unknown'));
  const opened = new Date(browser.opened_at);
  $('opened').dateTime = browser.opened_at;
  const seconds = Math.max(0, Math.round((Date.now() - opened.getTime()) / 1000));
  const time = new Intl.DateTimeFormat(lang, { timeStyle: 'short' }).format(opened);
  put($('opened'), say(seconds < 120 ? 'ago' : 'agoMinutes', { time, seconds, minutes: Math.round(seconds / 60) }));
  put($('as'), called());
  $('as').parentElement.parentElement.hidden = !called();
  $('relayed').hidden = !relayed;
  $('number').hidden = !match_number_required;
  $('match').required = !!match_number_required;
  const missing = $('match').hasAttribute('aria-invalid');
  put($('matchHint'), say(missing ? 'numberMissing' : 'numberHint'));
  $('matchHint').classList.toggle('bad', missing);
}
/** Once a second, and with each painting. */
function tick() {
  const seconds = Math.ceil((waitUntil - Date.now()) / 1000);
  $('retry').hidden = !again;
  put($('retry'), seconds > 0 ? say('retryIn', { seconds }) : say('retry'));
  $('retry').disabled = busy || seconds > 0;
  for (const id of ['confirm', 'reject', 'register', 'joinReject']) $(id).disabled = busy || seconds > 0;
  $('whoForm').querySelector('button').disabled = busy || seconds > 0;
}
/** Same text is not set again: a live region would read it out again. @param {any} node @param {string} text */
function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
/** A claim of the other side, made readable; the raw text stands beneath it. @param {string} agent */
function friendly(agent) {
  const browser = [
    [/MicroMessenger\/(\d+)/, lang === 'en' ? 'WeChat' : '微信'], [/Edg(?:A|iOS)?\/(\d+)/, 'Edge'], [/OPR\/(\d+)/, 'Opera'], [/(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'],
    [/SamsungBrowser\/(\d+)/, 'Samsung Internet'], [/(?:Headless)?(?:Chrome|CriOS)\/(\d+)/, 'Chrome'], [/Version\/(\d+).*Safari/, 'Safari'],
  ].map(([pattern, title]) => { const found = agent.match(/** @type {RegExp} */ (pattern)); return found && `${title} ${found[1]}`; }).find(Boolean);
  const system = [
    [/iPad/, 'iPadOS'], [/iPhone|iPod/, 'iOS'], [/HarmonyOS/, 'HarmonyOS'], [/Android/, 'Android'], [/Windows/, 'Windows'], [/Mac OS X|Macintosh/, 'macOS'], [/CrOS/, 'ChromeOS'], [/Linux/, 'Linux'],
  ].find(([pattern]) => /** @type {RegExp} */ (pattern).test(agent))?.[1];
  return browser && system ? say('on', { browser, system }) : browser || /** @type {string} */ (system) || say('unknown');
}

/** @param {string} text */
function decode(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}
/** How somebody came by WeChat, and with what: the address says it once, and a reload is to know it again. */
function arrived() {
  const said = new URLSearchParams(location.hash.slice(1));
  const phone_token = said.get('phone_token'), login_code = said.get('login_code');
  history.replaceState(null, '', location.pathname + location.search);
  const given = phone_token ? { way: 'window', phone_token } : said.has('rejected') ? { way: 'window', end: 'rejected' }
    : login_code ? { way: 'link', login_code } : kept();
  keep(given);
  return given;
}
// Private browsing, or another site's page around this one, may forbid storage: nothing is then known again.
/** @param {Record<string, any>} what */
function keep(what) { try { sessionStorage.setItem(`saoma.wechat.${scene}`, JSON.stringify(what)); } catch { /* as said */ } }
function kept() { try { return JSON.parse(sessionStorage.getItem(`saoma.wechat.${scene}`) ?? '{}'); } catch { return {}; } }
/** @param {string} text */
function remember(text) { try { localStorage.setItem('saoma.name', text); } catch { /* as said */ } }
function remembered() { try { return localStorage.getItem('saoma.name'); } catch { return null; } }

$('whoForm').addEventListener('submit', (/** @type {any} */ e) => {
  e.preventDefault();
  name = $('name').value.trim();
  if (!name) return $('name').focus();
  remember(name);
  doScan();
});
$('askForm').addEventListener('submit', (/** @type {any} */ e) => { e.preventDefault(); doConfirm(); });
$('joinForm').addEventListener('submit', (/** @type {any} */ e) => { e.preventDefault(); if ($('newName').value.trim()) doRegister(); });
$('reject').addEventListener('click', doReject);
$('joinReject').addEventListener('click', doReject);
$('retry').addEventListener('click', () => again?.());
$('match').addEventListener('input', () => {
  $('match').value = $('match').value.replace(/\D/g, '').slice(0, 2);
  $('match').removeAttribute('aria-invalid');
  paint();
});
$('match').addEventListener('invalid', (/** @type {any} */ e) => {
  e.preventDefault(); // said in the page's own words and language
  $('match').setAttribute('aria-invalid', 'true');
  paint();
  $('match').focus();
});
$('lang').addEventListener('click', () => {
  lang = lang === 'en' ? 'zh-CN' : 'en';
  query.set('lang', lang);
  history.replaceState(null, '', `?${query}`);
  paint();
});
setInterval(tick, 1000);
// Another link to this very page is no new page.
addEventListener('hashchange', () => location.reload());

$('name').value = remembered() ?? say('suggestion');
paint();
if (step === 'scan') {
  if (phoneToken) listen(); else doScan();
}

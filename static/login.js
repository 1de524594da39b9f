// @ts-check
// The login page: what `saoma.js` says, made visible. The page keeps no state of its own that matters;
// `paint` may run at any time and draws whatever is true.
import { createLogin } from './saoma.js';

const TEXT = {
  en: {
    other: '中文', title: 'Log in with your phone', welcome: 'Logged in as {name}',
    loading: 'Getting a code…', pending: 'Scan with WeChat or your phone’s camera.',
    scanned: 'Scanned. Now confirm on your phone.',
    scannedNumber: 'Scanned. Type the number on your phone and confirm.',
    unregistered: 'Not registered here yet. Sign up on your phone, then confirm there.',
    confirmed: 'Confirmed. Logging you in…', done: 'You are logged in.',
    rejected: 'The login was refused on the phone.', wrongNumber: 'A wrong number was typed on the phone, so this login was stopped.',
    expired: 'This code has expired.', cancelled: 'This login was cancelled.',
    offline: 'You are offline. The page goes on by itself.', lost: 'Connection lost. Reconnecting…',
    network: 'The server cannot be reached.', busy: 'Too many attempts. Please wait a moment.', down: 'The server is busy. Please wait a moment.',
    failed: 'Something went wrong: {detail}', image: 'The code’s picture could not be loaded.', noToken: 'Confirmed, but the token could not be fetched: {detail}',
    refresh: 'Refresh', retry: 'Try again', retryIn: 'Try again ({seconds})', newCode: 'New code', notYou: 'Not you? New code',
    number: 'Your number', numberHint: 'Your phone asks for it.', left: '{time} left', soon: 'The code expires in {seconds} seconds.',
    here: 'On this phone? Continue here', tab: 'Open the code’s link in a second tab', codeAlt: 'Code to scan with your phone',
    userName: 'Name', userId: 'User', provider: 'Provider', validUntil: 'Token valid until',
    claims: 'What the token says', copyClaims: 'Copy claims', copyToken: 'Copy token', copied: 'Copied', notCopied: 'Not copied', again: 'Log in again',
    connecting: 'Connecting…', via: 'Live over {way}', websocket: 'WebSocket', sse: 'Server-Sent Events', 'long-poll': 'long-polling',
  },
  'zh-CN': {
    other: 'English', title: '扫码登录', welcome: '已登录：{name}',
    loading: '正在获取二维码…', pending: '请使用微信或手机相机扫描二维码。',
    scanned: '已扫描，请在手机上确认。', scannedNumber: '已扫描，请在手机上输入数字并确认。',
    unregistered: '尚未注册。请在手机上完成注册，然后确认登录。',
    confirmed: '已确认，正在登录…', done: '登录成功。',
    rejected: '手机上拒绝了本次登录。', wrongNumber: '手机上输入的数字有误，本次登录已终止。',
    expired: '二维码已过期。', cancelled: '本次登录已取消。',
    offline: '网络已断开，恢复后页面会自动继续。', lost: '连接中断，正在重新连接…',
    network: '无法连接服务器。', busy: '操作过于频繁，请稍候。', down: '服务器繁忙，请稍候。',
    failed: '出错了：{detail}', image: '二维码图片加载失败。', noToken: '已确认，但获取令牌失败：{detail}',
    refresh: '点击刷新', retry: '重试', retryIn: '重试（{seconds}）', newCode: '换一个二维码', notYou: '不是你？换一个二维码',
    number: '你的数字', numberHint: '请在手机上输入。', left: '剩余 {time}', soon: '二维码将在 {seconds} 秒后过期。',
    here: '正在使用手机？在此继续', tab: '在新标签页打开二维码链接', codeAlt: '用手机扫描的二维码',
    userName: '名称', userId: '用户', provider: '登录方式', validUntil: '令牌有效期至',
    claims: '令牌内容', copyClaims: '复制内容', copyToken: '复制令牌', copied: '已复制', notCopied: '复制失败', again: '重新登录',
    connecting: '正在连接…', via: '实时通道：{way}', websocket: 'WebSocket', sse: 'SSE', 'long-poll': '长轮询',
  },
};
const SIGNS = {
  rejected: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.8 8.8l6.4 6.4M15.2 8.8l-6.4 6.4',
  expired: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7.5V12l3 2',
  cancelled: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8 12h8',
  error: 'M12 4 2.8 20h18.4zM12 10v4.5M12 17.2v.1',
};
const RENEWALS = 3; // codes renewed unasked while somebody may be looking; then the page rests

const here = new URL(location.href);
let lang = here.searchParams.get('lang') ?? '';
if (!(lang in TEXT)) lang = [lang, ...navigator.languages].find((l) => /^(zh|en)\b/i.test(l))?.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
/** @param {string} key @param {Record<string, any>} [values] */
const say = (key, values = {}) => /** @type {any} */ (TEXT)[lang][key].replace(/\{(\w+)\}/g, (/** @type {any} */ _, /** @type {string} */ name) => values[name] ?? '');
/** @param {string} id @returns {any} */
const $ = (id) => document.getElementById(id);
/** Same text is not set again: a live region would read it out again. @param {string} id @param {string} text */
const put = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; };

const asked = here.searchParams.get('transports')?.split(',').filter(Boolean);
const login = createLogin({
  endpoint: new URL('.', import.meta.url).href, // a proxy may serve us under a path of its own
  namespace: here.searchParams.get('namespace') ?? undefined,
  locale: lang,
  ...(asked?.length ? { transports: /** @type {any} */ (asked) } : {}),
});

let /** @type {any} */ scanner = null; // masked name and avatar of who scanned
let /** @type {any} */ last = null; // the event that made the state
let /** @type {any} */ error = null, /** @type {any} */ token = null;
let renewals = 0, total = 1, retryAt = 0, waitUntil = 0, said = Infinity;
let lost = false, pictureFailed = false, served = '';
let /** @type {any} */ lossTimer;

login.on('session', (session) => {
  const fresh = $('code').dataset.session !== session.session_id;
  $('code').dataset.session = session.session_id;
  if (fresh) { scanner = null; total = session.deadline - Date.now(); said = Infinity; }
  pictureFailed = false;
  $('code').hidden = true; // until it has loaded, the skeleton stands in its place
  $('code').src = session.code.url;
  const link = session.code.content ?? '';
  if (/^https?:/.test(link)) $('link').href = link; else $('link').removeAttribute('href');
  paint();
});
login.on('state', ({ state, event, error: problem }) => {
  last = event;
  // While the client tries again by itself, what went wrong stays said.
  if (state !== 'loading') error = problem ?? null;
  retryAt = error?.retryIn != null ? Date.now() + error.retryIn : 0;
  waitUntil = error?.retryAfter ? retryAt : 0;
  if (state === 'scanned') { scanner = event?.data; renewals = 0; }
  if (state === 'loading') token = null;
  paint();
  if (state === 'confirmed') redeem();
  if (state === 'expired') renew();
});
login.on('transport', ({ transport }) => {
  clearTimeout(lossTimer);
  if (transport) { served = transport; lost = false; } else lossTimer = setTimeout(() => { lost = true; paint(); }, 1500);
  paint();
});

function renew() {
  if (login.state !== 'expired' || document.visibilityState !== 'visible' || renewals >= RENEWALS) return;
  renewals++;
  login.refresh();
}
async function redeem() {
  try {
    token = await login.redeem();
  } catch (problem) {
    error = problem;
  }
  paint();
}

// ---- drawing

/** What is true now, in one word: the client's state, and what only this page knows. */
function view() {
  if (token) return 'done';
  if (login.state === 'loading' && error) return 'error';
  if (login.state === 'confirmed' && error) return 'error';
  if (login.state === 'idle' || (login.state === 'pending' && $('code').hidden && !pictureFailed)) return 'loading';
  if (login.state === 'pending' && pictureFailed) return 'error';
  return login.state;
}
const waiting = () => ['pending', 'scanned', 'unregistered'].includes(login.state);

/** @param {string} now */
function sentence(now) {
  if (now === 'error') {
    if (pictureFailed && !error) return say('image');
    const detail = error.detail ?? error.code;
    if (login.state === 'confirmed') return say('noToken', { detail });
    if (error.status === 0) return say(navigator.onLine ? 'network' : 'offline');
    if (error.status === 429) return say('busy');
    return error.status >= 500 ? say('down') : say('failed', { detail });
  }
  if (waiting() && lost) return say(navigator.onLine ? 'lost' : 'offline');
  if (now === 'scanned' && login.session?.match_number != null) return say('scannedNumber');
  if (now === 'rejected' && last?.data?.reason === 'wrong_number') return say('wrongNumber');
  return say(now);
}
/** @param {string} now */
function label(now) {
  if (now === 'scanned' || now === 'unregistered') return say('notYou');
  if (now === 'expired') return say('refresh');
  if (now === 'cancelled') return say('newCode');
  const seconds = Math.ceil((retryAt - Date.now()) / 1000);
  return now === 'error' && seconds > 0 ? say('retryIn', { seconds }) : say('retry');
}

function paint() {
  const now = view();
  const had = $('card').contains(document.activeElement);
  const urgent = now === 'rejected' || now === 'error';
  document.documentElement.lang = lang;
  document.title = now === 'done' ? say('welcome', { name: token.user.name }) : say('title');
  $('card').dataset.state = now;
  for (const node of document.querySelectorAll('[data-t]')) put2(node, say(/** @type {any} */ (node).dataset.t));
  put('lang', say('other'));
  $('lang').lang = lang === 'en' ? 'zh-CN' : 'en';
  put('title', now === 'done' ? say('welcome', { name: token.user.name }) : say('title'));
  put('status', urgent ? '' : sentence(now));
  put('alert', urgent ? sentence(now) : '');

  $('scan').hidden = now === 'done';
  $('result').hidden = now !== 'done';
  const number = waiting() ? login.session?.match_number : null;
  $('match').hidden = number == null;
  $('card').classList.toggle('has-match', number != null);
  put('digits', number == null ? '' : String(number));
  $('code').alt = say('codeAlt');

  const masked = !['loading', 'pending', 'done'].includes(now);
  const person = masked && scanner && ['scanned', 'unregistered', 'confirmed'].includes(now);
  $('mask').hidden = !masked;
  $('avatar').hidden = $('name').hidden = !person;
  if (person) { face($('avatar'), scanner); put('name', scanner.name ?? ''); }
  const sign = /** @type {any} */ (SIGNS)[now];
  $('sign').toggleAttribute('hidden', !sign);
  if (sign) $('sign').firstElementChild.setAttribute('d', sign);
  $('act').hidden = now === 'confirmed';
  $('act').classList.toggle('main', !person);
  put('act', label(now));
  $('act').disabled = now === 'error' && waitUntil > Date.now();

  $('link').hidden = !(now === 'pending' && $('link').href);
  put('link', say(matchMedia('(hover: none) and (pointer: coarse)').matches ? 'here' : 'tab'));
  $('time').classList.toggle('away', !waiting());
  const via = served && !lost && (waiting() || now === 'done') ? served : '';
  put('transport', via ? say('via', { way: say(via) }) : waiting() || now === 'loading' ? say('connecting') : '');
  if (via) $('transport').dataset.transport = via; else delete $('transport').dataset.transport;
  if (now === 'done') paintToken();
  tick();
  // What had the focus may be gone: take it where the person would look next.
  if (had && !visible(document.activeElement)) (masked && visible($('act')) && !$('act').disabled ? $('act') : $('title')).focus();
}
/** @param {any} node @param {string} text */
function put2(node, text) { if (node.textContent !== text) node.textContent = text; }
/** @param {any} node */
function visible(node) { return node && node !== document.body && node.getClientRects().length > 0; }

/** A picture, or the first letter where there is none or it may not be loaded. @param {any} box @param {any} user */
function face(box, user) {
  const letter = [...(user.name || '?')][0].toUpperCase();
  if (box.dataset.for === `${letter}${user.avatar_url}`) return;
  box.dataset.for = `${letter}${user.avatar_url}`;
  box.textContent = letter;
  if (!user.avatar_url) return;
  const picture = new Image();
  picture.alt = '';
  picture.referrerPolicy = 'no-referrer';
  picture.onload = () => box.replaceChildren(picture);
  picture.src = user.avatar_url;
}

function claims() {
  const part = token.access_token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0))));
}
function paintToken() {
  const { user, expires_in } = token;
  face($('userAvatar'), user);
  put('userName', user.name);
  put('userId', user.id);
  put('provider', user.provider);
  let text = '', until = Date.now() + expires_in * 1000;
  try {
    const said = claims();
    text = JSON.stringify(said, null, 2);
    if (said.exp) until = said.exp * 1000;
  } catch { /* not a JWT: then there is nothing to unfold */ }
  $('claims').closest('details').hidden = !text;
  put('claims', text);
  put('validUntil', new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeStyle: 'short' }).format(until));
  $('validUntil').dateTime = new Date(until).toISOString();
}

/** Once a second: what depends on the clock alone, and nothing else. */
function tick() {
  if (view() === 'error') {
    put('act', label('error'));
    $('act').disabled = waitUntil > Date.now();
  }
  if (!waiting() || !login.session) return;
  const ms = Math.max(0, login.session.deadline - Date.now());
  const seconds = Math.ceil(ms / 1000);
  total = Math.max(total, ms);
  $('bar').style.transform = `scaleX(${ms / total})`;
  $('time').classList.toggle('low', seconds <= 10);
  put('left', say('left', { time: `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}` }));
  // Each second would be noise to a screen reader; two warnings leave time to act.
  const mark = [10, 30].find((s) => seconds <= s) ?? Infinity;
  if (mark < said && total > mark * 1000) put('say', say('soon', { seconds }));
  if (mark === Infinity) put('say', '');
  said = mark;
}

// ---- acting

function startOver() {
  renewals = 0;
  error = null;
  login.refresh();
  $('title').focus();
}
function redeemAgain() {
  error = null;
  paint();
  redeem();
}
$('act').addEventListener('click', () => {
  if (login.state === 'confirmed' && error?.temporary) redeemAgain(); else startOver();
});
$('again').addEventListener('click', startOver);
$('code').addEventListener('load', () => { $('code').hidden = false; paint(); });
$('code').addEventListener('error', () => { pictureFailed = true; paint(); });
$('lang').addEventListener('click', () => {
  lang = lang === 'en' ? 'zh-CN' : 'en';
  here.searchParams.set('lang', lang);
  history.replaceState(null, '', here);
  paint();
});
$('copyClaims').addEventListener('click', () => copy($('copyClaims'), $('claims').textContent));
$('copyToken').addEventListener('click', () => copy($('copyToken'), token.access_token));
/** @param {any} button @param {string} text */
async function copy(button, text) {
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    // Plain http from another machine has no clipboard API; the old way still works.
    const box = Object.assign(document.createElement('textarea'), { value: text, className: 'unseen' });
    document.body.append(box);
    box.select();
    done = document.execCommand('copy');
    box.remove();
    button.focus();
  }
  const key = button.dataset.t;
  button.dataset.t = done ? 'copied' : 'notCopied';
  put('say', say(button.dataset.t));
  paint();
  setTimeout(() => { button.dataset.t = key; put('say', ''); paint(); }, 1600);
}
document.addEventListener('visibilitychange', renew);
addEventListener('offline', paint);
addEventListener('online', () => { if (login.state === 'confirmed' && error) redeemAgain(); else paint(); });
setInterval(tick, 1000);

paint();
login.start();

// @ts-check
// The demo page: the element, and beside it what the token says.
import './saoma-login.js';

const TEXT = {
  en: {
    other: '中文', title: 'Log in', welcome: 'Logged in as {}',
    userName: 'Name', userId: 'User', provider: 'Provider', validUntil: 'Token valid until',
    claims: 'What the token says', copyClaims: 'Copy claims', copyToken: 'Copy token', copied: 'Copied', notCopied: 'Not copied', again: 'Log in again',
    embed: 'In your own page', docs: 'API',
    connecting: 'Connecting…', via: 'Live over {}', websocket: 'WebSocket', sse: 'Server-Sent Events', 'long-poll': 'long-polling',
  },
  'zh-CN': {
    other: 'English', title: '登录', welcome: '已登录：{}',
    userName: '名称', userId: '用户', provider: '登录方式', validUntil: '令牌有效期至',
    claims: '令牌内容', copyClaims: '复制内容', copyToken: '复制令牌', copied: '已复制', notCopied: '复制失败', again: '重新登录',
    embed: '嵌入你的网页', docs: 'API',
    connecting: '正在连接…', via: '实时通道：{}', websocket: 'WebSocket', sse: 'SSE', 'long-poll': '长轮询',
  },
};

const here = new URL(location.href);
let lang = [here.searchParams.get('lang') ?? '', ...navigator.languages].find((known) => /^(zh|en)\b/i.test(known))?.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';
/** @param {string} key @param {string} [value] */
const say = (key, value = '') => /** @type {any} */ (TEXT)[lang][key].replace('{}', value);
/** @param {string} id @returns {any} */
const $ = (id) => document.getElementById(id);

const element = document.createElement('saoma-login');
for (const name of ['namespace', 'transports']) {
  const asked = here.searchParams.get(name);
  if (asked) element.setAttribute(name, asked);
}
/** @type {import('./saoma.js').Token | undefined} */ let token;
/** @type {import('./saoma.js').Transport | null} */ let transport = null;

element.addEventListener('token', (event) => { token = event.detail; paint(); });
element.addEventListener('statechange', ({ detail }) => {
  if (detail.state === 'loading') token = undefined;
  paint();
});
element.addEventListener('transport', ({ detail }) => { if (detail.transport || !token) transport = detail.transport; paint(); });

function paint() {
  document.documentElement.lang = element.lang = lang;
  document.title = token ? say('welcome', token.user.name) : say('title');
  $('lang').textContent = say('other');
  $('lang').lang = lang === 'en' ? 'zh-CN' : 'en';
  for (const node of document.querySelectorAll('[data-t]')) node.textContent = say(/** @type {any} */ (node).dataset.t);
  $('result').hidden = !token;
  document.body.classList.toggle('done', Boolean(token));
  const over = !token && /rejected|expired|cancelled|error/.test(element.state);
  $('transport').textContent = over ? '' : transport ? say('via', say(transport)) : say('connecting');
  $('transport').toggleAttribute('data-transport', !over && transport != null);
  if (!over && transport) $('transport').dataset.transport = transport;
  if (token) paintToken(token);
}
/** @param {import('./saoma.js').Token} token */
function paintToken({ user, access_token, expires_in }) {
  $('userName').textContent = user.name;
  $('userId').textContent = user.id;
  $('provider').textContent = user.provider;
  const part = access_token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
  const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (char) => char.charCodeAt(0))));
  $('claims').textContent = JSON.stringify(claims, null, 2);
  const until = claims.exp ? claims.exp * 1000 : Date.now() + expires_in * 1000;
  $('validUntil').textContent = new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeStyle: 'short' }).format(until);
  $('validUntil').dateTime = new Date(until).toISOString();
}

$('again').addEventListener('click', () => {
  element.refresh();
  $('lang').focus();
});
$('lang').addEventListener('click', () => {
  lang = lang === 'en' ? 'zh-CN' : 'en';
  here.searchParams.set('lang', lang);
  history.replaceState(null, '', here);
  paint();
});
$('copyClaims').addEventListener('click', () => copy($('copyClaims'), $('claims').textContent));
$('copyToken').addEventListener('click', () => copy($('copyToken'), token?.access_token ?? ''));
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
  $('copied').textContent = say(button.dataset.t);
  paint();
  setTimeout(() => { button.dataset.t = key; $('copied').textContent = ''; paint(); }, 1600);
}

paint();
$('place').replaceWith(element);

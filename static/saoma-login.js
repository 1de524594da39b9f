// <saoma-login>: saoma.js made visible. See saoma-login.d.ts.
import { createLogin } from './saoma.js';

const TEXT = {
  title: ['Log in with your phone', '扫码登录'],
  welcome: ['Logged in as {}', '已登录：{}'],
  pending: ['Scan with WeChat or a phone camera.', '请用微信或手机相机扫描二维码。'],
  wechat: ['Scan with WeChat.', '请用微信扫描二维码。'],
  scanned: ['Scanned. Now confirm on your phone.', '已扫描，请在手机上确认。'],
  unregistered: ['Not registered yet. Sign up on your phone, then confirm there.', '尚未注册。请在手机上注册，然后确认。'],
  join: ['Not registered yet. Sign up to go on.', '尚未注册，请先注册。'],
  confirmed: ['Confirmed. Logging you in…', '已确认，正在登录…'],
  done: ['You are logged in.', '登录成功。'],
  rejected: ['The login was refused on the phone.', '手机上拒绝了登录。'],
  wrong: ['A wrong number was typed on the phone.', '手机上输入的数字有误。'],
  expired: ['This code has expired.', '二维码已过期。'],
  cancelled: ['This login was cancelled.', '登录已取消。'],
  offline: ['You are offline. Reconnecting…', '网络已断开，正在重新连接…'],
  lost: ['Connection lost. Reconnecting…', '连接中断，正在重新连接…'],
  network: ['The server cannot be reached.', '无法连接服务器。'],
  busy: ['The server is busy. Please wait.', '服务器繁忙，请稍候。'],
  failed: ['Something went wrong: {}', '出错了：{}'],
  refresh: ['Refresh', '点击刷新'],
  again: ['Try again', '重试'],
  notYou: ['Not you? New code', '不是你？换一个二维码'],
  label: ['Type this number on your phone', '请在手机上输入此数字'],
  soon: ['The code expires in {} seconds.', '二维码将在 {} 秒后过期。'],
  link: ['Continue on this device', '在本机上继续'],
  alt: ['Code to scan with your phone', '用手机扫描的二维码'],
};

// Live regions stand empty first, or are not read out.
const HTML = `<div id="base" role="group" aria-labelledby="title">
<div id="title" tabindex="-1"><slot name="title"><h2 id="heading"></h2></slot></div>
<div id="lead"><div id="status" role="status"><span id="said"></span><slot name="expired" id="expired"></slot><slot name="unregistered" id="unregistered"></slot></div><div id="alert" role="alert"></div></div>
<div id="soon" role="status"></div>
<a id="link" target="_blank"></a>
<div id="stage"><div id="frame"><img id="code"><div id="mask"><div id="avatar" aria-hidden="true"><span id="letter"></span><img id="photo" alt="" referrerpolicy="no-referrer"></div><svg id="sign" viewBox="0 0 24 24"><path id="path"/></svg><bdi id="name"></bdi><button id="retry"></button></div></div>
<div id="number"><span id="label"></span><strong id="digits"></strong></div></div>
<div id="countdown"><div id="bar"></div><span id="time" role="timer"></span></div>
<slot name="footer"></slot></div>`;

// light-dark() follows the page: a light one gets no dark element. Browsers from before 2024 are light.
const CSS = `:host{--ink:var(--saoma-color,light-dark(#14201b,#e9f0ec));--line:color-mix(in srgb,var(--ink) 12%,transparent);--card:light-dark(#fff,#161d1a);--accent:var(--saoma-accent,light-dark(#0b7a52,#4fd09a));--on:oklch(from var(--accent) calc((.6 - l)*999) 0 0);--size:min(var(--saoma-size,16rem),100%);--r:var(--saoma-radius,1rem);
display:block;padding:1.25rem;border-radius:var(--r);text-align:center;text-wrap:balance;line-height:1.5;overflow-wrap:anywhere;color:var(--ink);background:var(--saoma-background,var(--card));font-family:var(--saoma-font,inherit)}
:host([theme=light]){color-scheme:light}
:host([theme=dark]){color-scheme:dark}
:host([hidden]),[hidden]{display:none!important}
*{box-sizing:border-box}
#base,#mask,#number{display:flex;flex-direction:column;align-items:center;justify-content:center}
#title:focus{outline:0}
h2{margin:0}
#lead{min-height:3.5rem}
#status,#countdown{color:color-mix(in srgb,var(--ink) 75%,transparent)}
#alert{color:light-dark(#b3261e,#ff9d94)}
#soon{position:absolute;clip-path:inset(50%)}
button,#link{font:inherit;font-weight:550;min-height:2.5rem;padding:.4rem 1rem;text-decoration:none;color:var(--on);background:var(--accent);border:0;border-radius:calc(var(--r)*.7)}
button:disabled{opacity:.65}
#stage{display:flex;flex-wrap:wrap;gap:1rem;justify-content:center;width:100%}
#frame,#bar{forced-color-adjust:none}
#frame{position:relative;width:var(--size);aspect-ratio:1;overflow:hidden;background:#fff padding-box}
#base:not([data-state=done]) #frame:has(iframe){width:min(19rem,100%);height:25rem}
#frame,#number{border:1px solid var(--line);border-radius:var(--r)}
img,iframe{width:100%;height:100%;object-fit:contain;border:0}
#mask{position:absolute;inset:0;padding:1rem;gap:.6rem;color:light-dark(#14201b,#e9f0ec);background:color-mix(in srgb,var(--card) 90%,transparent);backdrop-filter:blur(3px)}
[data-state=loading] #frame{background:var(--line)}
@media (prefers-reduced-motion:no-preference){[data-state=loading] #frame{animation:wait 1s infinite alternate}}
@keyframes wait{to{opacity:.4}}
#avatar{flex:none;display:grid;place-items:center;overflow:hidden;width:4rem;height:4rem;border-radius:50%;font-size:1.6rem;color:var(--on);background:var(--accent)}
#avatar *{grid-area:1/1}
#sign{width:2.75rem;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round}
#avatar:not([hidden])~button{color:inherit;background:var(--card)}
#number{flex:1 1 7rem;padding:.75rem}
#digits{font-size:3.5rem;line-height:1.2}
#countdown{width:var(--size);margin-top:.9rem;font-size:.85rem;font-variant:tabular-nums}
#bar{height:3px;margin-bottom:.4rem;background:linear-gradient(var(--accent),var(--accent)) no-repeat var(--line)}
#link{visibility:hidden;margin:.5rem}
[data-state=pending] #link{visibility:visible}
::slotted([slot=footer]){order:2}
@media not all and (hover:none) and (pointer:coarse){#link{order:1;min-height:0;padding:0;font-weight:400;text-decoration:underline;color:var(--accent);background:0}}
@supports not (color:light-dark(red,red)){:host{--ink:var(--saoma-color,#14201b);--line:#8883;--card:#fff;--accent:var(--saoma-accent,#0b7a52);--on:#fff}#mask{color:#14201b;background:#fffd}}`;

const ATTRIBUTES = ['endpoint', 'namespace', 'transports', 'messages', 'theme', 'auto-refresh'];

function inside(host) {
  const root = host.attachShadow({ mode: 'open' });
  const /** @type {any} */ $ = {};
  let /** @type {any[]} */ [login, used, clock, who, last, error, token, broken, lost, timer] = [];
  let renewals = 0, total = 1, retryAt = 0, mark = 99, page = false;

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);
  root.adoptedStyleSheets = [sheet];
  root.innerHTML = HTML;
  for (const node of root.querySelectorAll('[id]')) ($[node.id] = node).part = node.id;
  for (const name of ATTRIBUTES) {
    const property = name.replace('-r', 'R'), early = host[property];
    Object.defineProperty(host, property, {
      get: () => host.getAttribute(name),
      set: (value) => value == null || value === false ? host.removeAttribute(name) : host.setAttribute(name, value),
    });
    if (early != null) host[property] = early;
  }
  $.photo.onload = () => { $.photo.hidden = false; };
  $.retry.onclick = () => {
    if (login.ticket && error?.temporary) redeem(); else refresh();
    $.title.focus();
  };

  const lang = () => /^zh/i.test(host.closest('[lang]')?.lang || navigator.language) ? 'zh-CN' : 'en';
  const say = (key, value) => TEXT[key][lang() > 'en' ? 1 : 0].replace('{}', value);
  const emit = (type, detail) => host.dispatchEvent(new CustomEvent(type, { detail, bubbles: type !== 'error', composed: true, cancelable: true }));

  const options = () => ({
    endpoint: host.endpoint || new URL('.', import.meta.url).href,
    namespace: host.namespace || undefined,
    messages: host.messages != null,
    transports: host.transports?.match(/[\w-]+/g),
  });
  function client() {
    if (login) return login;
    const mine = login = createLogin({ ...options(), locale: lang() });
    const on = (type, then) => mine.on(type, (detail) => {
      if (mine === login) then(detail);
      paint();
    });
    on('session', ({ session_id, code, deadline }) => {
      page = /html/.test(code.media_type);
      // Anew: a frame's moves are history.
      const old = $.code, node = $.code = document.createElement(page ? 'iframe' : 'img');
      node.id = node.part = 'code';
      node.dataset.session = session_id;
      node.allow = 'local-network-access';
      node.hidden = true; // a skeleton shows
      node.onload = () => { node.hidden = false; paint(); };
      node.onerror = () => { broken = true; paint(); };
      node.src = code.url;
      old.replaceWith(node);
      $.link.hidden = !/^(https?|weixin):/.test($.link.href = code.content);
      total = deadline - Date.now();
      mark = 99;
      broken = false;
    });
    on('state', ({ state, previous, event, error: problem }) => {
      last = event?.data;
      if (state === 'loading') token = who = lost = clearTimeout(timer); else trouble(problem);
      if (state === 'scanned') {
        meet(last);
        renewals = 0;
      }
      emit('statechange', { state, previous });
      if (state !== 'error' && emit(state, last) && state === 'confirmed' && login.state === state) redeem();
      renew();
    });
    on('error', (problem) => emit('error', problem));
    on('transport', ({ transport }) => {
      clearTimeout(timer);
      const tell = () => {
        lost = !transport;
        emit('transport', { transport });
        paint();
      };
      if (transport) tell(); else timer = setTimeout(tell, 1500);
    });
    return mine;
  }
  function trouble(problem) {
    error = problem;
    retryAt = Date.now() + (error?.retryIn ?? (error?.retryAfter ?? 0) * 1000);
  }
  function meet(user) {
    who = user;
    $.photo.hidden = true;
    $.photo.src = user?.avatar_url ?? '';
  }
  function renew() {
    if (login?.state === 'expired' && !login.ticket && !document.hidden && renewals < (host.autoRefresh ?? 3)) {
      renewals++;
      login.refresh();
    }
  }
  function refresh() {
    renewals = 0;
    trouble();
    return client().refresh();
  }
  async function redeem() {
    if (!login?.ticket || token) return;
    const { session } = login;
    let problem;
    const got = await login.redeem().catch((reason) => { problem = reason; });
    if (session !== login?.session) return;
    trouble(problem);
    if (got) meet((token = got).user); else addEventListener('online', redeem, { once: true });
    emit(got ? 'token' : 'error', got ?? problem);
    paint();
  }

  function paint() {
    if (!login) return;
    const { state, session } = login, focused = root.activeElement;
    // A live region reads out whatever is set.
    const put = (id, text) => { if ($[id].textContent !== text) $[id].textContent = text; };
    const usable = (node) => node.getClientRects().length && getComputedStyle(node).visibility === 'visible' && !node.disabled;

    const waiting = /pending|scanned|unreg/.test(state), number = waiting ? session.match_number : null;
    let now = token ? 'done' : state;
    if (error && /loading|confirmed/.test(now) || broken && now === 'pending') now = 'error';
    if (now === 'idle' || now === 'pending' && $.code.hidden) now = 'loading';
    const urgent = /error|rejected/.test(now), changed = $.base.dataset.state !== now;
    $.base.dataset.state = now;
    $.base.lang = lang();

    let key = now === 'error' ? !error?.status ? 'network' : error.temporary ? 'busy' : 'failed'
      : waiting && lost ? 'lost' : last?.reason === 'wrong_number' ? 'wrong' : now === 'pending' && (page || $.link.hidden) ? 'wechat' : now;
    if (/lost|network/.test(key) && !navigator.onLine) key = 'offline';
    put('heading', say(now === 'done' ? 'welcome' : 'title', who?.name));
    for (const id of ['label', 'link', 'expired', 'unregistered']) put(id, say(page && id > 'u' ? 'join' : id));
    $.expired.hidden = key !== 'expired';
    $.unregistered.hidden = key !== 'unregistered';
    // Loading is no news, nor is a code renewed unasked.
    const text = key !== 'loading' ? say(key, error?.message) : renewals ? $.said.textContent : '';
    put('said', urgent || !$.expired.hidden || !$.unregistered.hidden ? '' : text);
    put('alert', urgent ? text : '');

    $.code[page ? 'title' : 'alt'] = say('alt');
    // A frame shows what to do.
    $.mask.hidden = /loading|pending/.test(now) || waiting && page;
    $.code.hidden ||= page && !$.mask.hidden;
    const person = /scanned|unreg|confirmed|done/.test(now) && who;
    $.avatar.hidden = !person;
    put('name', person?.name ?? '');
    put('letter', [...person?.name || '?'][0]);
    $.sign.toggleAttribute('hidden', waiting && person);
    $.path.setAttribute('d', person ? 'M6 12.5l4 4 8-9' : 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v6M12 16v.1');

    const wait = Math.ceil((retryAt - Date.now()) / 1000);
    $.retry.hidden = /confirmed|done/.test(now);
    $.retry.disabled = wait > 0 && error.retryAfter;
    put('retry', say(person ? 'notYou' : urgent ? 'again' : 'refresh') + (wait > 0 ? ` (${wait})` : ''));

    $.number.hidden = number == null;
    put('digits', `${number}`);

    const seconds = waiting ? Math.max(0, Math.ceil((session.deadline - Date.now()) / 1000)) : 0;
    $.countdown.style.visibility = waiting ? '' : 'hidden';
    $.bar.style.backgroundSize = `${1e5 * seconds / total}%`;
    put('time', new Date(seconds * 1000).toISOString().slice(14, 19));
    const near = !waiting || seconds > 30 ? 99 : seconds > 10 ? 30 : 10;
    if (near !== mark) put('soon', near < mark && total > near * 1000 ? say('soon', `${seconds}`) : '');
    mark = near;

    if (focused && (!usable(focused) || changed && now === 'expired')) (usable($.retry) ? $.retry : $.title).focus();
  }
  function tick() {
    renew();
    paint();
  }

  // Later: a move is nothing.
  const settle = () => queueMicrotask(() => {
    const wanted = host.isConnected && JSON.stringify(options());
    if (wanted !== used) {
      const old = used && login;
      used = wanted;
      clearInterval(clock);
      if (old) {
        login = token = error = undefined;
        old.stop();
      }
      if (wanted) {
        clock = setInterval(tick, 1000);
        client().start();
      }
    }
    paint();
  });
  return { client, refresh, settle };
}

const registry = globalThis.customElements;
class SaomaLogin extends (globalThis.HTMLElement ?? Object) {
  static observedAttributes = [...ATTRIBUTES, 'lang'];
  #in = inside(this);
  get login() { return this.#in.client(); }
  get state() { return this.login.state; }
  start() { return this.login.start(); }
  stop() { return this.login.stop(); }
  refresh() { return this.#in.refresh(); }
  connectedCallback() { this.#in.settle(); }
  disconnectedCallback() { this.#in.settle(); }
  attributeChangedCallback() { this.#in?.settle(); }
}
if (!registry?.get('saoma-login')) registry?.define('saoma-login', SaomaLogin);

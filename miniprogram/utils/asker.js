// The browser that asks, made readable. All of it is that browser's own claim but the address.

/** @typedef {(key: string, values?: Record<string, string | number>) => string} Say */

const BROWSERS = /** @type {const} */ ([
  [/MicroMessenger\/(\d+)/, 'wechat'], [/Edg(?:A|iOS)?\/(\d+)/, 'Edge'], [/OPR\/(\d+)/, 'Opera'],
  [/(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'], [/SamsungBrowser\/(\d+)/, 'Samsung Internet'],
  [/(?:Headless)?(?:Chrome|CriOS)\/(\d+)/, 'Chrome'], [/Version\/(\d+).*Safari/, 'Safari'],
]);
const SYSTEMS = /** @type {const} */ ([
  [/iPad/, 'iPadOS'], [/iPhone|iPod/, 'iOS'], [/HarmonyOS/, 'HarmonyOS'], [/Android/, 'Android'], [/Windows/, 'Windows'],
  [/Mac OS X|Macintosh/, 'macOS'], [/CrOS/, 'ChromeOS'], [/Linux/, 'Linux'],
]);

/** @param {string} agent @param {Say} say */
function browserName(agent, say) {
  const [pattern, title] = BROWSERS.find(([known]) => known.test(agent)) ?? [];
  const version = pattern?.exec(agent)?.[1];
  const browser = title && `${title === 'wechat' ? say('wechat') : title} ${version}`;
  const system = SYSTEMS.find(([known]) => known.test(agent))?.[1];
  return browser && system ? say('on', { browser, system }) : browser || system || say('unknown');
}

/** When the code was opened. @param {string} at RFC 3339 @param {number} now @param {Say} say */
function openedAgo(at, now, say) {
  const opened = new Date(at);
  if (Number.isNaN(opened.getTime())) return say('unknown');
  // Not every phone's engine has Intl.
  const time = [opened.getHours(), opened.getMinutes()].map((part) => String(part).padStart(2, '0')).join(':');
  // A phone's clock may be behind the server's.
  const seconds = Math.max(0, Math.round((now - opened.getTime()) / 1000));
  return seconds < 120 ? say('ago', { time, seconds }) : say('agoMinutes', { time, minutes: Math.round(seconds / 60) });
}

module.exports = { browserName, openedAgo };

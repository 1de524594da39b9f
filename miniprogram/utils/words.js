// Every word that is shown. What the simulator's page says too is said in the same words.

const WORDS = {
  'zh-CN': {
    bar: '扫码登录', wechat: '微信',
    scanTitle: '请稍候', scanLead: '正在识别二维码。',
    emptyTitle: '扫码登录', emptyLead: '要在电脑或其他屏幕上登录，请用微信“扫一扫”扫描那里的二维码。',
    askTitle: '在此浏览器上登录？', askLead: '{name}，有人想以你的身份登录。', askLeadNameless: '有人想以你的身份登录。',
    site: '网站', browser: '浏览器（自称）', address: '网络地址', opened: '打开时间', as: '登录身份',
    ago: '{time}（{seconds} 秒前）', agoMinutes: '{time}（{minutes} 分钟前）', unknown: '未知', on: '{system} 上的 {browser}',
    numberLabel: '二维码旁的两位数字', numberHint: '请照屏幕输入。输错一次，本次登录即终止。', numberMissing: '请输入屏幕上二维码旁的两位数字。',
    reject: '拒绝', confirm: '确认', care: '仅当页面由你本人打开、就在你面前时才确认。如有疑问，请拒绝。',
    relayed: '注意：这个二维码是以图片形式到达的，而不是来自你面前的屏幕。如果是别人发给你的，请拒绝。',
    joinTitle: '请先注册', joinLead: '这里还没有名为 {name} 的用户。注册后登录会继续。', joinLeadNameless: '你还没有在这里注册。注册后登录会继续。',
    joinLabel: '注册名称', register: '注册', closedLead: '你还没有在这里注册，而本网站不开放自助注册。请联系网站管理员。',
    confirmedTitle: '登录成功', confirmedLead: '可以回到另一块屏幕，并关闭本页面。',
    rejectedTitle: '已拒绝', rejectedLead: '没有人登录。可以关闭本页面。',
    wrongTitle: '数字错误', wrongLead: '与屏幕上的数字不符，本次登录已终止，没有人登录。',
    expiredTitle: '二维码已过期', expiredLead: '请在另一块屏幕上刷新二维码后重新扫描。',
    cancelledTitle: '登录已取消', cancelledLead: '另一块屏幕放弃了本次登录。如需继续，请扫描新的二维码。',
    takenTitle: '二维码已被扫描', takenLead: '另一部手机先扫描了这个二维码。如果不是你，请在另一块屏幕上刷新二维码。',
    pictureTitle: '请直接扫描屏幕', pictureLead: '这个二维码是以图片形式到达的，本网站不接受。请扫描你面前屏幕上的二维码。',
    unknownTitle: '无效的二维码', unknownLead: '没有与该二维码对应的登录，可能已经过时。请刷新后重新扫描。',
    overTitle: '本次登录已结束', overLead: '该二维码已被使用，请扫描新的二维码。',
    network: '无法连接服务器。', busy: '操作过于频繁，请稍候。', failed: '操作失败：{detail}', noLogin: '微信没有给出登录凭证，请重试。',
    noJoin: '无法在此注册：{detail}', retry: '重试', retryIn: '重试（{seconds}）', leave: '关闭',
  },
  en: {
    bar: 'Scan to log in', wechat: 'WeChat',
    scanTitle: 'One moment', scanLead: 'The code is being looked up.',
    emptyTitle: 'Scan to log in', emptyLead: 'To log in on a computer or another screen, scan the code there with WeChat.',
    askTitle: 'Log in on this browser?', askLead: 'Somebody wants to log in as you, {name}.', askLeadNameless: 'Somebody wants to log in as you.',
    site: 'Site', browser: 'Browser, it says', address: 'Address', opened: 'Code opened', as: 'You log in as',
    ago: '{time}, {seconds} s ago', agoMinutes: '{time}, {minutes} min ago', unknown: 'unknown', on: '{browser} on {system}',
    numberLabel: 'The two digits beside the code', numberHint: 'Type them from the screen. One wrong number ends this login.',
    numberMissing: 'Type the two digits that the screen shows beside the code.',
    reject: 'Refuse', confirm: 'Confirm', care: 'Confirm only if you opened this page yourself and see it in front of you. If in doubt, refuse.',
    relayed: 'Careful: this code reached you as a picture, not from a screen in front of you. If somebody sent it to you, refuse.',
    joinTitle: 'Register first', joinLead: 'Nobody is registered here as {name} yet. Register, and the login goes on.',
    joinLeadNameless: 'You are not registered here yet. Register, and the login goes on.',
    joinLabel: 'Name to register', register: 'Register', closedLead: 'You are not registered here, and this site takes no sign-ups. Ask those who run it.',
    confirmedTitle: 'Logged in', confirmedLead: 'You may go back to the other screen and close this page.',
    rejectedTitle: 'Refused', rejectedLead: 'Nobody was logged in. You may close this page.',
    wrongTitle: 'Wrong number', wrongLead: 'That is not the number on the screen, so this login was stopped. Nobody was logged in.',
    expiredTitle: 'This code has expired', expiredLead: 'Refresh the code on the other screen and scan the new one.',
    cancelledTitle: 'Login cancelled', cancelledLead: 'The other screen has given up this login. Scan its new code to go on.',
    takenTitle: 'Already scanned', takenLead: 'Another phone has scanned this code first. If that was not you, refresh the code on the other screen.',
    pictureTitle: 'Scan the screen itself', pictureLead: 'This code reached you as a picture, which this site does not accept. Scan it from the screen in front of you.',
    unknownTitle: 'Unknown code', unknownLead: 'There is no login for this code. It may be too old. Refresh the code on the other screen and scan again.',
    overTitle: 'This login is over', overLead: 'The code has been used already. Scan a new one.',
    network: 'The server cannot be reached.', busy: 'Too many attempts. Please wait.', failed: 'That did not work: {detail}',
    noLogin: 'WeChat gave no login code. Please try again.',
    noJoin: 'Registering is not possible here: {detail}', retry: 'Try again', retryIn: 'Try again ({seconds})', leave: 'Close',
  },
};

/** @typedef {keyof typeof WORDS} Language */

/** Chinese, unless the phone speaks another language. @param {string | undefined} spoken as WeChat names it: `zh_CN`, `en` … @returns {Language} */
const languageOf = (spoken) => (!spoken || /^zh\b|^zh_/i.test(spoken) ? 'zh-CN' : 'en');

/** @param {Language} language @returns {import('./asker').Say} */
const speaker = (language) => (key, values = {}) =>
  /** @type {Record<string, string>} */ (WORDS[language])[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));

/** The words of this phone. */
function spoken() {
  // Older WeChats know only the second.
  const { language } = wx.getAppBaseInfo ? wx.getAppBaseInfo() : wx.getSystemInfoSync();
  const lang = languageOf(language);
  return { lang, say: speaker(lang) };
}

module.exports = { WORDS, languageOf, speaker, spoken };

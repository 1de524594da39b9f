// The page that a scanned code opens. It shows a login and hands it what the person does.

const config = require('../../config');
const { entryOf, sceneOf, byCamera } = require('../../utils/scene');
const { Login } = require('../../utils/login');
const { poster, loginCode } = require('../../utils/server');
const { screen } = require('../../utils/screen');
const { spoken, WORDS } = require('../../utils/words');

const SHOWN_WORDS = /** @type {const} */ (['relayed', 'numberLabel', 'numberHint', 'numberMissing', 'reject', 'confirm', 'care', 'joinLabel', 'register', 'leave']);

/**
 * What a page keeps that is not shown: `data` is copied to the view with every change.
 * @typedef {object} Kept
 * @property {Login | null} login
 * @property {import('../../utils/scene').Entry | null} loaded what the page was loaded with
 * @property {number} clock 0: none runs
 * @property {ReturnType<typeof spoken>} language
 */
/** @type {WeakMap<object, Kept>} */
const pages = new WeakMap();

Component({
  data: {
    step: 'scan', sign: '', title: '', lead: '', problem: '', retry: '',
    rows: /** @type {{ name: string, value: string, raw: string }[]} */ ([]),
    relayed: false, asksNumber: false, numberMissing: false, closed: false, held: false, canLeave: false,
    number: '', name: '',
    words: /** @type {Record<string, string>} */ ({}),
  },

  methods: {
    /** @param {Record<string, string | undefined>} query */
    onLoad(query) {
      const scene = sceneOf(query);
      const language = spoken();
      const { lang, say } = language;
      pages.set(this, { login: null, loaded: scene === null ? null : { scene }, clock: 0, language });
      wx.setNavigationBarTitle({ title: say('bar') });
      this.setData({
        words: Object.fromEntries(SHOWN_WORDS.map((key) => [key, WORDS[lang][key]])),
        canLeave: typeof wx.exitMiniProgram === 'function',
      });
    },

    // A page that is alive already may keep the query of the first code; what WeChat was entered with is the newest.
    onShow() {
      const kept = this.kept();
      const entered = entryOf(wx.getEnterOptionsSync(), this.is);
      const now = kept.login;
      if (!now) this.begin(entered ?? kept.loaded);
      else if (entered && isNew(entered, now)) this.begin(entered);
      else now.resume();
    },

    onUnload() {
      const kept = this.kept();
      clearInterval(kept.clock);
      kept.login?.leave();
    },

    /** @param {import('../../utils/scene').Entry | null} entry */
    begin(entry) {
      const kept = this.kept();
      this.setData({ number: '', name: '', numberMissing: false });
      // An answer about an earlier code finds that its login is shown no more.
      const login = new Login(entry, { post: poster(config.server, entry?.scene ?? ''), loginCode, show: () => this.paint() });
      kept.login = login;
      this.paint();
      if (login.step === 'scan') login.scan();
    },

    paint() {
      const kept = this.kept();
      if (!kept.login) return;
      const { lang, say } = kept.language;
      const next = screen(kept.login, say, config.siteName[lang]);
      // Whoever is known by a name need not think of one.
      if (next.step === 'join' && this.data.step !== 'join') this.setData({ name: kept.login.scanned?.user?.name ?? '' });
      this.setData(next);
      // Only a wait needs a clock.
      clearInterval(kept.clock);
      if (kept.login.wait > 0) kept.clock = setInterval(() => this.paint(), 1000);
    },

    confirm() {
      const { asksNumber, number } = this.data;
      const numberMissing = asksNumber && number.length !== 2;
      this.setData({ numberMissing });
      if (!numberMissing) this.login().confirm(number);
    },

    reject() {
      this.login().reject();
    },

    register() {
      const name = this.data.name.trim();
      if (name) this.login().register(name, this.data.number);
    },

    retry() {
      this.login().again?.();
    },

    leave() {
      wx.exitMiniProgram();
    },

    /** @param {{ detail: { value: string } }} event */
    typeNumber({ detail }) {
      const number = detail.value.replace(/\D/g, '').slice(0, 2);
      this.setData({ number, numberMissing: false });
      return number;
    },

    /** @param {{ detail: { value: string } }} event */
    typeName({ detail }) {
      this.setData({ name: detail.value });
    },

    kept() {
      return /** @type {Kept} */ (pages.get(this));
    },

    login() {
      return /** @type {Login} */ (this.kept().login);
    },
  },
});

/**
 * Whether another code was scanned: a page is shown again for many reasons. The same code counts as new
 * only if it was refused as a picture and comes by the camera now, as the person was told to do.
 * @param {import('../../utils/scene').Entry} entered @param {Login} login
 */
function isNew(entered, login) {
  if (entered.scene !== login.entry?.scene) return true;
  return login.step === 'picture' && byCamera(entered);
}

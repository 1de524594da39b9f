// One login on the phone, from the scan to its end: its steps and nothing of how they look.
// What the other end does in the meantime is told by the answer to the next act: no stream is held for it.

/** @typedef {import('./server').Problem} Problem */
/** @typedef {'scan' | 'ask' | 'join' | 'empty' | 'confirmed' | 'rejected' | 'wrong' | 'expired' | 'cancelled' | 'taken' | 'picture' | 'unknown' | 'over'} Step */

/** @type {ReadonlyArray<string>} */
const ENDS = ['confirmed', 'rejected', 'wrong', 'expired', 'cancelled', 'taken', 'picture', 'unknown', 'over'];
/** WeChat lets a login code live five minutes. */
const CODE_MS = 4 * 60_000;

class Login {
  /**
   * @param {import('./scene').Entry | null} entry null: nothing was scanned
   * @param {object} world
   * @param {(path: string, body: Record<string, unknown>, token?: string) => Promise<any>} world.post
   * @param {() => Promise<string>} world.loginCode
   * @param {(login: Login) => void} world.show told after every change
   * @param {() => number} [world.now]
   */
  constructor(entry, { post, loginCode, show, now = Date.now }) {
    this.entry = entry;
    this.post = post;
    this.loginCode = loginCode;
    this.show = () => { if (!this.left) show(this); };
    this.now = now;
    /** @type {Step} */ this.step = entry ? 'scan' : 'empty';
    if (entry && !entry.scene) this.step = 'unknown';
    /** @type {any} */ this.scanned = null; // what the server said of who asks
    this.token = '';
    this.code = '';
    this.codeAt = 0;
    this.busy = false;
    this.left = false;
    this.closed = false; // nobody signs up here
    /** @type {Problem | null} */ this.problem = null;
    /** @type {(() => Promise<void>) | null} */ this.again = null;
    this.waitUntil = 0;
  }

  get ended() {
    return ENDS.includes(this.step);
  }

  /** Seconds until the server wants to hear of us again. */
  get wait() {
    return Math.max(0, Math.ceil((this.waitUntil - this.now()) / 1000));
  }

  /** The page is gone: what is still under way shall not show. */
  leave() {
    this.left = true;
  }

  scan() {
    return this.once(async () => {
      this.scanned = await this.claim();
      this.code = ''; // spent, beyond doubt
      this.token = this.scanned.phone_token;
      this.go(ENDS.includes(this.scanned.state) ? this.scanned.state : 'ask');
    });
  }

  /** @param {string} digits as typed; empty: none are asked for */
  confirm(digits) {
    return this.once(() => this.say(digits));
  }

  /** @param {string} name @param {string} digits */
  register(name, digits) {
    return this.once(async () => {
      await this.post('/register', { name }, this.token);
      this.go('ask');
      await this.say(digits); // the person has said yes already, and was asked for a name only
    });
  }

  reject() {
    return this.once(async () => {
      await this.post('/reject', {}, this.token);
      this.go('rejected');
    });
  }

  /** Back in the foreground: WeChat cuts requests in the background, and a scan needs nobody's tap. */
  async resume() {
    if (this.step === 'scan' && this.problem?.status === 0 && this.again) await this.again();
  }

  /**
   * A login code is good for one use, and a lost answer does not say whether it was used. The server
   * answers a second scan with the same code as it did the first, so that the code is kept until there
   * is an answer, and asking WeChat again is saved. Should the server have forgotten (another instance,
   * a restart in between), it calls the code invalid; then a new one is got, once.
   */
  async claim() {
    const kept = this.code !== '' && this.now() - this.codeAt < CODE_MS;
    if (!kept) await this.identify();
    try {
      return await this.present();
    } catch (/** @type {any} */ problem) {
      if (problem.code !== 'invalid_login_code') throw problem;
      this.code = '';
      if (!kept) throw problem;
      await this.identify();
      return this.present();
    }
  }

  async identify() {
    this.code = '';
    this.code = await this.loginCode();
    this.codeAt = this.now();
  }

  present() {
    return this.post('/scan', { login_code: this.code, entry_scene: this.entry?.number });
  }

  /** @param {string} digits */
  async say(digits) {
    try {
      await this.post('/confirm', this.scanned.match_number_required ? { match_number: Number(digits) } : {}, this.token);
      this.go('confirmed');
    } catch (/** @type {any} */ problem) {
      if (problem.code !== 'unregistered') throw problem;
      this.go('join');
    }
  }

  /** One act at a time: a second tap while the first is under way is the same tap. @param {() => Promise<void>} act */
  async once(act) {
    if (this.busy || this.left || this.wait > 0) return;
    this.busy = true;
    this.problem = null;
    this.again = null;
    this.show();
    try {
      await act();
    } catch (/** @type {any} */ problem) {
      if (typeof problem?.status !== 'number') throw problem;
      if (!this.closing(problem)) this.complain(problem, () => this.once(act));
    } finally {
      this.busy = false;
      this.show();
    }
  }

  /** Answers after which there is nothing left to do here. @param {Problem} problem */
  closing({ status, code, state }) {
    if (status === 410 || code === 'expired') this.go('expired');
    else if (code === 'already_scanned') this.go('taken');
    else if (code === 'relayed') this.go('picture');
    else if (code === 'wrong_number') this.go('wrong');
    else if (code === 'wrong_state') {
      // Our own earlier call may have worked, with its answer lost; a code that we never scanned was another's.
      if (state === 'scanned' && this.token) this.go('ask');
      else this.go(ENDS.includes(state) && (this.token || state !== 'confirmed') ? /** @type {Step} */ (state) : 'over');
    } else if (status === 404 && code) this.go('unknown');
    else return false;
    return true;
  }

  /** @param {Problem} problem @param {() => Promise<void>} retry */
  complain(problem, retry) {
    const { status, code, after } = problem;
    if (code === 'sign_up_closed') {
      this.closed = true;
      return;
    }
    this.problem = problem;
    const temporary = status === 0 || status === 408 || status === 429 || status >= 500;
    // A scan is all there is on the page: it may always be tried again.
    if (temporary || this.step === 'scan') this.again = retry;
    // The server keeps few tokens of a phone; another scan gives one.
    else if (status === 401) this.again = () => this.scan();
    this.waitUntil = after > 0 ? this.now() + after * 1000 : 0;
  }

  /** @param {Step} step */
  go(step) {
    this.step = step;
    this.problem = null;
    this.again = null;
  }
}

module.exports = { Login };

// The other screen: a server as an operator starts it, and a browser that asks to be logged in.

/** @param {Record<string, string>} [settings] as environment variables */
const start = async (settings) => (await import('../browser/server.mjs')).startServer(settings);

/** A browser that has opened a session. @param {{ url: string }} server */
async function browser({ url }, agent = 'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36') {
  const opened = await (await fetch(`${url}/v1/sessions`, { method: 'POST', headers: { 'User-Agent': agent } })).json();
  const headers = { Authorization: `Bearer ${opened.secret}`, Accept: 'application/json' };
  const at = `${url}/v1/sessions/${opened.session_id}`;
  let cursor = 0;
  const seen = [];
  return {
    scene: opened.scene,
    number: opened.match_number === null ? '' : String(opened.match_number).padStart(2, '0'),
    /** The event of a type, awaited. */
    async event(type) {
      for (let turns = 0; turns < 20; turns++) {
        const found = seen.find((event) => event.type === type);
        if (found) return found;
        const answer = await (await fetch(`${at}/events?cursor=${cursor}&wait=10`, { headers })).json();
        seen.push(...answer.events);
        cursor = answer.cursor;
        if (answer.done && !answer.events.length) break;
      }
      throw new Error(`no ${type}, only ${seen.map((event) => event.type)}`);
    },
    async redeem() {
      const { data } = await this.event('confirmed');
      const body = JSON.stringify({ ticket: data.ticket });
      const answer = await fetch(`${at}/token`, { method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' }, body });
      return answer.json();
    },
    /** The picture of the code. */
    async picture() {
      const answer = await fetch(opened.code.url);
      if (!answer.ok) throw new Error(`no picture: ${await answer.text()}`);
      return Buffer.from(await answer.arrayBuffer());
    },
    cancel: () => fetch(at, { method: 'DELETE', headers }),
    types: () => seen.map((event) => event.type),
  };
}

/** Another phone, without a page. @param {{ url: string }} server @param {string} scene @param {string} code what `wx.login` gave */
async function otherPhone({ url }, scene, code) {
  const call = async (path, body, token) => (await fetch(`${url}/v1/scenes/${encodeURIComponent(scene)}${path}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) }, body: JSON.stringify(body),
  })).json();
  const { phone_token: token } = await call('/scan', { login_code: code });
  return { confirm: () => call('/confirm', {}, token) };
}

module.exports = { start, browser, otherPhone };

// WeChat's calls as promises. What fails, fails as a problem.

/**
 * @typedef {object} Problem
 * @property {number} status 0: there was no answer that can be trusted
 * @property {string} code the server's short word, or `no_login`
 * @property {string} state where the session stands, if that is why
 * @property {string} detail
 * @property {number} after seconds to wait
 */

/** WeChat's own limit is 60 s, longer than anybody waits. */
const TIMEOUT_MS = 15_000;

/** @param {number} status @param {any} [body] @param {number} [after] @returns {Problem} */
const problem = (status, body, after) => ({
  status,
  code: body?.code ?? '',
  state: body?.state ?? '',
  detail: body?.detail ?? body?.code ?? `HTTP ${status}`,
  after: after || 0,
});

/**
 * The phone's calls about one scene. Plain POSTs: a socket would not outlive WeChat's going to the background.
 * @param {string} server @param {string} scene
 */
const poster = (server, scene) =>
  /** @param {string} path @param {Record<string, unknown>} body @param {string} [token] @returns {Promise<any>} */
  (path, body, token) => new Promise((resolve, reject) => {
    wx.request({
      url: `${server}/v1/scenes/${encodeURIComponent(scene)}${path}`,
      method: 'POST',
      data: body,
      header: { 'content-type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
      timeout: TIMEOUT_MS,
      success({ statusCode, data, header }) {
        // Data that is no JSON comes as text: a proxy's own page.
        const said = data && typeof data === 'object' ? data : null;
        if (statusCode >= 200 && statusCode < 300) {
          if (said) resolve(said);
          else reject(problem(0));
        } else {
          reject(problem(statusCode, said, Number(valueOf(header, 'retry-after'))));
        }
      },
      fail: () => reject(problem(0)),
    });
  });

/** WeChat's one-time proof of who holds this phone. @returns {Promise<string>} */
const loginCode = () => new Promise((resolve, reject) => {
  const refused = () => reject(problem(0, { code: 'no_login' }));
  wx.login({ timeout: TIMEOUT_MS, success: ({ code }) => (code ? resolve(code) : refused()), fail: refused });
});

/** A header's value: phones differ in how they write its name. @param {Record<string, any>} header @param {string} name */
const valueOf = (header, name) => Object.entries(header ?? {}).find(([key]) => key.toLowerCase() === name)?.[1];

module.exports = { poster, loginCode, problem };

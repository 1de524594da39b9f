// What the code on the screen carries, out of the ways in which WeChat hands it to a page.

/** What a scene may be made of: WeChat's alphabet, which has no `%`. */
const SCENE = /^[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}$/;

/** Ways in that are a camera's: a mini-program code, a plain QR code. */
const CAMERA = [1047, 1011];

/**
 * @typedef {object} Entry
 * @property {string} scene empty: what came is no scene
 * @property {number} [number] WeChat's number for the way in
 */

/**
 * The scene of a page's query: `scene` of a mini-program code, or `q`, the whole link of an ordinary QR code.
 * @param {Record<string, string | undefined> | undefined} query
 * @returns {string | null} null: there is none; empty: it is none
 */
function sceneOf(query) {
  if (query?.scene) return checked(decoded(query.scene));
  if (query?.q) return checked(ofLink(decoded(query.q)));
  return null;
}

/**
 * The scene with which WeChat was entered the last time, if it led to this page: a page of another
 * purpose may have a `scene` of its own.
 * @param {{ path?: string, query?: Record<string, string | undefined>, scene?: number }} options of wx.getEnterOptionsSync
 * @param {string} page
 * @returns {Entry | null}
 */
function entryOf(options, page) {
  if (options.path && plain(options.path) !== plain(page)) return null;
  const scene = sceneOf(options.query);
  return scene === null ? null : { scene, number: options.scene };
}

/** `…/phone/<scene>`, or any link with `?scene=`. @param {string} link */
function ofLink(link) {
  const [, path = '', query = ''] = /^[^?#]*?([^/?#]*)(?:\?([^#]*))?(?:#.*)?$/.exec(link) ?? [];
  const named = query.split('&').find((pair) => pair.startsWith('scene='));
  return decoded(named ? named.slice('scene='.length) : path);
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

/** @param {string} text */
const checked = (text) => (SCENE.test(text) ? text : '');

/** @param {string} path */
const plain = (path) => path.replace(/^\//, '').replace(/\.html$/, '');

/** @param {Entry} entry */
const byCamera = ({ number }) => number !== undefined && CAMERA.includes(number);

module.exports = { sceneOf, entryOf, byCamera };

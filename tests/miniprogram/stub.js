// WeChat's servers, played by the stub, with one mini program; and what people do with their phones.

const { spawn } = require('node:child_process');
const { existsSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { createInterface } = require('node:readline');
const { once } = require('node:events');

const APP = 'wx00000000000000a1';
const SECRET = '0123456789abcdef0123456789abcdef';

// Cargo puts examples into a folder beside the server.
const program = join(dirname(process.env.SAOMA_BIN ?? ''), 'examples/wechat_stub');
if (!existsSync(program)) {
  throw new Error(`no stub at ${program}: cargo build --example wechat_stub`);
}

/** The stub in a process of its own. */
async function startStub() {
  const child = spawn(program, [], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const base = line.replace('listening on ', '');
  /** Tells the stub something; what it says. @param {string} what @param {object} body */
  const tell = async (what, body) => said(await fetch(`${base}/stub/${what}`, { method: 'POST', body: JSON.stringify(body) }));
  await tell('apps', { appid: APP, secret: SECRET, kind: 'mini_program', pages: ['pages/wsLogin/wsLogin'] });
  return {
    tell,
    /** A server's settings that make it this mini program's. */
    settings: {
      SAOMA_PROVIDER: 'mini_program', SAOMA_WECHAT_APP_ID: APP, SAOMA_WECHAT_APP_SECRET: SECRET, SAOMA_WECHAT_API_URL: base,
    },
    /** What `wx.login` gives somebody. @param {string} person */
    login: async (person) => (await tell('login', { appid: APP, person })).code,
    /** What the mini program is opened with by who scans a picture. @param {Buffer} picture @param {string} [entry] */
    scan: (picture, entry = 'camera') => tell('scan', { picture: picture.toString('base64'), entry }),
    /** Who the mini program knows somebody as. @param {string} person */
    who: (person) => tell('who', { appid: APP, person }),
    /** Something takes a login code to WeChat. @param {string} code */
    async uses(code) {
      const query = new URLSearchParams({ appid: APP, secret: SECRET, js_code: code, grant_type: 'authorization_code' });
      return (await fetch(`${base}/sns/jscode2session?${query}`)).json();
    },
    /** Puts a fault in the way of an API. @param {string} api @param {object} fault */
    breaks: (api, fault) => tell('faults', { api, ...fault }),
    heals: async () => said(await fetch(`${base}/stub/faults`, { method: 'DELETE' })),
    /** The calls of an API so far. @param {string} api */
    calls: async (api) => said(await fetch(`${base}/stub/calls?all&path=${api}`)),
    async stop() {
      const gone = once(child, 'exit');
      child.kill();
      await gone;
    },
  };
}

/** @param {Response} response */
async function said(response) {
  const body = await response.json();
  if (!response.ok) throw new Error(body.stub_error);
  return body;
}

module.exports = { startStub };

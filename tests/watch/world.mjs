// What is watched: two instances on one Redis, WeChat, a service that decides; people who log in, and how each of these breaks.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { startServer } from '../browser/server.mjs';
import { eventually } from './prometheus.mjs';
import { startRedis } from './redis.mjs';

const APP = 'wx00000000000000a1';
const SECRET = '0123456789abcdef0123456789abcdef';
/** Codes that are made ahead. */
export const POOL = 4;
/** Beside the server's own, as cargo builds it. */
const STUB = join(dirname(process.env.SAOMA_BIN ?? ''), 'examples/wechat_stub');

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.on('exit', () => { for (const child of running) child.kill('SIGKILL'); });
/** @param {string} command @param {string[]} args */
function start(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  return child;
}
/** @param {import('node:child_process').ChildProcess} child */
async function end(child) {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  running.delete(child);
}

/** @param {string} base @param {string} api @param {string} hook @param {string} redis */
const settings = (base, api, hook, redis) => `
redis_url = "${redis}"
data_dir = "${base}/data"
[namespaces.default]
session_ttl = 5
api_keys = ["a key of thirty-two characters .."]
[namespaces.asked]
directory = "hook"
hook = { url = "${hook}", secret = "a secret of 24 characters" }
[namespaces.wechat]
provider = "mini_program"
numbering = "pool"
pool = { size = ${POOL}, low_water = 1, grow_by = 1 }
[namespaces.wechat.wechat]
app_id = "${APP}"
app_secret = "${SECRET}"
api_url = "${api}"
`;

export async function startWorld() {
  const folder = await mkdtemp(join(tmpdir(), 'saoma-watched-'));
  await mkdir(join(folder, 'data'));
  const redis = await startRedis();

  const stub = start(STUB, ['--listen', '127.0.0.1:0']);
  const [line] = await once(createInterface({ input: stub.stdout }), 'line');
  const api = line.replace('listening on ', '');
  /** @param {string} path @param {any} [body] absent: what there is is deleted */
  async function tell(path, body) {
    const answer = await fetch(`${api}/stub/${path}`, body ? { method: 'POST', body: JSON.stringify(body) } : { method: 'DELETE' });
    assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
    return answer.json().catch(() => undefined);
  }
  await tell('apps', { appid: APP, kind: 'mini_program', secret: SECRET, pages: ['pages/wsLogin/wsLogin'] });

  let decides = true;
  const hook = createServer((asked, answer) => {
    asked.resume().on('end', () => {
      answer.writeHead(decides ? 200 : 500, { 'content-type': 'application/json' });
      answer.end(decides ? JSON.stringify({ registered: true }) : '{}');
    });
  });
  await once(hook.listen(0, '127.0.0.1'), 'listening');

  const config = join(folder, 'saoma.toml');
  const hookUrl = `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (hook.address()).port}/`;
  await writeFile(config, settings(folder, api, hookUrl, redis.url));
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(folder, name));
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert]);

  const env = { SAOMA_CONFIG: config, SAOMA_DATA_DIR: join(folder, 'data') };
  // One after the other: both make the database.
  const plain = await startServer(env);
  const secure = await startServer({ ...env, SAOMA_TLS_CERT_FILE: cert, SAOMA_TLS_KEY_FILE: key });
  let alive = true;
  const metrics = async () => (await fetch(`${plain.admin}/metrics`)).text();
  await eventually(async () => (await metrics()).includes(`saoma_pool_codes{namespace="wechat",state="free"} ${POOL}`), () => 'the pool is not filled');

  /** @param {string} method @param {string} path @param {any} [body] @param {string} [bearer] */
  async function call(method, path, body, bearer) {
    const headers = { ...(body ? { 'content-type': 'application/json' } : {}), ...(bearer ? { authorization: `Bearer ${bearer}` } : {}) };
    const answer = await fetch(`${plain.url}${path}`, { method, headers, body: body && JSON.stringify(body) });
    return { status: answer.status, said: await answer.json().catch(() => undefined) };
  }
  /** @param {string} [namespace] */
  const open = async (namespace = 'default') => (await call('POST', '/v1/sessions', { namespace })).said;
  /** @param {{ scene: string }} session @param {string} login_code */
  const scan = ({ scene }, login_code) => call('POST', `/v1/scenes/${scene}/scan`, { login_code });
  /** The events of a session up to one of a type, by the transport that the headers ask for. @param {any} session @param {object} headers @param {string} type */
  const follow = ({ session_id, secret }, headers, type, query = '') => new Promise((resolve, reject) => {
    const asked = request(`${plain.url}/v1/sessions/${session_id}/events?access_token=${secret}${query}`, { headers });
    const hear = (/** @type {import('node:stream').Duplex | import('node:stream').Readable} */ stream, head = '') => {
      let heard = head;
      const look = () => { if (heard.includes(type)) { resolve(heard); asked.destroy(); } };
      stream.on('data', (more) => { heard += more; look(); }).on('error', () => {}).on('end', () => { resolve(heard); });
      look();
    };
    asked.on('response', (answer) => hear(answer)).on('upgrade', (_, socket, head) => hear(socket, head.toString('latin1')));
    asked.on('error', reject).end();
  });

  return {
    plain, secure, metrics, call, open, scan, follow,
    /** What `wx.login` gives. @param {string} person */
    wxLogin: async (person) => (await tell('login', { appid: APP, person })).code,
    /** The hook does its work, or not. @param {boolean} well */
    decide(well) { decides = well; },
    /** @param {string} path @param {object} fault */
    breakWeChat: (path, fault) => tell('faults', { api: path, ...fault }),
    healWeChat: () => tell('faults'),
    stopRedis: redis.kill,
    startRedis: redis.start,
    async killSecure() {
      alive = false;
      await secure.kill();
    },
    async stop() {
      await plain.stop();
      if (alive) await secure.stop();
      await Promise.all([redis.stop(), end(stub)]);
      hook.closeAllConnections();
      hook.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

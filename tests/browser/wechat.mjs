// WeChat, played by its stub in a process of its own, and a server that logs people in by it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { startServer } from './server.mjs';

const SECRET = '0123456789abcdef0123456789abcdef';
const TOKEN = 'what-the-console-says';
const APPS = { mini_program: 'wx00000000000000a1', official_account: 'wx00000000000000b2', open_platform: 'wx00000000000000c3' };
/** Beside the server's own, as cargo builds it. */
const program = join(dirname(process.env.SAOMA_BIN ?? ''), 'examples/wechat_stub');

/**
 * @param {keyof typeof APPS} provider
 * @param {Record<string, string>} [settings] of the server, as environment variables
 */
export async function startWeChat(provider, settings) {
  const child = spawn(program, ['--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  const base = line.replace('listening on ', '');
  /** @param {string} path @param {any} [body] absent: GET */
  async function tell(path, body) {
    const answer = await fetch(`${base}/stub/${path}`, { method: body ? 'POST' : 'GET', body: body && JSON.stringify(body), redirect: 'manual' });
    assert.ok(answer.status < 400, `${path}: ${answer.status} ${await answer.clone().text()}`);
    return answer.json();
  }
  const appid = APPS[provider];
  const kind = provider === 'open_platform' ? 'website' : provider;
  const pages = provider === 'mini_program' ? ['pages/wsLogin/wsLogin'] : undefined;
  await tell('apps', { appid, kind, secret: SECRET, pages });
  const server = await startServer({
    SAOMA_PROVIDER: provider, SAOMA_WECHAT_APP_ID: appid, SAOMA_WECHAT_APP_SECRET: SECRET, SAOMA_WECHAT_TOKEN: TOKEN,
    SAOMA_WECHAT_API_URL: base,
    // Another site than the server's, as in real life: browsers keep cookies from it.
    SAOMA_WECHAT_OPEN_URL: base.replace('127.0.0.1', 'localhost'),
    ...settings,
  });
  if (!pages) await tell('apps', { appid, callback: { url: `${server.url}/v1/wechat/default/events`, token: TOKEN } });

  let read = 0;
  return {
    url: server.url,
    admin: server.admin,
    appid,
    tell,
    /** Somebody decides on WeChat's page. @param {string} state @param {string} person */
    allows: (state, person) => tell('website/allow', { state, person }),
    /** @param {string} state */
    refuses: (state) => tell('website/refuse', { state }),
    /** Somebody scans the account's code; the link that they are written. @param {string} scene @param {string} person */
    async scans(scene, person) {
      await tell('account/scan', { appid, scene, person });
      const messages = await tell(`messages?at_least=${++read}`);
      const [, link] = /href="([^"]+)"/.exec(messages[read - 1].body.text.content) ?? assert.fail('no link');
      return link;
    },
    async stop() {
      await server.stop();
      child.kill();
      await exited;
    },
  };
}

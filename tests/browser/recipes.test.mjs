// The recipes of deploy/, each started for real. Only what must be put in anyway is put in: the name, the
// certificate and the addresses, which are free ports here.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import http from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startServer } from './server.mjs';
import { launch, logIn, newContext, openLogin } from './people.mjs';
import { freePort, startCaddy, startHaproxy, startNginx } from './proxies.mjs';

const CLIENT = '127.0.0.2'; // an address that no other end of these connections has
const FORGED = '198.51.100.7';

let browser, dir;
before(async () => {
  browser = await launch();
  dir = await mkdtemp(join(tmpdir(), 'saoma-recipes-'));
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
    '-keyout', join(dir, 'privkey.pem'), '-out', join(dir, 'fullchain.pem')]);
  const both = ['fullchain.pem', 'privkey.pem'].map((name) => readFile(join(dir, name), 'utf8'));
  await writeFile(join(dir, 'both.pem'), (await Promise.all(both)).join(''));
});
after(async () => { await browser?.close(); if (dir) await rm(dir, { recursive: true, force: true }); });

/** A recipe with some words replaced, each of which is in it. @param {string} file @param {Record<string, string>} swaps */
async function recipe(file, swaps) {
  let text = await readFile(new URL(`../../deploy/${file}`, import.meta.url), 'utf8');
  for (const [from, to] of Object.entries(swaps)) {
    assert.ok(text.includes(from), `${file} has no ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

const nginx = (file) => async ({ port, plain, upstream }) => startNginx(port, await recipe(file, {
  'listen 80': `listen ${plain}`, 'listen [::]:80': `listen [::]:${plain}`,
  'listen 443': `listen ${port}`, 'listen [::]:443': `listen [::]:${port}`,
  'login.example.com;': 'localhost;', '/etc/ssl/login.example.com': dir, '127.0.0.1:3000': upstream,
}));
const haproxy = async ({ port, plain, upstream }) => startHaproxy(port, await recipe('haproxy/haproxy.cfg', {
  'bind :80\n': `bind :${plain}\n`, 'bind :443': `bind :${port}`,
  '/etc/haproxy/certs/login.example.com.pem': join(dir, 'both.pem'), '127.0.0.1:3000': upstream,
}));
// For localhost Caddy makes the certificate itself, as it gets one for any other name.
const caddy = async ({ port, plain, upstream }) => startCaddy(port, plain, await recipe('caddy/Caddyfile', {
  'login.example.com {': 'localhost {', '127.0.0.1:3000': upstream,
}));

for (const [file, start, transport] of [
  ['nginx/saoma.conf', nginx('nginx/saoma.conf'), 'websocket'],
  ['nginx/saoma-no-upgrade.conf', nginx('nginx/saoma-no-upgrade.conf'), 'sse'],
  ['haproxy/haproxy.cfg', haproxy, 'websocket'],
  ['caddy/Caddyfile', caddy, 'websocket'],
]) {
  describe(`deploy/${file}`, () => {
    let server, proxy, url, plain;
    before(async () => {
      const port = await freePort();
      plain = await freePort();
      url = `https://localhost:${port}`;
      // As deploy/README.md says.
      server = await startServer({ SAOMA_PUBLIC_URL: url, SAOMA_TRUSTED_PROXIES: '127.0.0.1' });
      proxy = await start({ port, plain, upstream: new URL(server.url).host });
    });
    after(async () => { await proxy?.stop(); await server?.stop(); });

    const survivors = ['', 'websocket', 'sse', 'long-poll'].filter((kind) => transport === 'websocket' || kind !== 'websocket');
    for (const asked of survivors) {
      test(`carries a whole login, ${asked ? `over ${asked}` : `by itself over ${transport}`}`, async () => {
        const context = await newContext(browser, { ignoreHTTPSErrors: true });
        const screen = await openLogin(context, asked ? `${url}/?transports=${asked}` : url);
        await screen.servedBy(asked || transport);
        assert.equal(new URL(await screen.link()).origin, url, 'the code leads through the proxy, too');
        await logIn(screen, 'Alice');
        // The browser's note of a refused upgrade is meant; a server that is reached has nothing else to complain of.
        assert.deepEqual(context.complaints(/WebSocket connection to .* failed/), []);
        await context.close();
      });
    }

    test('tells the phone the address of the browser, whatever that claims to be', async () => {
      const opened = await call('/v1/sessions', {}, {
        'X-Forwarded-For': FORGED, Forwarded: `for=${FORGED}`, 'X-Real-IP': FORGED,
      });
      const scan = await call(`/v1/scenes/${encodeURIComponent(opened.scene)}/scan`, { login_code: 'sim:Alice' });
      assert.equal(scan.browser.ip, CLIENT);
    });

    test('sends http to https', async () => {
      const [answer] = await once(http.get({ port: plain, host: '127.0.0.1', path: '/phone/x?y', headers: { Host: 'localhost' } }), 'response');
      answer.resume();
      assert.equal(answer.statusCode, 308);
      assert.match(answer.headers.location, /^https:\/\/localhost(:\d+)?\/phone\/x\?y$/);
    });

    /** A client of its own address. @param {string} path @param {object} body @param {Record<string, string>} [headers] */
    async function call(path, body, headers) {
      const request = https.request(new URL(path, url), {
        method: 'POST', lookup: (_host, options, done) => done(null, options.all ? [{ address: '127.0.0.1', family: 4 }] : '127.0.0.1', 4),
        localAddress: CLIENT, rejectUnauthorized: false, headers: { 'Content-Type': 'application/json', ...headers },
      });
      request.end(JSON.stringify(body));
      const [answer] = await once(request, 'response');
      const text = (await answer.toArray()).join('');
      assert.ok(answer.statusCode < 300, text);
      return JSON.parse(text);
    }
  });
}

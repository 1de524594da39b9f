// deploy/fleet/start, as README.md says: three instances, their Redis and HAProxy, and people who log in there.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch, logIn, newContext, openLogin } from './people.mjs';
import { freePort } from './proxies.mjs';

const START_MS = 30_000;

let browser, dir, fleet, url, admins;
before(async () => {
  browser = await launch();
  dir = await mkdtemp(join(tmpdir(), 'saoma-fleet-'));
  const ports = [];
  while (ports.length < 8) ports.push(await freePort());
  const [front, redis, ...rest] = ports;
  url = `http://127.0.0.1:${front}`;
  admins = rest.slice(3).map((port) => `http://127.0.0.1:${port}`);
  const places = Object.fromEntries(['A', 'B', 'C'].flatMap((name, n) => [
    [`SAOMA_${name}`, `127.0.0.1:${rest[n]}`], [`ADMIN_${name}`, String(rest[n + 3])],
  ]));
  fleet = spawn(fileURLToPath(new URL('../../deploy/fleet/start', import.meta.url)), [], {
    env: { PATH: process.env.PATH, SAOMA_BIN: process.env.SAOMA_BIN, DATA: dir, FRONT: `127.0.0.1:${front}`, REDIS_PORT: String(redis), ...places },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  process.on('exit', () => fleet.kill('SIGTERM'));
  const late = Date.now() + START_MS;
  for (const address of [...admins.map((it) => `${it}/readyz`), `${url}/`]) {
    while (!await fetch(address).then(({ ok }) => ok, () => false)) {
      assert.ok(fleet.exitCode === null && Date.now() < late, `${address} does not answer`);
      await new Promise((resolve) => setTimeout(resolve, 50)); // nothing tells when all are there
    }
  }
});
after(async () => {
  await browser?.close();
  if (fleet) {
    const ended = once(fleet, 'exit');
    fleet.kill('SIGTERM');
    await ended;
  }
  if (dir) await rm(dir, { recursive: true, force: true });
});

for (const transport of ['websocket', 'sse', 'long-poll']) {
  test(`people log in over ${transport}, whichever instance they come to`, async () => {
    const context = await newContext(browser);
    const screen = await openLogin(context, `${url}/?transports=${transport}`);
    await screen.servedBy(transport);
    await logIn(screen, 'Alice');
    assert.deepEqual(context.complaints(), []);
    await context.close();
  });
}

test('each instance had its part, and shows the keys of all', async () => {
  for (const admin of admins) {
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    const changes = [...metrics.matchAll(/^saoma_session_transitions_total\{.*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
    assert.ok(changes > 0, `${admin} changed no session`);
  }
  const { keys } = await (await fetch(`${url}/.well-known/jwks.json`)).json();
  assert.equal(new Set(keys.map(({ kid }) => kid)).size, 3);
});

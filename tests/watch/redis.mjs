// A redis-server that can go and come back at the same address.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../browser/proxies.mjs';

export async function startRedis() {
  const folder = await mkdtemp(join(tmpdir(), 'saoma-redis-'));
  const port = await freePort();
  /** @type {import('node:child_process').ChildProcess | undefined} */ let child;
  async function start() {
    child = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: /** @type {import('node:stream').Readable} */ (child.stdout) });
    const ready = new Promise((resolve) => lines.on('line', (line) => { if (/Ready to accept connections/.test(line)) resolve(true); }));
    if (await Promise.race([ready, once(child, 'exit').then(() => false), once(child, 'error').then(() => false)]) !== true) throw new Error('redis-server does not start');
  }
  async function kill() {
    if (!child || child.exitCode !== null || child.signalCode) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  process.on('exit', () => child?.kill('SIGKILL'));
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    kill,
    async stop() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

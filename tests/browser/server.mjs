// Starts the real binary, as an operator would: settings in the environment, addresses read from its
// first two lines, SIGTERM to end.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { once } from 'node:events';

const START_MS = 20_000;
const STOP_MS = 30_000;

const binary = process.env.SAOMA_BIN;
if (!binary || !existsSync(binary)) {
  throw new Error(`SAOMA_BIN must name the server's binary (now: ${binary ?? 'not set'})`);
}

/** @param {Record<string, string>} settings as environment variables */
export async function startServer(settings = {}) {
  const data = await mkdtemp(join(tmpdir(), 'saoma-browser-'));
  const child = spawn(binary, [], {
    env: {
      PATH: process.env.PATH,
      SAOMA_LISTEN: '127.0.0.1:0',
      SAOMA_ADMIN_LISTEN: '127.0.0.1:0',
      SAOMA_DATA_DIR: data,
      SAOMA_DRAIN_SECONDS: '1',
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (text) => { complaints = (complaints + text).slice(-4000); });
  const exited = once(child, 'exit');

  const addresses = {};
  const lines = createInterface({ input: child.stdout });
  const listening = new Promise((resolve) => {
    lines.on('line', (line) => {
      const said = line.match(/^(listening|admin) on (https?:\/\/\S+)/);
      if (said) addresses[said[1]] = said[2];
      if (addresses.listening && addresses.admin) resolve(true);
    });
  });
  const late = new Promise((resolve) => setTimeout(resolve, START_MS, false).unref());
  if (await Promise.race([listening, exited.then(() => false), late]) !== true) {
    child.kill('SIGKILL');
    throw new Error(`the server did not say where it listens:\n${complaints}`);
  }

  return {
    url: addresses.listening,
    admin: addresses.admin,
    /** As when the machine loses its power. */
    async kill() {
      child.kill('SIGKILL');
      await exited;
      await rm(data, { recursive: true, force: true });
    },
    async stop() {
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      child.kill('SIGTERM');
      const [code, signal] = await exited;
      clearTimeout(timer);
      await rm(data, { recursive: true, force: true });
      if (code !== 0) throw new Error(`the server ended with ${code ?? signal}:\n${complaints}`);
    },
  };
}

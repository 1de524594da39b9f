// A real Prometheus with the project's own settings and rules, only faster; and its tool.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../browser/proxies.mjs';

const HOME = fileURLToPath(new URL('../../grafana/prometheus/', import.meta.url));
const LOOK_MS = 200;
const PATIENCE_MS = 30_000;

/** Debian's promtool. It fails if that does. @param {...string} args */
export async function promtool(...args) {
  const done = await promisify(execFile)('promtool', args).catch((error) => error);
  assert.equal(done.code ?? 0, 0, `promtool ${args.slice(0, 2).join(' ')}: ${done.stdout}${done.stderr || done.message}`);
}

/** Prometheus' linter of what it reads: it says nothing of good metrics. @param {string} text */
export async function lintMetrics(text) {
  const child = spawn('promtool', ['check', 'metrics'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (more) => { said += more; });
  child.stdin.end(text);
  const [code] = await once(child, 'close');
  return { code, said };
}

/** Asks again and again, for Prometheus tells nobody. @template T @param {() => Promise<T | undefined | false>} look @param {() => string} otherwise @returns {Promise<T>} */
export async function eventually(look, otherwise) {
  for (const late = Date.now() + PATIENCE_MS; ;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < late, otherwise());
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Watches these admin listeners, each second. An alert fires a second after its bound is passed. @param {string[]} admins */
export async function startPrometheus(admins) {
  const folder = await mkdtemp(join(tmpdir(), 'saoma-prometheus-'));
  await mkdir(join(folder, 'rules'));
  for (const name of await readdir(join(HOME, 'rules'))) {
    const text = await readFile(join(HOME, 'rules', name), 'utf8');
    await writeFile(join(folder, 'rules', name), text.replace(/^( +for:) \w+$/gm, '$1 1s'));
  }
  const settings = await readFile(join(HOME, 'prometheus.yml'), 'utf8');
  const targets = admins.map((admin) => new URL(admin).host).join(', ');
  const faster = settings.replace(/_interval: 15s/g, '_interval: 1s').replace(/targets: \[.*\]/, `targets: [${targets}]`);
  await writeFile(join(folder, 'prometheus.yml'), faster);

  const port = await freePort();
  const child = spawn('prometheus', [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit');
  process.on('exit', () => child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (text) => { said += text; });
  /** @param {string} path @param {Record<string, string>} [form] */
  async function ask(path, form = {}) {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${new URLSearchParams(form)}`);
    const { status, data, error } = await answer.json();
    assert.equal(status, 'success', `${error}: ${JSON.stringify(form)}`);
    return data;
  }
  const url = `http://127.0.0.1:${port}`;
  await eventually(() => fetch(`${url}/-/ready`).then(({ ok }) => ok, () => false), () => `prometheus does not start: ${said}`);
  return {
    ask,
    /** The numbers that a query comes to now: those that are any. @param {string} expr @returns {Promise<number[]>} */
    async numbers(expr) {
      const { result } = await ask('query', { query: expr });
      return result.map(({ value }) => Number(value[1])).filter((number) => !Number.isNaN(number));
    },
    /** Every rule by its kind. @param {'alerting' | 'recording'} type @returns {Promise<{ name: string, query: string, lastError?: string }[]>} */
    async rules(type) {
      const { groups } = await ask('rules');
      return groups.flatMap(({ rules }) => rules).filter((rule) => rule.type === type);
    },
    /** Waits until this alert fires. @param {string} name @returns {Promise<{ labels: Record<string, string>, annotations: Record<string, string> }>} */
    async fires(name) {
      let others = '';
      return eventually(async () => {
        const { alerts } = await ask('alerts');
        others = alerts.map(({ labels, state }) => `${labels.alertname} ${state}`).join(', ');
        return alerts.find(({ labels, state }) => labels.alertname === name && state === 'firing');
      }, () => `${name} does not fire, but: ${others}`);
    },
    /** Waits until it fires no longer. @param {string} name */
    ends: (name) => eventually(async () => {
      const { alerts } = await ask('alerts');
      return !alerts.some(({ labels }) => labels.alertname === name);
    }, () => `${name} fires on`),
    async stop() {
      child.kill('SIGTERM');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

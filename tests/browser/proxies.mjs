// Starts real proxies on free ports, in the foreground, each in a folder of its own. What is started
// here is killed with the test's process, whatever becomes of it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_MS = 15_000;
const LOOK_MS = 20;
const LOWEST_PORT = 20_000;
const PORTS = 12_000;

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
process.on('exit', () => { for (const child of running) child.kill('SIGKILL'); });

/**
 * A port that nobody uses, out of those that no system gives to a connection that goes out: a proxy cannot
 * listen where one has begun meanwhile.
 * @returns {Promise<number>}
 */
export async function freePort() {
  for (;;) {
    const port = LOWEST_PORT + Math.floor(Math.random() * PORTS);
    const taken = net.createServer().listen(port);
    if (!await once(taken, 'listening').catch(() => null)) continue;
    taken.close();
    await once(taken, 'close');
    return port;
  }
}

/** @param {number} port */
async function answers(port) {
  const socket = net.connect(port, '127.0.0.1');
  const heard = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)])
    .catch(() => false);
  socket.destroy();
  return heard;
}

/**
 * @param {string} name @param {number} port where it will listen
 * @param {(dir: string) => Promise<{ command: string, args: string[], env?: Record<string, string> }>} prepare
 */
async function start(name, port, prepare) {
  const dir = await mkdtemp(join(tmpdir(), `saoma-${name}-`));
  const { command, args, env } = await prepare(dir);
  const child = spawn(command, args, {
    cwd: dir, env: { PATH: `${process.env.PATH}:/usr/sbin`, HOME: dir, ...env }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let said = '';
  for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (text) => { said = (said + text).slice(-4000); });
  /** @type {string | undefined} */
  let gone;
  const ended = new Promise((resolve) => {
    child.on('error', (error) => { gone ??= String(error); resolve(gone); });
    child.on('exit', (code, signal) => { gone ??= `it ended with ${code ?? signal}`; resolve(gone); });
  });
  async function stop() {
    child.kill('SIGKILL'); // none of them has children of its own as started here
    await ended;
    running.delete(child);
    await rm(dir, { recursive: true, force: true });
  }
  for (const late = Date.now() + START_MS; !await answers(port);) {
    if (gone || Date.now() > late) {
      await stop();
      throw new Error(`${name} does not listen: ${gone ?? 'too slow'}\n${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS)); // nothing tells when a process listens
  }
  return { port, url: `http://127.0.0.1:${port}`, stop };
}

/** nginx with a file as in its conf.d/. @param {number} port @param {string} site */
export function startNginx(port, site) {
  return start('nginx', port, async (dir) => {
    const stores = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${dir}/${kind};`);
    await writeFile(join(dir, 'site.conf'), site);
    await writeFile(join(dir, 'nginx.conf'), `
      daemon off; master_process off; pid ${dir}/pid; error_log stderr;
      events { worker_connections 256; }
      http { access_log off; ${stores.join(' ')} include ${dir}/site.conf; }`);
    return { command: 'nginx', args: ['-e', 'stderr', '-p', dir, '-c', join(dir, 'nginx.conf')] };
  });
}

/** @param {number} port @param {string} config */
export function startHaproxy(port, config) {
  return start('haproxy', port, async (dir) => {
    await writeFile(join(dir, 'haproxy.cfg'), config);
    return { command: 'haproxy', args: ['-db', '-f', join(dir, 'haproxy.cfg')] };
  });
}

/** Caddy, its certificates and whatever else it keeps in its own folder. @param {number} port @param {number} plain @param {string} site */
export function startCaddy(port, plain, site) {
  return start('caddy', port, async (dir) => {
    await writeFile(join(dir, 'site'), site);
    await writeFile(join(dir, 'Caddyfile'), `{
      admin off
      skip_install_trust
      http_port ${plain}
      https_port ${port}
    }
    import ${dir}/site`);
    const env = { XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir };
    return { command: 'caddy', args: ['run', '--adapter', 'caddyfile', '--config', join(dir, 'Caddyfile')], env };
  });
}

/** A company's forward proxy, as Squid is out of the box. @param {number} port */
export function startSquid(port) {
  return start('squid', port, async (dir) => {
    await writeFile(join(dir, 'squid.conf'), `
      http_port 127.0.0.1:${port}
      acl SSL_ports port 443
      acl CONNECT method CONNECT
      http_access deny CONNECT !SSL_ports
      http_access allow localhost
      http_access deny all
      cache deny all
      access_log none
      cache_log stdio:/dev/stderr
      cache_store_log none
      pid_filename none
      netdb_filename none
      pinger_enable off
      coredump_dir ${dir}
      visible_hostname proxy.example`);
    return { command: 'squid', args: ['-N', '-f', join(dir, 'squid.conf')] };
  });
}

/** Plain forwarding, as in nginx's first example: HTTP/1.0 to the server, no Upgrade, Host rewritten. @param {number} port @param {string} target */
export const nginxStock = (port, target) => `server { listen 127.0.0.1:${port}; location / { proxy_pass ${target}; } }`;

/** HAProxy with some rules. @param {number} port @param {string} target @param {string[]} rules */
export const haproxyWith = (port, target, ...rules) => `
global
defaults
  mode http
  timeout connect 5s
  timeout client 75s
  timeout server 75s
  timeout tunnel 1h
listen way
  bind 127.0.0.1:${port}
  ${rules.join('\n  ')}
  server saoma ${new URL(target).host}
`;
export const STRIP_UPGRADE = 'http-request del-header Upgrade';
export const HOLD_BODIES = 'http-response wait-for-body time 60s';

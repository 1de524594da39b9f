// Https at localhost, in front of a server that speaks http: bytes in, bytes out.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { promisify } from 'node:util';

async function certificate() {
  const dir = await mkdtemp(join(tmpdir(), 'saoma-tls-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(dir, name));
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert]);
  const read = { key: await readFile(key), cert: await readFile(cert) };
  await rm(dir, { recursive: true });
  return read;
}

/** Its address is known before there is a server behind it. */
export async function startTls() {
  /** @type {Set<import('node:net').Socket>} */ const open = new Set();
  let port = 0;
  const front = createServer(await certificate(), (near) => {
    const far = net.connect(port, '127.0.0.1');
    for (const [socket, other] of [[near, far], [far, near]]) {
      open.add(socket);
      socket.on('error', () => {}).on('close', () => { open.delete(socket); other.destroy(); }).pipe(other);
    }
  });
  await once(front.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `https://localhost:${/** @type {import('node:net').AddressInfo} */ (front.address()).port}`,
    /** @param {string} url */
    leadTo(url) { port = Number(new URL(url).port); },
    stop() {
      front.close();
      for (const socket of open) socket.destroy();
    },
  };
}

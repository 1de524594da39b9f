// A proxy with faults, for what no product plays. Two layers: the inner one speaks HTTP and spoils
// single answers, the outer one relays bytes and spoils connections. Faults may change at any time.
import http from 'node:http';
import net from 'node:net';
import zlib from 'node:zlib';
import { once } from 'node:events';

/**
 * @typedef Faults
 * @property {number} [idleMs] a connection silent for so long is closed
 * @property {'refused' | 'hung' | 'mute' | 'killed' | 'mute and killed'} [websocket] `hung`: no answer comes;
 *   `mute`: the 101 comes, and then nothing; `killed`: the connection is cut 200 ms after the 101
 * @property {'flushed' | 'held'} [gzip] event streams are compressed; `held`: until there is a lot of it
 * @property {number} [pollMs] a long-poll not answered by then gets 504
 * @property {(answer: string) => boolean} [drops] whether this long-poll's answer is lost on the way
 * @typedef {{ kind: 'websocket' | 'sse' | 'long-poll', wait: number, status?: number, parts: number }} Seen
 *   `parts`: of the stream's, how many went by
 */
const KILLED_AFTER_MS = 200;
const SERVICE_RESTART = Buffer.from([0x88, 2, 1012 >> 8, 1012 & 0xff]); // a WebSocket's close frame

/** @param {string} target the server's address @param {Faults} [faults] */
export async function startFaultProxy(target, faults = {}) {
  const { hostname, port } = new URL(target);
  /** @type {Seen[]} what asked for events */
  const seen = [];
  /** @type {Set<() => void>} */
  const tunnels = new Set();
  const inner = http.createServer((req, res) => {
    const asks = /\/events(\?|$)/.test(req.url ?? '');
    const stream = req.headers.accept?.includes('text/event-stream');
    const entry = asks ? note(stream ? 'sse' : 'long-poll', req) : undefined;
    const { connection: _, ...headers } = req.headers;
    const ask = http.request({ hostname, port, method: req.method, path: req.url, headers, agent: false });
    const poll = entry?.kind === 'long-poll';
    const late = poll && faults.pollMs ? setTimeout(() => {
      ask.destroy();
      /** @type {Seen} */ (entry).status = 504;
      res.writeHead(504, { 'Content-Type': 'text/html' }).end('<h1>504 Gateway Time-out</h1>');
    }, faults.pollMs) : undefined;
    ask.on('response', (answer) => {
      clearTimeout(late);
      if (entry) entry.status = answer.statusCode;
      if (poll && faults.drops) return swallow(answer, res, faults.drops);
      if (faults.gzip && answer.headers['content-type']?.startsWith('text/event-stream')) return squeeze(answer, res);
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      res.flushHeaders();
      answer.pipe(res);
      answer.on('error', () => res.destroy());
    });
    ask.on('error', () => { if (!res.writableEnded) res.destroy(); });
    res.on('close', () => { clearTimeout(late); ask.destroy(); });
    req.pipe(ask);
  });
  inner.on('upgrade', (req, client) => {
    const entry = note('websocket', req);
    if (faults.websocket === 'refused') {
      entry.status = 400;
      return client.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    }
    if (faults.websocket !== 'hung') tunnel(req, client, entry);
  });
  inner.listen(0, '127.0.0.1');
  await once(inner, 'listening');

  /** @param {Seen['kind']} kind @param {http.IncomingMessage} req */
  function note(kind, req) {
    const wait = Number(new URL(req.url ?? '', target).searchParams.get('wait') ?? 0);
    /** @type {Seen} */ const entry = { kind, wait, parts: 0 };
    seen.push(entry);
    return entry;
  }
  /** @param {http.IncomingMessage} answer @param {http.ServerResponse} res @param {(text: string) => boolean} drops */
  async function swallow(answer, res, drops) {
    const parts = [];
    try { for await (const part of answer) parts.push(part); } catch { return res.destroy(); }
    const whole = Buffer.concat(parts);
    if (drops(whole.toString())) return res.destroy();
    res.writeHead(answer.statusCode ?? 502, answer.headers).end(whole);
  }
  /** @param {http.IncomingMessage} answer @param {http.ServerResponse} res */
  function squeeze(answer, res) {
    res.writeHead(answer.statusCode ?? 502, { ...answer.headers, 'content-encoding': 'gzip' });
    res.flushHeaders(); // the stream opens, and that is all that is said
    const gzip = zlib.createGzip();
    gzip.pipe(res);
    answer.on('data', (part) => {
      gzip.write(part);
      if (faults.gzip === 'flushed') gzip.flush(zlib.constants.Z_SYNC_FLUSH);
    });
    answer.on('end', () => gzip.end());
    answer.on('error', () => res.destroy());
  }
  /** @param {http.IncomingMessage} req @param {import('node:stream').Duplex} client @param {Seen} entry */
  function tunnel(req, client, entry) {
    const server = net.connect(Number(port), hostname, () => {
      const lines = req.rawHeaders.map((text, n) => n % 2 ? `${text}\r\n` : `${text}: `).join('');
      server.write(`${req.method} ${req.url} HTTP/1.1\r\n${lines}\r\n`);
      client.pipe(server);
    });
    const end = () => { tunnels.delete(leave); server.destroy(); client.destroy(); };
    const leave = () => { client.end(SERVICE_RESTART); server.destroy(); };
    tunnels.add(leave);
    for (const side of [server, client]) side.on('error', end).on('close', end);
    let head = Buffer.alloc(0);
    server.on('data', (part) => {
      if (!entry.status) {
        head = Buffer.concat([head, part]);
        const at = head.indexOf('\r\n\r\n') + 4;
        if (at < 4) return;
        entry.status = Number(head.toString('latin1', 9, 12));
        client.write(head.subarray(0, at));
        part = head.subarray(at);
        if (faults.websocket?.includes('killed')) setTimeout(end, KILLED_AFTER_MS);
      }
      if (part.length) entry.parts++;
      if (!faults.websocket?.includes('mute')) client.write(part);
    });
  }

  /** @type {Set<{ client: net.Socket, inside: net.Socket, dead: boolean }>} */
  const wires = new Set();
  const outer = net.createServer((client) => {
    const inside = net.connect(/** @type {net.AddressInfo} */ (inner.address()).port, '127.0.0.1');
    const wire = { client, inside, dead: false };
    wires.add(wire);
    /** @type {NodeJS.Timeout | undefined} */
    let idle;
    const alive = () => {
      clearTimeout(idle);
      if (faults.idleMs) idle = setTimeout(close, faults.idleMs);
    };
    function close() {
      clearTimeout(idle);
      if (!wire.dead) client.destroy(); // of a dead wire nobody hears anything, not even its end
      inside.destroy();
    }
    client.on('data', (part) => { alive(); if (!wire.dead) inside.write(part); });
    inside.on('data', (part) => { alive(); if (!wire.dead) client.write(part); });
    client.on('close', () => { wires.delete(wire); clearTimeout(idle); inside.destroy(); }).on('error', () => {});
    inside.on('close', close).on('error', () => {});
    alive();
  });
  outer.listen(0, '127.0.0.1');
  await once(outer, 'listening');

  return {
    url: `http://127.0.0.1:${/** @type {net.AddressInfo} */ (outer.address()).port}`,
    faults,
    seen,
    /** Closes every WebSocket as a server does that leaves while others stay. */
    leave() { for (const close of tunnels) close(); },
    /** Resets every connection, the next may come. */
    cut() { for (const { client } of wires) client.resetAndDestroy(); },
    /** The connections of now carry nothing any more, and no end of it is told; the next may come. */
    deaden() { for (const wire of wires) wire.dead = true; },
    stop() {
      outer.close();
      inner.close();
      for (const { client, inside } of wires) { client.destroy(); inside.destroy(); }
      inner.closeAllConnections();
    },
  };
}

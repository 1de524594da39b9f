// Random trouble, from a seed: whatever happens, each event is told once and in order, and when the
// trouble is over the login comes to its end.
import test from 'node:test';
import assert from 'node:assert/strict';
import { drained, hangs, problem, refused } from './fakes.mjs';
import { page } from './page.mjs';

const STORMS = 100;
const STEPS = 40;

/** @param {number} seed @returns {() => number} 0 ≤ n < 1 (mulberry32) */
function dice(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Storm {
  /** Streams that have said hello and carry what happens. */
  #carrying = new Set();
  constructor(it, random) {
    this.it = it;
    this.random = random;
    this.happened = 1;
  }
  pick(list) { return list[Math.floor(this.random() * list.length)]; }
  get streams() { return [...this.it.sockets, ...this.it.sources].filter(({ open }) => open); }
  async hello(link) {
    await link.hello();
    this.#carrying.add(link);
  }
  async happens(type, data) {
    const fact = await this.it.server.happens(type, data);
    for (const link of this.#carrying) if (link.open) await link.brings(fact);
  }
  async beat() {
    for (const link of this.#carrying) if (link.open) await link.heartbeat();
  }
  /** Another session: its log is its own. */
  another() {
    this.happened = 1;
    return drained();
  }
  /** What was told of the session that is under way. */
  get ids() {
    const { heard } = this.it;
    const last = heard.findLastIndex(([type]) => type === 'session');
    return heard.slice(last).filter(([type]) => type === 'event').map(([, { id }]) => id);
  }
  async step() {
    const { it } = this, link = this.pick(this.streams);
    it.random = this.random();
    await this.pick([
      () => link && this.hello(link),
      () => link && this.hello(link),
      () => link?.opens(),
      () => link?.dies(),
      () => link?.dies(this.pick([1006, 1011, 1012, 1013, 4429, 4503])),
      () => this.#carrying.delete(link), // from now on it swallows everything
      () => this.beat(),
      () => { this.happened++; return this.happens('message', {}); },
      () => it.server.every('events', this.pick([undefined, refused, problem(502), problem(504), hangs])),
      () => it.server.every('events'),
      () => it.poll?.cut(),
      () => it.shown(),
      () => it.online(),
      () => it.told('offline'),
      () => this.another(it.login.refresh()),
      async () => this.another(this.it = await it.reload()),
      () => it.clock.sleep(this.random() * 100_000),
      () => it.advance(this.random() * 100),
      () => it.advance(this.random() * 1000),
      () => it.advance(this.random() * 5000),
      () => it.advance(this.random() * 60_000),
    ])();
    const { ways } = this.it;
    assert.equal(new Set(ways).size, ways.length, `two of a kind: ${ways}`);
    const asking = this.it.poll?.open && this.it.poll.query.wait === '0'; // the old way is named until the answer
    const { transport } = this.it.login;
    if (transport && !asking) assert.ok(ways.includes(transport), `${transport} serves, of ${ways}`);
  }
  /** The server is well from now on; what does not pass here is silent for ever. */
  async calm() {
    const passes = this.pick([['sockets', 'sources'], ['sockets'], ['sources'], []]);
    this.it.server.every('events');
    // Long enough for what was demoted to be probed again.
    for (let n = 0; n < 260; n++) {
      for (const way of passes) {
        for (const link of this.it[way]) if (link.open && !this.#carrying.has(link)) await this.hello(link);
      }
      await this.beat();
      await this.it.advance(n < 200 ? 500 : 12_000);
    }
  }
}

test(`${STORMS} storms`, async () => {
  for (let seed = 1; seed <= STORMS; seed++) {
    const random = dice(seed);
    const first = page();
    first.server.lifetime = 100_000;
    await first.start();
    const storm = new Storm(first, random);
    try {
      for (let n = 0; n < STEPS; n++) await storm.step();
      await storm.calm();
      const { it } = storm;
      assert.equal(it.ways.at(-1), it.login.transport, 'one serves, and nothing worse is open');
      for (const report of it.reports) {
        assert.match(report, /^(websocket|sse) (not_opened|no_hello|died|stalled|remembered)$/);
      }
      await storm.happens('confirmed', { ticket: 't' });
      assert.deepEqual(storm.ids, Array.from({ length: storm.happened + 1 }, (_, n) => n + 1));
      assert.equal(it.login.state, 'confirmed');
      await it.isOver();
    } catch (cause) {
      throw new Error(`storm ${seed}`, { cause });
    }
  }
});

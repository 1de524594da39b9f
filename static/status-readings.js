// What the server counts, read again and again: what it is now, and what it came to in the last minutes.

/** So long is remembered, in milliseconds. */
const REMEMBERED_MS = 15 * 60_000;
/** Nothing of these is drawn, and they are many. */
const LEFT_OUT = /^(saoma_http_request_duration_seconds|.*_(sum|created)$)/;

/**
 * A line of Prometheus' text format: its name, its labels as they stand, its value.
 * @param {string} line
 */
function sample(line) {
  const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([+-]?(?:Inf|NaN|[\d.]\S*))/.exec(line);
  return found && { name: found[1], labels: found[2] ?? '', value: Number(found[3].replace(/^([+-])?Inf$/, '$1Infinity')) };
}

/** @param {string} text */
function labelsOf(text) {
  /** @type {Record<string, string>} */ const labels = {};
  for (const [, name, value] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value.replace(/\\n/g, '\n').replace(/\\(["\\])/g, '$1');
  return labels;
}

/**
 * @typedef {{ at: number, labels: Record<string, string> }} Series where its value stands in each reading
 * @typedef {Record<string, string | RegExp>} Wanted
 */

/** @param {Record<string, string>} labels @param {Wanted} wanted */
const fits = (labels, wanted) => Object.entries(wanted).every(([name, want]) => (want instanceof RegExp ? want.test(labels[name] ?? '') : labels[name] === want));

export class Readings {
  /** @type {Map<string, Map<string, Series>>} by name, then by labels */
  #series = new Map();
  #count = 0;
  /** @type {{ time: number, values: number[] }[]} the oldest first */
  #all = [];

  /** A reading was taken. @param {string} text @param {number} time in milliseconds */
  add(text, time) {
    const values = Array(this.#count);
    for (const line of text.split('\n')) {
      const read = line && line[0] !== '#' ? sample(line) : undefined;
      if (!read || LEFT_OUT.test(read.name)) continue;
      let named = this.#series.get(read.name);
      if (!named) this.#series.set(read.name, named = new Map());
      let series = named.get(read.labels);
      if (!series) named.set(read.labels, series = { at: this.#count++, labels: labelsOf(read.labels) });
      values[series.at] = read.value;
    }
    this.#all.push({ time, values });
    while (this.#all[0].time < time - REMEMBERED_MS) this.#all.shift();
  }

  /** The series of a metric that fit and are told of now. @param {string} name @param {Wanted} [wanted] */
  #of(name, wanted = {}) {
    const now = this.#all.at(-1)?.values ?? [];
    return [...this.#series.get(name)?.values() ?? []].filter(({ at, labels }) => now[at] !== undefined && fits(labels, wanted));
  }

  /** Whether the server tells of it at all. @param {string} name @param {Wanted} [wanted] */
  has(name, wanted) {
    return this.#of(name, wanted).length > 0;
  }

  /** What a label can be. @param {string} name @param {string} label @param {Wanted} [wanted] */
  values(name, label, wanted) {
    return [...new Set(this.#of(name, wanted).map(({ labels }) => labels[label]))];
  }

  /** The sum of what it is now. @param {string} name @param {Wanted} [wanted] */
  now(name, wanted) {
    const { values } = this.#all.at(-1) ?? { values: [] };
    return this.#of(name, wanted).reduce((sum, { at }) => sum + values[at], 0);
  }

  /** The reading that a time began with: the last one that is as old, or the first of all. @param {number} seconds */
  #begin(seconds) {
    const last = this.#all.at(-1);
    const bound = (last?.time ?? 0) - 1000 * seconds;
    return this.#all.findLast(({ time }) => time <= bound) ?? this.#all[0];
  }

  /** How long that time really is: no longer than the page has been open. @param {number} seconds */
  span(seconds) {
    return ((this.#all.at(-1)?.time ?? 0) - (this.#begin(seconds)?.time ?? 0)) / 1000;
  }

  /** By how much a counter grew; one that fell has begun anew with its server. @param {string} name @param {number} seconds @param {Wanted} [wanted] */
  grew(name, seconds, wanted) {
    const [before, { values }] = [this.#begin(seconds)?.values ?? [], this.#all.at(-1) ?? { values: [] }];
    return this.#of(name, wanted).reduce((sum, { at }) => sum + (values[at] >= (before[at] ?? 0) ? values[at] - (before[at] ?? 0) : values[at]), 0);
  }

  /** A quantile of what a histogram took in; not a number if that is nothing. @param {string} histogram @param {number} q @param {number} seconds @param {Wanted} [wanted] */
  quantile(histogram, q, seconds, wanted = {}) {
    const bounds = this.values(`${histogram}_bucket`, 'le').map((le) => ({ le, bound: le === '+Inf' ? Infinity : Number(le) })).sort((a, b) => a.bound - b.bound);
    const counts = bounds.map(({ le }) => this.grew(`${histogram}_bucket`, seconds, { ...wanted, le }));
    const rank = q * (counts.at(-1) ?? 0);
    if (!(rank > 0)) return NaN;
    const found = counts.findIndex((count) => count >= rank);
    const [low, high] = [found ? bounds[found - 1].bound : 0, bounds[found].bound];
    if (high === Infinity) return low;
    const under = found ? counts[found - 1] : 0;
    return low + (high - low) * (rank - under) / (counts[found] - under);
  }
}

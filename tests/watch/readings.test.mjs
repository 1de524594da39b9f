// What the status page makes of the metrics: how much a counter grew, over which time, and how long most waited.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Readings } from '../../static/status-readings.js';

const MINUTE = 60_000;

/** Readings that were taken a minute apart. @param {...string} texts */
function read(...texts) {
  const readings = new Readings();
  texts.forEach((text, n) => readings.add(text, n * MINUTE));
  return readings;
}

test('a line is a name, labels and a value, and comments are none', () => {
  const readings = read('# TYPE a gauge\na{x="1",y="say \\"hi\\", {you}\\n"} 2.5e+01\nb 3\nc +Inf\nd{x="} "} NaN\n\nno line\n');
  assert.equal(readings.now('a', { x: '1' }), 25);
  assert.deepEqual(readings.values('a', 'y'), ['say "hi", {you}\n']);
  assert.equal(readings.now('b'), 3);
  assert.equal(readings.now('c'), Infinity);
  assert.ok(Number.isNaN(readings.now('d')));
  assert.equal(readings.has('no'), false);
});

test('what is asked for is the sum of the series that fit', () => {
  const readings = read('a{x="1",y="p"} 1\na{x="2",y="p"} 2\na{x="3",y="q"} 4\n');
  assert.equal(readings.now('a'), 7);
  assert.equal(readings.now('a', { y: 'p' }), 3);
  assert.equal(readings.now('a', { x: /^[13]$/ }), 5);
  assert.equal(readings.now('a', { z: 'p' }), 0);
  assert.deepEqual(readings.values('a', 'x', { y: 'p' }), ['1', '2']);
});

test('a counter grew since the reading that is as old as the time asked for', () => {
  const readings = read('a 1\n', 'a 3\n', 'a 10\n');
  assert.equal(readings.grew('a', 60), 7);
  assert.equal(readings.grew('a', 61), 9);
  assert.equal(readings.span(60), 60);
});

test('a page that was opened just now knows of no longer time', () => {
  const readings = read('a 1\n', 'a 3\n');
  assert.equal(readings.grew('a', 3600), 2);
  assert.equal(readings.span(3600), 60);
  assert.equal(read('a 5\n').grew('a', 60), 0);
  assert.equal(new Readings().grew('a', 60), 0);
});

test('a counter that begins anew, or is new, grew from nothing', () => {
  assert.equal(read('a 100\n', 'a 4\n').grew('a', 60), 4);
  assert.equal(read('b 1\n', 'a 4\nb 1\n').grew('a', 60), 4);
});

test('what the server tells of no more is not there', () => {
  const readings = read('a{x="1"} 1\na{x="2"} 1\n', 'a{x="1"} 2\n');
  assert.equal(readings.now('a'), 2);
  assert.equal(readings.has('a', { x: '2' }), false);
  assert.deepEqual(readings.values('a', 'x'), ['1']);
});

test('a quarter of an hour is remembered', () => {
  const readings = read(...Array.from({ length: 30 }, (_, n) => `a ${n}\n`));
  assert.equal(readings.span(3600), 15 * 60);
  assert.equal(readings.grew('a', 3600), 15);
});

/** A histogram: so many up to each bound. @param {Record<string, number>} counts */
const histogram = (counts) => Object.entries(counts).map(([le, count]) => `h_bucket{le="${le}"} ${count}\n`).join('');

test('a quantile lies between the bounds, as Prometheus reckons it', () => {
  const none = histogram({ 0.1: 0, 1: 0, '+Inf': 0 });
  const some = read(none, histogram({ 0.1: 50, 1: 100, '+Inf': 100 }));
  assert.equal(some.quantile('h', 0.5, 60), 0.1);
  assert.equal(some.quantile('h', 0.75, 60), 0.55);
  assert.equal(some.quantile('h', 0.25, 60), 0.05);
  assert.ok(Number.isNaN(read(none, none).quantile('h', 0.5, 60)), 'of nothing there is none');
});

test('beyond the last bound nobody knows how long it was: the bound is told', () => {
  const readings = read(histogram({ 1: 0, '+Inf': 0 }), histogram({ 1: 1, '+Inf': 100 }));
  assert.equal(readings.quantile('h', 0.99, 60), 1);
});

test('a quantile is of the time asked for alone', () => {
  const readings = read(histogram({ 1: 0, 2: 0, '+Inf': 0 }), histogram({ 1: 1000, 2: 1000, '+Inf': 1000 }), histogram({ 1: 1000, 2: 1010, '+Inf': 1010 }));
  assert.equal(readings.quantile('h', 0.5, 60), 1.5);
});

// The rules as Prometheus takes them: each alert fires over its bound and not near it, and has its section in the runbook.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promtool } from './prometheus.mjs';

const home = new URL('../../grafana/prometheus/', import.meta.url);
/** @param {string} folder */
const files = (folder) => readdirSync(new URL(folder, home)).map((name) => fileURLToPath(new URL(`${folder}${name}`, home)));
const read = (/** @type {string[]} */ names) => names.map((name) => readFileSync(name, 'utf8')).join('\n');
const RULES = files('rules/');
const TESTS = files('tests/');
const alerts = [...read(RULES).matchAll(/- alert: (\w+)\n([\s\S]*?)(?=\n\s*- (?:alert|name|record):|$)/g)].map(([, name, text]) => ({ name, text }));

test('Prometheus takes the settings and the rules, and its linter finds nothing', async () => {
  await promtool('check', 'rules', '--lint=all', '--lint-fatal', ...RULES);
  await promtool('check', 'config', fileURLToPath(new URL('prometheus.yml', home)));
});

test('each alert is silent near its bound and fires over it', async () => {
  await Promise.all(TESTS.map((file) => promtool('test', 'rules', file)));
  const told = read(TESTS);
  for (const { name } of alerts) {
    for (const [what, samples] of [['is silent', '\\[\\]'], ['fires', '\\[\\{.*value: \\d+ \\}\\]']]) {
      assert.match(told, new RegExp(`alertname="${name}",alertstate="firing".*exp_samples: ${samples} \\}`), `no test says when ${name} ${what}`);
    }
  }
});

test('each alert says what it is, how bad it is and what to do', () => {
  assert.ok(alerts.length > 30, `${alerts.length} alerts`);
  const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
  const sections = [...runbook.matchAll(/^### (\w+)\n([\s\S]*?)(?=\n##|$(?![\s\S]))/gm)];
  for (const { name, text } of alerts) {
    assert.match(name, /^Saoma([A-Z][a-z]+)+$/);
    assert.match(text, /severity: (critical|warning)\n/, name);
    for (const annotation of ['summary', 'description']) assert.match(text, new RegExp(`^ +${annotation}: \\S`, 'm'), `${name}: ${annotation}`);
    assert.ok(text.includes(`runbook_url: docs/runbook.md#${name.toLowerCase()}`), `${name}: runbook_url`);
    const section = sections.find(([, title]) => title === name)?.[2] ?? '';
    assert.match(section, /- \*(Look at|Do)\*/, `docs/runbook.md does not say what to do about ${name}`);
  }
  const known = new Set(alerts.map(({ name }) => name));
  assert.deepEqual(sections.map(([, title]) => title).filter((title) => !known.has(title)), [], 'the runbook has alerts that are none');
});

test('recorded series are named level:metric:operations', () => {
  const names = [...read(RULES).matchAll(/- record: (\S+)/g)].map(([, name]) => name);
  assert.ok(names.length > 20);
  for (const name of names) assert.match(name, /^[a-z_]+:saoma_[a-z_]+:[a-z_]+\d+[mhd]$/);
});

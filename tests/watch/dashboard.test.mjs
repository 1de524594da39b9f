// The dashboard as it is committed: made by its script, with nothing that Grafana's linter would find.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from '../../grafana/generate/dashboard.mjs';
import { expanded, lint, panelsOf, selectorsOf } from './lint.mjs';
import { promtool } from './prometheus.mjs';

const committed = () => readFile(new URL('../../grafana/dashboards/saoma.json', import.meta.url), 'utf8');
const dashboard = () => JSON.parse(text);

test('the committed dashboard is what the script prints', async () => {
  assert.ok(await committed() === text, 'it is old: node grafana/generate/dashboard.mjs > grafana/dashboards/saoma.json');
});

test("Grafana's linter finds nothing", () => {
  assert.deepEqual(lint(dashboard()), []);
});

test('what the linter would find is found', () => {
  const first = (/** @type {any} */ it) => panelsOf(it)[0];
  const variable = (/** @type {any} */ it, /** @type {string} */ name) => it.templating.list.find((/** @type {any} */ one) => one.name === name);
  const expr = (/** @type {string} */ says) => (/** @type {any} */ it) => { first(it).targets[0].expr = says; };
  const ours = 'job=~"$job",instance=~"$instance"';
  for (const [rule, breaks] of /** @type {[string, (it: any) => void][]} */ ([
    ['uneditable-dashboard', (it) => { it.editable = true; }],
    ['template-datasource-rule', (it) => { variable(it, 'datasource').name = 'ds'; }],
    ['template-job-rule', (it) => { variable(it, 'job').allValue = '.*'; }],
    ['template-instance-rule', (it) => { variable(it, 'instance').multi = false; }],
    ['template-on-time-change-reload-rule', (it) => { variable(it, 'job').refresh = 1; }],
    ['template-label-promql-rule', (it) => { variable(it, 'job').query.query = 'saoma_build_info'; }],
    ['panel-title-description-rule', (it) => { first(it).description = ''; }],
    ['panel-datasource-rule', (it) => { first(it).datasource.uid = 'prometheus'; }],
    ['panel-units-rule', (it) => { first(it).fieldConfig.defaults.unit = 'furlong'; }],
    ['panel-no-targets-rule', (it) => { first(it).targets = []; }],
    ['target-job-rule', expr('saoma_ready{instance=~"$instance"}')],
    ['target-instance-rule', expr(`saoma_ready{${ours}} + saoma_ready{job=~"$job"}`)],
    ['target-rate-interval-rule', expr(`rate(saoma_tickets_total{${ours}}[5m])`)],
    ['target-counter-agg-rule', expr(`sum(saoma_tickets_total{${ours}})`)],
    ['target-counter-agg-rule', expr(`max_over_time(saoma_tickets_total{${ours}}[$__rate_interval])`)],
    ['target-promql-rule', expr('vector(1)')],
  ])) {
    const broken = dashboard();
    breaks(broken);
    const found = lint(broken);
    assert.ok(found.length && found.every((it) => it.startsWith(`${rule}:`)), `${rule}: ${found}`);
  }
});

test('a selector is told from what only looks like one', () => {
  const metrics = (/** @type {string} */ expr) => selectorsOf(expr).map(({ text: found }) => found);
  assert.deepEqual(metrics('sum by (up) (up{route="/v1/{id}",x="saoma_ready"}) / on (process_x) saoma_ready[5m]'), ['up{route="/v1/{id}",x="saoma_ready"}', 'saoma_ready[5m]']);
});

test('every query is PromQL', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'saoma-watch-'));
  t.after(() => rm(folder, { recursive: true }));
  const rules = panelsOf(dashboard()).flatMap(({ id, targets = [] }) => targets.map((/** @type {any} */ { expr, refId }) => ({ record: `panel:p${id}:${refId}`, expr: expanded(expr) })));
  assert.ok(rules.length > 80, `${rules.length} queries`);
  const file = join(folder, 'queries.yaml');
  await writeFile(file, JSON.stringify({ groups: [{ name: 'queries', rules }] })); // YAML is JSON, too
  await promtool('check', 'rules', file);
});

test('the first screen fits on a screen, and nothing stands on something else', () => {
  const { panels } = dashboard();
  const rows = panels.filter((/** @type {any} */ { type }) => type === 'row');
  assert.ok(rows[1].gridPos.y <= 20, 'a screen has about twenty lines of the grid');
  for (const group of [panels, ...rows.map((/** @type {any} */ row) => row.panels)]) {
    const taken = new Map();
    for (const { title, gridPos: { x, y, w, h } } of group) {
      assert.ok(x + w <= 24, title);
      for (let at = 0; at < w * h; at++) {
        const place = `${x + at % w} ${y + Math.floor(at / w)}`;
        assert.ok(!taken.has(place), `${title} stands on ${taken.get(place)}`);
        taken.set(place, title);
      }
    }
  }
});

// The rules of Grafana's dashboard linter (grafana/dashboard-linter, commit 4d0844b), in our words: what it finds in a dashboard. Where it
// looks at some kinds of panel only, all are looked at here; an alert list asks nothing, so it is let off.

/** What Grafana puts in the place of its own variables, when only the form of a query matters. */
const RATE_INTERVAL = '8869990787ms';
/** The units that we use, of those that Grafana has. */
const UNITS = ['short', 'none', 'percentunit', 's', 'bytes', 'reqps', 'ops'];
const DATASOURCES = ['$datasource', '${datasource}'];
const QUOTED = /"(?:[^"\\]|\\.)*"/g;
/** A metric and its selector, if it has one, and its range. Names of functions and labels are told from metrics by how ours begin. */
const SELECTOR = /\b((?:saoma_|process_)\w+|up\b|ALERTS\b)(\{(?:"(?:[^"\\]|\\.)*"|[^"}])*\})?(\[[^\]]*\])?/g;

/** Every panel, those of closed rows as well. @param {any} dashboard */
export const panelsOf = ({ panels }) => panels.flatMap((/** @type {any} */ panel) => [panel, ...panel.panels ?? []]).filter((/** @type {any} */ { type }) => type !== 'row');

/** Every selector of a query: its metric, its matchers, its range, and where it stands. @param {string} expr */
export const selectorsOf = (expr) => [...expr.matchAll(SELECTOR)]
  .filter(({ index }) => !inQuotes(expr, index) && !inGrouping(expr, index))
  .map(({ 0: text, 1: metric, 2: matchers = '', 3: range = '', index }) => ({ text, metric, matchers, range, before: expr.slice(0, index) }));

/** @param {string} expr @param {number} at */
const inQuotes = (expr, at) => [...expr.matchAll(QUOTED)].some(({ index, 0: text }) => index < at && at < index + text.length);
/** Labels stand in brackets behind these words. @param {string} expr @param {number} at */
const inGrouping = (expr, at) => /\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*$/.test(expr.slice(0, at));

/** @param {any} dashboard @returns {string[]} */
export function lint(dashboard) {
  /** @type {string[]} */ const found = [];
  const rule = (/** @type {boolean} */ kept, /** @type {string} */ says) => { if (!kept) found.push(says); };

  rule(dashboard.editable === false, 'uneditable-dashboard: is editable');
  const variables = dashboard.templating.list;
  const [datasource, ...more] = variables.filter((/** @type {any} */ { type }) => type === 'datasource');
  rule(datasource?.name === 'datasource' && datasource.label === 'Data source' && datasource.query === 'prometheus' && !more.length, 'template-datasource-rule: no single data source');
  for (const [name, label] of [['job', 'Job'], ['instance', 'Instance'], ['namespace', 'Namespace']]) {
    const it = variables.find((/** @type {any} */ variable) => variable.name === name);
    rule(it?.type === 'query' && it.label === label && it.multi === true && it.includeAll === true && it.allValue === '.+' && DATASOURCES.includes(it.datasource?.uid), `template-${name}-rule: ${JSON.stringify(it)}`);
  }
  for (const { name, query, refresh } of variables.filter((/** @type {any} */ { type }) => type === 'query')) {
    rule(refresh === 2, `template-on-time-change-reload-rule: ${name} is not read again when the time changes`);
    rule(/^label_values\(.+, \w+\)$/.test(query.query), `template-label-promql-rule: ${name}: ${query.query}`);
  }

  const ids = new Set();
  for (const panel of panelsOf(dashboard)) {
    const { title, description, targets, type } = panel;
    const of = `${title || `panel ${panel.id}`}`;
    rule(!ids.has(panel.id) && ids.add(panel.id), `${of}: its id is another's, too`);
    rule(Boolean(title && description), `panel-title-description-rule: ${of}`);
    if (type === 'alertlist') continue;
    rule(DATASOURCES.includes(panel.datasource?.uid), `panel-datasource-rule: ${of}`);
    rule(UNITS.includes(panel.fieldConfig?.defaults?.unit), `panel-units-rule: ${of}: ${panel.fieldConfig?.defaults?.unit}`);
    rule(targets?.length > 0, `panel-no-targets-rule: ${of}`);
    for (const { expr, datasource: asked } of targets ?? []) {
      rule(DATASOURCES.includes(asked?.uid), `panel-datasource-rule: ${of}: ${expr}`);
      const selectors = selectorsOf(expr);
      rule(selectors.length > 0, `target-promql-rule: ${of}: ${expr}`);
      for (const { text, metric, matchers, range, before } of selectors) {
        for (const label of ['job', 'instance']) rule(matchers.includes(`${label}=~"$${label}"`), `target-${label}-rule: ${of}: ${text}`);
        const [, call] = /(\w+)\($/.exec(before) ?? [];
        rule(!/^i?rate$/.test(call ?? '') || range === '[$__rate_interval]', `target-rate-interval-rule: ${of}: ${text}`);
        rule(!metric.endsWith('_total') || (range !== '' && /^(rate|irate|increase)$/.test(call ?? '')), `target-counter-agg-rule: ${of}: ${text}`);
      }
    }
  }
  return found;
}

/** A query as Prometheus is asked it. @param {string} expr @param {{ rate?: string, range?: string }} [times] */
export const expanded = (expr, { rate = RATE_INTERVAL, range = RATE_INTERVAL } = {}) => expr
  .replaceAll('$__rate_interval', rate).replaceAll('$__range', range).replace(/"\$(job|instance|namespace)"/g, '".+"');

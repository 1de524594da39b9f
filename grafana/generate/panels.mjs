// How a panel of each kind is written down for Grafana, and how panels find their places.

export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
/** Grafana's grid is so wide. */
const COLUMNS = 24;

/**
 * @typedef {{ expr: string, legend?: string, instant?: boolean, table?: boolean }} Query
 * @typedef {{ w?: number, h?: number, min?: number, max?: number, unit?: string, noValue?: string, thresholds?: Step[], mappings?: Record<string, [string, string]>, [more: string]: any }} Choices
 * @typedef {[from: number | null, color: string]} Step
 */

/** Colours from a value on: the first step has none. @param {Step[]} steps */
const thresholds = (steps) => ({ mode: 'absolute', steps: steps.map(([value, color]) => ({ color, value })) });

/** Words for values. @param {Record<string, [string, string]>} words */
const mappings = (words) => [{
  type: 'value',
  options: Object.fromEntries(Object.entries(words).map(([value, [text, color]], index) => [value, { text, color, index }])),
}];

/** @param {Query[]} queries @param {boolean} now whether only the present is asked for */
const targets = (queries, now) => queries.map(({ expr, legend, instant = now, table }, n) => ({
  datasource: DATASOURCE,
  editorMode: 'code',
  expr: expr.trim().replace(/\s+/g, ' '),
  legendFormat: legend ?? '__auto',
  range: !instant,
  instant,
  ...(table ? { format: 'table' } : {}),
  refId: String.fromCharCode(65 + n),
}));

/** @param {string} type @param {string} title @param {string} description @param {Query | Query[]} queries @param {Choices} choices */
function panel(type, title, description, queries, { w = 8, h = 8, unit, min, max, noValue, thresholds: steps, mappings: words, custom, overrides = [], options, now = false }) {
  return {
    type, title, description,
    datasource: DATASOURCE,
    gridPos: { w, h },
    fieldConfig: {
      defaults: {
        unit,
        ...(min === undefined ? {} : { min }),
        ...(max === undefined ? {} : { max }),
        ...(noValue ? { noValue } : {}),
        ...(custom ? { custom } : {}),
        ...(words ? { mappings: mappings(words) } : {}),
        color: { mode: steps ? 'thresholds' : 'palette-classic' },
        thresholds: thresholds(steps ?? [[null, 'green']]),
      },
      overrides,
    },
    options,
    targets: targets([queries].flat(), now),
  };
}

/** One number that is read at a glance. @param {string} title @param {string} description @param {string} unit @param {Query | Query[]} queries @param {Choices} [choices] */
export const stat = (title, description, unit, queries, choices = {}) => panel('stat', title, description, queries, {
  w: 3, h: 4, unit, thresholds: [[null, 'green']],
  options: {
    colorMode: choices.mappings ? 'background' : 'value', graphMode: choices.graph ?? 'area', justifyMode: 'auto', orientation: 'auto',
    textMode: Array.isArray(queries) ? 'value_and_name' : 'auto', wideLayout: true,
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  },
  ...choices,
});

/** Lines over time. @param {string} title @param {string} description @param {string} unit @param {Query | Query[]} queries @param {Choices} [choices] */
export const lines = (title, description, unit, queries, { stacked = false, limit, ...choices } = {}) => panel('timeseries', title, description, queries, {
  unit, min: 0,
  custom: {
    drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: stacked ? 30 : 8, gradientMode: 'none',
    showPoints: 'never', spanNulls: false, insertNulls: false, axisPlacement: 'auto', axisLabel: '', axisColorMode: 'text', axisBorderShow: false,
    scaleDistribution: { type: 'linear' }, barAlignment: 0, pointSize: 5,
    stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
    hideFrom: { legend: false, tooltip: false, viz: false },
    // A bound that is an objective or a limit is drawn.
    thresholdsStyle: { mode: limit === undefined ? 'off' : 'dashed' },
  },
  options: {
    legend: { calcs: ['lastNotNull', 'max'], displayMode: 'table', placement: 'bottom', showLegend: true },
    tooltip: { mode: 'multi', sort: 'desc', hideZeros: false },
  },
  ...choices,
  ...(limit === undefined ? {} : { thresholds: [[null, 'green'], [limit, 'red']] }),
});

/** States over time, a line for each. @param {string} title @param {string} description @param {Query | Query[]} queries @param {Choices} choices */
export const states = (title, description, queries, choices) => panel('state-timeline', title, description, queries, {
  unit: 'short',
  custom: { fillOpacity: 80, lineWidth: 0, hideFrom: { legend: false, tooltip: false, viz: false } },
  options: {
    alignValue: 'left', mergeValues: true, rowHeight: 0.85, showValue: 'auto',
    legend: { displayMode: 'list', placement: 'bottom', showLegend: true },
    tooltip: { mode: 'single', sort: 'none' },
  },
  ...choices,
});

/** Bars that are compared. @param {string} title @param {string} description @param {string} unit @param {Query | Query[]} queries @param {Choices} [choices] */
export const bars = (title, description, unit, queries, choices = {}) => panel('bargauge', title, description, queries, {
  unit, min: 0, now: true,
  options: {
    displayMode: 'gradient', orientation: 'horizontal', showUnfilled: true, valueMode: 'color', sizing: 'auto', namePlacement: 'auto',
    minVizHeight: 16, minVizWidth: 8, maxVizHeight: 48,
    legend: { calcs: [], displayMode: 'list', placement: 'bottom', showLegend: false },
    reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  },
  ...choices,
});

/** A table of what is so now; columns are named, or left out. @param {string} title @param {string} description @param {string} unit @param {Query} query @param {Choices} choices */
export const table = (title, description, unit, query, { columns = {}, hidden = [], ...choices }) => ({
  ...panel('table', title, description, { ...query, table: true }, {
    unit, now: true,
    custom: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false },
    options: { cellHeight: 'sm', showHeader: true, footer: { show: false, reducer: ['sum'], countRows: false, fields: '' } },
    ...choices,
  }),
  transformations: [{
    id: 'organize',
    options: { excludeByName: Object.fromEntries(hidden.map((/** @type {string} */ name) => [name, true])), indexByName: {}, renameByName: columns },
  }],
});

/** What alerts say, of whichever source. They are asked for by Grafana itself, so it has no query. @param {Choices} place */
export const alerts = ({ w, h }) => ({
  type: 'alertlist',
  title: 'Alerts',
  description: 'Alerts of Saoma that fire or are about to, with those of Prometheus. docs/runbook.md says what to do about each.',
  gridPos: { w, h },
  options: {
    viewMode: 'list', groupMode: 'default', groupBy: [], maxItems: 20, sortOrder: 3, dashboardAlerts: false,
    alertName: 'Saoma', alertInstanceLabelFilter: '', datasource: '', folder: null, showInstances: false, showInactiveAlerts: false,
    stateFilter: { firing: true, pending: true, recovering: true, noData: false, normal: false, error: true },
  },
});

/** Rows one below the other; the panels of each go from left to right, line by line. @param {{ title: string, panels: any[], collapsed?: boolean }[]} rows */
export function arranged(rows) {
  let id = 0;
  let y = 0;
  return rows.flatMap(({ title, panels, collapsed = false }) => {
    const row = { type: 'row', id: ++id, title, collapsed, gridPos: { x: 0, y, w: COLUMNS, h: 1 } };
    let bottom = y + 1;
    /** How far down each column is taken. */
    const taken = Array(COLUMNS).fill(bottom);
    const placed = panels.map((panel) => {
      const { w, h } = panel.gridPos;
      const tops = Array.from({ length: COLUMNS - w + 1 }, (_, x) => Math.max(...taken.slice(x, x + w)));
      const top = Math.min(...tops);
      const x = tops.indexOf(top);
      taken.fill(top + h, x, x + w);
      bottom = Math.max(bottom, top + h);
      return { ...panel, id: ++id, gridPos: { x, y: top, w, h } };
    });
    // What is in a closed row takes no place of its own.
    y = collapsed ? y + 1 : bottom;
    return collapsed ? [{ ...row, panels: placed }] : [{ ...row, panels: [] }, ...placed];
  });
}

// Prints the dashboard: node grafana/generate/dashboard.mjs > grafana/dashboards/saoma.json
import { pathToFileURL } from 'node:url';
import { pool, store, wechat } from './dependencies.mjs';
import { funnel, transports } from './logins.mjs';
import { overview } from './overview.mjs';
import { arranged, DATASOURCE } from './panels.mjs';
import { OURS, S } from './queries.mjs';
import { http, process as itself } from './service.mjs';

/** A variable whose values Prometheus knows. @param {string} name @param {string} label @param {string} query */
const variable = (name, label, query) => ({
  type: 'query', name, label, description: '',
  datasource: DATASOURCE,
  definition: query,
  query: { query, refId: `variable-${name}`, qryType: 1 },
  multi: true, includeAll: true, allValue: '.+', allowCustomValue: true,
  current: { selected: true, text: ['All'], value: ['$__all'] },
  options: [], refresh: 2, regex: '', sort: 1, hide: 0, skipUrlSync: false,
});

/** @param {string} name @param {string} iconColor @param {object} more */
const annotation = (name, iconColor, more) => ({ name, iconColor, datasource: DATASOURCE, enable: true, hide: false, ...more });

const dashboard = {
  uid: 'saoma-overview',
  id: null,
  title: 'Saoma',
  description: 'Scan to log in: are people able to log in right now, and if not, where does it break.',
  tags: ['saoma', 'login'],
  editable: false,
  fiscalYearStartMonth: 0,
  graphTooltip: 1,
  preload: false,
  refresh: '30s',
  schemaVersion: 41,
  time: { from: 'now-3h', to: 'now' },
  timepicker: {},
  timezone: 'browser',
  weekStart: '',
  links: [],
  annotations: {
    list: [
      { builtIn: 1, datasource: { type: 'grafana', uid: '-- Grafana --' }, enable: true, hide: true, iconColor: 'rgba(0, 211, 255, 1)', name: 'Annotations & Alerts', type: 'dashboard' },
      annotation('Starts', 'blue', { expr: `(process_start_time_seconds{${S}} ${OURS}) * 1000`, useValueForTime: 'on', step: '60s', titleFormat: 'Started', textFormat: '{{instance}}' }),
      annotation('Alerts', 'red', { expr: 'ALERTS{alertname=~"Saoma.+",alertstate="firing"}', step: '60s', titleFormat: '{{alertname}}', textFormat: '{{severity}}' }),
    ],
  },
  templating: {
    list: [
      { type: 'datasource', name: 'datasource', label: 'Data source', description: '', query: 'prometheus', regex: '', multi: false, includeAll: false, current: {}, options: [], refresh: 1, hide: 0, skipUrlSync: false },
      variable('job', 'Job', 'label_values(saoma_build_info, job)'),
      variable('instance', 'Instance', 'label_values(saoma_build_info{job=~"$job"}, instance)'),
      variable('namespace', 'Namespace', `label_values(saoma_session_transitions_total{${S}}, namespace)`),
    ],
  },
  panels: arranged([overview, funnel, transports, http, wechat, pool, store, itself]),
};

/** As it is committed. */
export const text = `${JSON.stringify(dashboard, null, 2)}\n`;

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.stdout.write(text);

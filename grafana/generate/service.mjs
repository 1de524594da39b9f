// The service: what is asked of it by HTTP, and the process that answers.
import { lines, states, stat, table } from './panels.mjs';
import { OURS, quantile, rate, S } from './queries.mjs';

const RESPONSES = 'saoma_http_responses_total';
const DURATION = 'saoma_http_request_duration_seconds';
const YES_OR_NO = { 0: ['No', 'red'], 1: ['Yes', 'green'] };

export const http = {
  title: 'HTTP',
  collapsed: true,
  panels: [
    lines('Requests, by route', 'Answers a second. Pages, scripts and pictures are one route.', 'reqps', { expr: rate(RESPONSES, S, 'method, route'), legend: '{{method}} {{route}}' }, { stacked: true }),
    lines('Answers, by class', 'A second. 101, a WebSocket\'s beginning, is 1xx.', 'reqps', { expr: rate(RESPONSES, S, 'status'), legend: '{{status}}' }, { stacked: true }),
    lines('Server errors, by route', 'Answers 5xx of all answers of the route. Nothing is drawn where there are none.', 'percentunit', { expr: `${rate(RESPONSES, `${S},status="5xx"`, 'method, route')} / ${rate(RESPONSES, S, 'method, route')} > 0`, legend: '{{method}} {{route}}' }),
    lines('Duration', 'From a request to its answer. Events, which are waited for, are left out.', 's', [0.5, 0.9, 0.99].map((q) => ({ expr: quantile(q, DURATION, S), legend: `p${100 * q}` }))),
    lines('Duration, p99 by route', 'Which call is slow.', 's', { expr: quantile(0.99, DURATION, S, 'method, route'), legend: '{{method}} {{route}}' }),
    lines('In flight', 'Requests that are being answered now.', 'short', { expr: `sum by (instance) (saoma_http_requests_in_flight{${S}})`, legend: '{{instance}}' }),
    lines('Connections', 'Open connections of the public listener, and how many it takes.', 'short', [
      { expr: `sum by (instance) (saoma_connections{${S}})`, legend: '{{instance}}' },
      { expr: `sum by (instance) (saoma_connections_limit{${S}})`, legend: '{{instance}} limit' },
    ]),
    lines('Rate limited', 'Calls that were answered 429, a second, by the limit that they met.', 'reqps', { expr: rate('saoma_rate_limited_total', S, 'limit'), legend: '{{limit}}' }),
    lines('Client errors, by route', 'Answers 4xx, a second: a page or a mini program that asks wrongly shows here.', 'reqps', { expr: `${rate(RESPONSES, `${S},status="4xx"`, 'method, route')} > 0`, legend: '{{method}} {{route}}' }),
  ],
};

export const process = {
  title: 'Process',
  collapsed: true,
  panels: [
    states('Ready', 'What each instance says of itself.', { expr: `max by (instance) (saoma_ready{${S}})`, legend: '{{instance}}' }, { w: 12, h: 5, mappings: YES_OR_NO, thresholds: [[null, 'red'], [1, 'green']] }),
    states('Leaving', 'Whether an instance drains: it tells its subscribers to go to another.', { expr: `max by (instance) (saoma_draining{${S}})`, legend: '{{instance}}' }, { w: 12, h: 5, mappings: { 0: ['No', 'green'], 1: ['Yes', 'orange'] }, thresholds: [[null, 'green'], [1, 'orange']] }),
    lines('CPU', 'Cores in use.', 'short', { expr: `sum by (instance) (rate(process_cpu_seconds_total{${S}}[$__rate_interval]) ${OURS})`, legend: '{{instance}}' }),
    lines('Memory', 'Resident memory.', 'bytes', { expr: `sum by (instance) (process_resident_memory_bytes{${S}} ${OURS})`, legend: '{{instance}}' }),
    lines('File descriptors', 'Open, of those that are allowed. Each connection takes one.', 'percentunit', { expr: `max by (instance) (process_open_fds{${S}} / process_max_fds{${S}} ${OURS})`, legend: '{{instance}}' }, { max: 1, limit: 0.8 }),
    lines('Threads', 'Threads of the process.', 'short', { expr: `sum by (instance) (process_threads{${S}} ${OURS})`, legend: '{{instance}}' }),
    table('Instances', 'What runs where.', 'none', { expr: `sum by (job, instance, version) (saoma_build_info{${S}})` }, { columns: { job: 'Job', instance: 'Instance', version: 'Version' }, hidden: ['Time', 'Value'] }),
    lines('Running for', 'Time since each process started. A line that falls is a restart.', 's', { expr: `time() - max by (instance) (process_start_time_seconds{${S}} ${OURS})`, legend: '{{instance}}' }),
    lines('Certificate reloads', 'TLS in the process: how often a certificate was loaded again, and how often that failed, in the time shown.', 'short', { expr: `sum by (instance, outcome) (increase(saoma_tls_reloads_total{${S}}[$__range]))`, legend: '{{instance}}: {{outcome}}' }),
    stat('Certificate ends in', 'TLS in the process: until the first certificate of all instances is no longer good.', 's', { expr: `min(saoma_tls_certificate_expiry_timestamp_seconds{${S}}) - time()` }, { w: 8, graph: 'none', noValue: 'No TLS here', thresholds: [[null, 'red'], [172800, 'yellow'], [1209600, 'green']] }),
  ],
};

// What all queries are made of. Each selector says which job and instance, or one cannot choose them.

/** Of whatever is not told by namespace. */
export const S = 'job=~"$job",instance=~"$instance"';
/** Of what is. */
export const N = `${S},namespace=~"$namespace"`;

/** Other jobs have processes, too: only those of ours. */
export const OURS = `and on (job, instance) saoma_build_info{${S}}`;

/** Answers of WeChat that say nothing against it: a person's code may be old, or WeChat may keep somebody out. */
export const WECHAT_WELL = 'ok|invalid_code|blocked';
/** What may come of a question when the service that is asked does not work. */
export const HOOK_ILL = 'unavailable|timeout|failed';
/** What browsers and phones call in a login. Held streams are counted elsewhere. */
export const CALLS = 'route=~"/v1/(sessions|scenes|tickets).*",route!~".*/events"';

/** How many a second. @param {string} metric @param {string} selector @param {string} [by] */
export const rate = (metric, selector, by = '') => `sum${by && ` by (${by}) `}(rate(${metric}{${selector}}[$__rate_interval]))`;

/** How many a minute: logins are counted so, a second is too short. @param {string} metric @param {string} selector @param {string} [by] */
export const perMinute = (metric, selector, by) => `60 * ${rate(metric, selector, by)}`;

/** How many in a time. @param {string} metric @param {string} selector @param {string} time @param {string} [by] */
export const within = (metric, selector, time, by = '') => `sum${by && ` by (${by}) `}(increase(${metric}{${selector}}[${time}]))`;

/** A quantile of a histogram; nothing where nothing happened. @param {number} quantile @param {string} histogram @param {string} selector @param {string} [by] */
export const quantile = (quantile, histogram, selector, by = '') => `histogram_quantile(${quantile}, ${rate(`${histogram}_bucket`, selector, by ? `le, ${by}` : 'le')}) >= 0`;

/** A share; nothing where there is nothing to share. @param {string} part @param {string} whole */
export const share = (part, whole) => `(${part}) / (${whole}) >= 0`;

/** What every instance tells of the one store that they share: the highest is the latest. @param {string} metric @param {string} selector @param {string} by */
export const shared = (metric, selector, by) => `sum by (${by}) (max by (job, ${by}) (${metric}{${selector}}))`;

/** Sessions that came into a state. @param {string} state */
export const came = (state) => `${N},to="${state}"`;
export const TRANSITIONS = 'saoma_session_transitions_total';
export const DROPPED = 'saoma_sessions_dropped_total';

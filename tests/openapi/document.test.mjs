// The committed document before three linters that others wrote, and a running server before a fuzzer
// that knows nothing of it but the document. `python.mjs` installs the two that are written in Python.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startServer } from '../browser/server.mjs';
import { python } from './python.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const DOCUMENT = '../../openapi/saoma.json';
const KEY = 'fuzz-0123456789abcdef0123456789abcdef';
const SEED = '1';
/** How many cases an operation gets in each phase. */
const EXAMPLES = '6';

/** Runs a tool, here if nowhere else; what it said, whatever it says. @param {string} program @param {string[]} args */
async function run(program, args, env = {}, cwd = here) {
  const options = { cwd, maxBuffer: 1 << 26, env: { ...process.env, ...env } };
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, options);
    return { failed: false, said: stdout + stderr };
  } catch (error) {
    if (typeof error.code !== 'number') throw error;
    return { failed: true, said: error.stdout + error.stderr };
  }
}

/** @param {string} name @param {string[]} args @param {Record<string, string>} [env] */
const npm = (name, args, env) => run(`${here}node_modules/.bin/${name}`, args, env);

test('redocly finds nothing', async () => {
  const quiet = { REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', REDOCLY_TELEMETRY: 'off' };
  const { failed, said } = await npm('redocly', ['lint', '--config', 'redocly.yaml', '--format', 'json', DOCUMENT], quiet);
  const report = JSON.parse(said.slice(said.indexOf('{'), said.lastIndexOf('}') + 1));
  assert.deepEqual([failed, report.problems.filter((problem) => !problem.ignored)], [false, []], said);
});

test('spectral finds nothing', async () => {
  const { failed, said } = await npm('spectral', ['lint', '-r', 'spectral.json', '-F', 'hint', '-f', 'json', '-q', DOCUMENT]);
  assert.deepEqual([failed, said.trim()], [false, '[]'], said);
});

test('it is OpenAPI by the standard\'s own schema', async () => {
  const { failed, said } = await run(await python(), ['-m', 'openapi_spec_validator', DOCUMENT]);
  assert.ok(!failed, said);
});

test('whatever the document allows the server does, and nothing else', async () => {
  const program = (await python()).replace(/python$/, 'schemathesis');
  // It would remember what it found, and look for that first the next time.
  const memory = await mkdtemp(join(tmpdir(), 'saoma-fuzz-'));
  const server = await startServer({ SAOMA_RATE_LIMIT: 'off', SAOMA_API_KEYS: KEY });
  try {
    const { failed, said } = await run(program, [
      '--config-file', `${here}schemathesis.toml`, 'run', `${server.url}/openapi.json`, '--checks', 'all',
      '--max-examples', EXAMPLES, '--seed', SEED, '--continue-on-failure', '--generation-database', 'none', '--no-color',
    ], { SAOMA_URL: server.url, SAOMA_KEY: KEY, SCHEMATHESIS_HOOKS: 'hooks', PYTHONPATH: here, PYTHONDONTWRITEBYTECODE: '1' }, memory);
    assert.ok(!failed, said);
    assert.match(said, /Tested: 23\b/, said);
  } finally {
    await server.stop();
    await rm(memory, { recursive: true, force: true });
  }
});

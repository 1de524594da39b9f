// What a page that embeds the login has to fetch, and what the types promise to it.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

const KIB = 1024;
/** As it is served: comments and all. @param {string} name */
const size = (name) => gzipSync(readFileSync(new URL(`../../static/${name}`, import.meta.url)), { level: 9 }).length;

test('the client fits into 6 KiB, compressed', () => {
  assert.ok(size('saoma.js') <= 6 * KIB, `saoma.js: ${size('saoma.js')}`);
});

test('the client and the element fit into 12 KiB', () => {
  const both = size('saoma.js') + size('saoma-login.js');
  assert.ok(both <= 12 * KIB, `saoma.js and saoma-login.js: ${both}`);
});

test('the scripts keep to their types, and a page in TypeScript can use them', async () => {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const project = fileURLToPath(new URL('tsconfig.json', import.meta.url));
  await promisify(execFile)(process.execPath, [tsc, '-p', project]).catch(({ stdout }) => assert.fail(stdout));
});

test('a server that renders pages can import the element, to no effect', async () => {
  await import('../../static/saoma-login.js');
  assert.equal(globalThis.customElements, undefined);
});

// Generates a client from the document in each language, compiles it, and logs in with it at the running server: opens a
// session, long-polls its events while a phone scans and confirms, redeems the ticket, and is refused the second time.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startServer } from '../browser/server.mjs';
import { classPath, files, install, make } from './workshop.mjs';

const NAME = 'Zoë 李';

let server;
before(async () => {
  await install();
  server = await startServer();
});
after(() => server?.stop());

/** What every program says that could log in as somebody, and was refused the second time by a problem it knows. */
const loggedIn = (said) => assert.equal(said, `logged in: ${NAME}\nagain: 409 already_redeemed\n`);

describe('a generated client logs in', { concurrency: 2 }, () => {
  test('Rust: progenitor', async () => {
    const step = await make('progenitor', { rust: '.' });
    await step('cargo', 'build', '--quiet', '--locked');
    loggedIn(await step('../cargo/debug/login', server.url, NAME));
  });

  test('Java: openapi-generator', async () => {
    const step = await make('java', { 'java/Login.java': 'Login.java' }, 'Java');
    const client = files('java/saoma/src/main', '.java').map((file) => `saoma/src/main/${file}`);
    await step('javac', '-nowarn', '-proc:none', '-d', 'classes', '-cp', classPath(), 'Login.java', ...client);
    loggedIn(await step('java', '-cp', `classes:${classPath()}`, 'Login', server.url, NAME));
  });

  test('Go: openapi-generator', async () => {
    const step = await make('go', { go: '.' }, 'Go');
    await step('go', 'build', '-o', 'login', '.');
    loggedIn(await step('./login', server.url, NAME));
  });

  for (const client of ['openapi-fetch', 'hey-api']) {
    test(`TypeScript: ${client}`, async () => {
      const program = { [`typescript/${client}.ts`]: 'login.ts', 'typescript/tsconfig.json': 'tsconfig.json' };
      const step = await make(client, program, `TypeScript: ${client}`);
      await step('npx', 'tsc');
      await step('npx', 'esbuild', 'login.ts', '--bundle', '--platform=node', '--format=esm', '--outfile=login.mjs');
      loggedIn(await step('node', 'login.mjs', server.url, NAME));
    });
  }

  for (const generator of ['openapi-python-client', 'openapi-generator']) {
    test(`Python: ${generator}`, async () => {
      const program = { [`python/${generator}.py`]: 'login.py' };
      const step = await make(`python-${generator}`, program, `Python: ${generator}`);
      await step('mypy', '--strict', '--follow-imports=silent', '--implicit-reexport', 'login.py');
      loggedIn(await step('python', 'login.py', server.url, NAME));
    });
  }
});

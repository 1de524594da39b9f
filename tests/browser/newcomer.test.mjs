// What a newcomer tries first: the README's own snippets on pages of another origin, and the documentation.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { compileScript, parse } from 'vue/compiler-sfc';
import { startServer } from './server.mjs';
import { launch, newContext, phone } from './people.mjs';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** @type {Record<string, [type: string, text: string]>} what the shop's own web server has */
const shop = {};
const web = createServer((request, response) => {
  const [type, text] = shop[request.url ?? ''] ?? ['text/plain', ''];
  response.writeHead(text ? 200 : 404, { 'content-type': type }).end(text);
});
let browser, server, origin;
before(async () => {
  browser = await launch();
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  origin = `http://localhost:${web.address().port}`;
  server = await startServer({ SAOMA_ORIGINS: origin });
});
after(async () => {
  await browser?.close();
  await server?.stop();
  web.close();
});

/** The README's snippet of a language, for the server of this test. @param {string} language */
function snippet(language) {
  const [, text] = /** @type {RegExpMatchArray} */ (readme.match(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``)));
  assert.ok(text.includes('https://login.example.com'), `the ${language} snippet names a server`);
  return text.replaceAll('https://login.example.com', server.url);
}

/** A script and what it imports as one, as a web team's build makes it. @param {string} source @param {'jsx' | 'js'} loader */
async function bundled(source, loader) {
  const { outputFiles: [{ text }] } = await build({
    stdin: { contents: source, loader, resolveDir: import.meta.dirname },
    bundle: true, write: false, format: 'esm', jsx: 'automatic', external: [`${server.url}/*`],
    define: { 'process.env.NODE_ENV': '"production"', __VUE_OPTIONS_API__: 'true', __VUE_PROD_DEVTOOLS__: 'false', __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false' },
  });
  return text;
}

/** Somebody opens the shop's page, scans what it shows, and is greeted by name. @param {string} html */
async function logsIn(html) {
  shop['/'] = ['text/html', html];
  const context = await newContext(browser);
  const page = await context.newPage();
  await page.goto(`${origin}/`);
  const link = await page.getByRole('link').first().getAttribute('href');
  const mobile = phone(await context.newPage());
  await mobile.page.goto(/** @type {string} */ (link));
  await mobile.scanAs('Ada');
  await mobile.shows('ask');
  await mobile.confirm();
  await page.waitForFunction(() => /Ada$/.test(document.body.lastChild?.textContent ?? ''));
  assert.deepEqual(context.complaints(/favicon/), []);
  await context.close();
}

test('five lines of HTML log somebody in', () => logsIn(`<!doctype html><meta charset="utf-8">${snippet('html')}`));

test('the React component logs somebody in', async () => {
  shop['/app.js'] = ['text/javascript', await bundled(`${snippet('jsx')}
    import { StrictMode } from 'react';
    import { createRoot } from 'react-dom/client';
    const hello = ({ user }) => document.body.append('Hello ' + user.name);
    createRoot(document.getElementById('app')).render(<StrictMode><Login onToken={hello} /></StrictMode>);`, 'jsx')];
  await logsIn('<!doctype html><meta charset="utf-8"><div id="app"></div><script type="module" src="app.js"></script>');
});

test('the Vue component logs somebody in', async () => {
  const { descriptor } = parse(snippet('vue'), { filename: 'Login.vue' });
  const { content } = compileScript(descriptor, {
    id: 'login', inlineTemplate: true, genDefaultAs: 'Login',
    templateOptions: { compilerOptions: { isCustomElement: (tag) => tag === 'saoma-login' } },
  });
  shop['/app.js'] = ['text/javascript', await bundled(`${content}
    import { createApp, h } from 'vue';
    createApp({ render: () => h(Login, { onToken: ({ user }) => document.body.append('Hello ' + user.name) }) }).mount('#app');`, 'js')];
  await logsIn('<!doctype html><meta charset="utf-8"><div id="app"></div><script type="module" src="app.js"></script>');
});

test('the client alone logs somebody in', async () => {
  const said = [];
  shop['/'] = ['text/html', `<!doctype html><meta charset="utf-8"><img alt=""><script type="module">${snippet('js')}</script>`];
  const context = await newContext(browser);
  const page = await context.newPage();
  page.on('console', (message) => said.push(message));
  const opened = page.waitForResponse((response) => response.url().endsWith('/v1/sessions') && response.status() === 201);
  await page.goto(`${origin}/`);
  const { code } = await (await opened).json();
  await page.waitForFunction(() => document.querySelector('img')?.naturalWidth);
  const mobile = phone(await context.newPage());
  await mobile.page.goto(code.content);
  await mobile.scanAs('Ada');
  await mobile.shows('ask');
  const told = page.waitForEvent('console', (message) => message.text().includes('Ada'));
  await mobile.confirm();
  await told;
  await context.close();
});

test('a page that nobody listed gets no session', async () => {
  const context = await newContext(browser);
  const page = await context.newPage();
  const refused = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/v1/sessions'));
  shop['/'] = ['text/html', `<!doctype html><meta charset="utf-8">${snippet('html')}`];
  await page.goto(`http://127.0.0.1:${web.address().port}/`);
  await refused;
  await page.getByRole('alert').filter({ hasText: /\w/ }).waitFor();
  await context.close();
});

test('the documentation shows every operation and asks no other host for anything', async () => {
  const document = await (await fetch(`${server.url}/openapi.json`)).json();
  const operations = Object.values(document.paths).flatMap((item) => Object.keys(item)).length;
  const context = await newContext(browser);
  const elsewhere = [];
  context.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== 'data:' && origin !== server.url) elsewhere.push(request.url());
  });
  const page = await context.newPage();
  await page.goto(`${server.url}/docs`);
  await page.locator('.opblock').nth(operations - 1).waitFor();
  assert.deepEqual(elsewhere, []);
  assert.deepEqual(context.complaints(/favicon/), []);
  await context.close();
});

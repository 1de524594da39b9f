// WeChat's own compilers and typings take every file of the program, and its settings name files that exist.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { dirname, join } = require('node:path');

const ROOT = join(__dirname, '../../miniprogram');
const BIN = join(dirname(require.resolve('miniprogram-compiler/package.json')), 'bin/linux');

const files = (ending) => readdirSync(ROOT, { recursive: true }).map(String).filter((path) => path.endsWith(ending)).sort();
const json = (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));

/** @param {'wcc' | 'wcsc'} tool @param {string[]} args */
function compiler(tool, args, cwd = ROOT) {
  const path = join(BIN, tool);
  chmodSync(path, 0o755); // the package leaves that to whoever calls it
  const { status, stderr, stdout, error } = spawnSync(path, args, { cwd, encoding: 'utf8' });
  if (error) throw error;
  return { ok: status === 0, said: stderr + (status === 0 ? '' : stdout) };
}

/** Writes a text to a file that lives for one compilation. */
function refused(tool, args, name, text) {
  const folder = mkdtempSync(join(tmpdir(), 'saoma-wx-'));
  writeFileSync(join(folder, name), text);
  const { ok } = compiler(tool, [...args, name], folder);
  rmSync(folder, { recursive: true });
  return !ok;
}

test('the compiler takes every wxml', () => {
  const all = files('.wxml');
  assert.deepEqual(all, ['pages/index/index.wxml', 'pages/wsLogin/wsLogin.wxml']);
  assert.deepEqual(compiler('wcc', ['-d', ...all]), { ok: true, said: '' });
  assert.ok(refused('wcc', ['-d'], 'broken.wxml', '<view><text></view>'), 'and would refuse a broken one');
});

test('the compiler takes every wxss', () => {
  const all = files('.wxss');
  assert.equal(all.length, 3);
  assert.deepEqual(compiler('wcsc', ['-db', ...all]), { ok: true, said: '' });
  assert.ok(refused('wcsc', ['-db'], 'broken.wxss', '.a { color: red'), 'and would refuse a broken one');
});

test('every script fits the official typings', () => {
  const tsc = require.resolve('typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', __dirname], { encoding: 'utf8' });
  assert.equal(stdout, '');
  assert.equal(status, 0);
});

test('what a tap or a key calls is a method of its page', () => {
  for (const path of files('.wxml')) {
    const script = readFileSync(join(ROOT, path.replace('.wxml', '.js')), 'utf8');
    for (const [, method] of readFileSync(join(ROOT, path), 'utf8').matchAll(/\b(?:bind|catch):?\w+="(\w+)"/g)) {
      assert.match(script, new RegExp(`^    ${method}\\(`, 'm'), `${path}: ${method}`);
    }
  }
});

test('every page is there with its four files, and the code leads to one of them', () => {
  const { pages, themeLocation, sitemapLocation } = json('app.json');
  for (const page of pages) {
    for (const ending of ['js', 'json', 'wxml', 'wxss']) assert.ok(existsSync(join(ROOT, `${page}.${ending}`)), `${page}.${ending}`);
  }
  assert.ok(pages.includes('pages/wsLogin/wsLogin'));
  json(sitemapLocation);
  const themes = json(themeLocation);
  assert.deepEqual(Object.keys(themes.light), Object.keys(themes.dark));
  for (const [, name] of readFileSync(join(ROOT, 'app.json'), 'utf8').matchAll(/"@(\w+)"/g)) assert.ok(name in themes.light, name);
});

test('it is nobody\'s program yet, and fetches nothing', () => {
  assert.ok(!('appid' in json('project.config.json')));
  for (const path of [...files('.js'), ...files('.wxml'), ...files('.wxss')]) {
    const text = readFileSync(join(ROOT, path), 'utf8');
    if (path !== 'config.js') assert.doesNotMatch(text, /https?:\/\/|\bwx[0-9a-f]{16}\b/, path);
  }
});

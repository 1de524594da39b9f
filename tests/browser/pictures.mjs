// Pictures for people to look at, and the rules about looks that a machine can hold.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = process.env.SAOMA_SHOTS ?? join(tmpdir(), 'saoma-shots');
mkdirSync(shots, { recursive: true });

/** What a page is looked at in. */
export const LOOKS = [
  { scheme: 'light', width: 1280, locale: 'en-US' },
  { scheme: 'dark', width: 1280, locale: 'zh-CN' },
  { scheme: 'light', width: 320, locale: 'zh-CN' },
  { scheme: 'dark', width: 320, locale: 'en-US' },
];

/** Nothing sticks out, and axe finds nothing. @param {import('playwright-core').Page} page @param {string} name */
export async function shoot(page, name) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${name}: the page is ${wide} px too wide`);
  // A full-page picture forgets that the screen is a touch screen.
  const touch = await page.evaluate(() => matchMedia('(pointer: coarse)').matches);
  await page.screenshot({ path: join(shots, `${name}.png`), animations: 'disabled', fullPage: !touch });
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => /** @type {any} */ (globalThis).axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`)}`), [], name);
}

// A service that decides: what it says to the person is read on the phone, on both pages.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { startServer } from './server.mjs';
import { launch, newContext, openLogin } from './people.mjs';

const ALICE = { registered: true, user: { id: '1', name: 'Alice' } };
const LOCKED = { refused: { reason: 'This account is <b>locked</b>. Ask at the desk.' } };

/** @type {object[]} what the service answers next; else it knows Alice */
const answers = [];
const service = createServer((request, response) => {
  request.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answers.shift() ?? ALICE));
  });
});
let browser, server;
before(async () => {
  browser = await launch();
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  const url = `http://127.0.0.1:${service.address().port}/`;
  server = await startServer({ SAOMA_DIRECTORY: 'hook', SAOMA_HOOK_URL: url, SAOMA_HOOK_SECRET: 'a secret of 24 characters' });
});
after(async () => {
  await browser?.close();
  await server?.stop();
  service.closeAllConnections();
  service.close();
});

test('whom the service refuses reads why, at the scan and at the end, and may try again', async () => {
  const context = await newContext(browser);
  const screen = await openLogin(context, server.url);
  await screen.shows('pending');
  const phone = await screen.openPhone();
  const reads = (text) => phone.page.getByText(text).waitFor();

  answers.push(LOCKED);
  await phone.scanAs('Alice');
  await reads('That did not work: This account is <b>locked</b>. Ask at the desk.');
  await screen.shows('pending');

  await phone.scanAs('Alice');
  await phone.shows('ask');
  await screen.shows('scanned');
  answers.push({ refused: { reason: 'Not before nine.' } });
  await phone.confirm();
  await reads('That did not work: Not before nine.');
  await screen.shows('scanned');

  await phone.confirm();
  await phone.shows('confirmed');
  await screen.shows('done');
  assert.deepEqual(context.complaints(/status of 403/), []);
  await context.close();
});

test('a name that the service does not take can be another', async () => {
  const context = await newContext(browser);
  const screen = await openLogin(context, server.url);
  const phone = await screen.openPhone();
  answers.push({ registered: false }, { registered: false }, { refused: { reason: 'This name is taken.' } });
  await phone.scanAs('Bob');
  await phone.shows('ask');
  await phone.confirm();
  await phone.shows('join');
  const register = () => phone.page.getByRole('button', { name: 'Register' }).click();
  await register();
  await phone.page.getByText('Registering is not possible here: This name is taken.').waitFor();
  await phone.page.getByLabel('Name to register').fill('Robert');
  await register();
  await phone.shows('confirmed');
  assert.deepEqual(context.complaints(/status of 403/), []);
  await context.close();
});

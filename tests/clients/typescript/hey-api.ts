// Logs in with the client that @hey-api/openapi-ts makes, playing browser and phone.
import { client } from './saoma/client.gen';
import { confirm, followSession, openSession, redeemToken, scan } from './saoma/index';
import type { EventData, EventKind } from './saoma/index';

const [server = 'http://127.0.0.1:3000', name = 'Ann'] = process.argv.slice(2);
client.setConfig({ baseUrl: server });

// The browser opens a session and follows it.
const { session_id, scene, secret } = (await openSession({ throwOnError: true })).data;
const browser = { path: { session_id }, auth: secret };
let cursor = 0;
await until('pending');

// The phone scans the code and confirms.
const phone = { path: { scene }, throwOnError: true } as const;
const { phone_token } = (await scan({ ...phone, body: { login_code: `sim:${name}` } })).data;
await until('scanned');
await confirm({ ...phone, auth: phone_token, body: {} });

// The browser hears of it and exchanges its ticket for a token: once.
const { ticket = '' } = await until('confirmed');
const token = (await redeemToken({ ...browser, body: { ticket }, throwOnError: true })).data;
console.log(`logged in: ${token.user.name}`);
const again = await redeemToken({ ...browser, body: { ticket } });
console.log(`again: ${again.error?.status} ${again.error?.code}`);

/** What an event of this type is about; long-polls until there is one. */
async function until(type: EventKind): Promise<EventData> {
  for (;;) {
    const { events, done } = (await followSession({ ...browser, query: { cursor }, throwOnError: true })).data;
    for (const event of events) {
      cursor = event.id ?? cursor;
      if (event.type === type) return event.data;
    }
    if (done) throw new Error(`the session ended without ${type}`);
  }
}

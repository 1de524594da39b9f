// Logs in with the types of openapi-typescript and the client openapi-fetch, playing browser and phone.
import createClient from 'openapi-fetch';
import type { components, paths } from './saoma';

type Schemas = components['schemas'];

const [server = 'http://127.0.0.1:3000', name = 'Ann'] = process.argv.slice(2);
const api = createClient<paths, `application/${'json' | 'problem+json'}`>({ baseUrl: server });
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

// The browser opens a session and follows it.
const { session_id, scene, secret } = told(await api.POST('/v1/sessions'));
const browser = { params: { path: { session_id } }, headers: bearer(secret!) };
let cursor = 0;
await until('pending');

// The phone scans the code and confirms.
const phone = { params: { path: { scene } } };
const { phone_token } = told(await api.POST('/v1/scenes/{scene}/scan', { ...phone, body: { login_code: `sim:${name}` } }));
await until('scanned');
told(await api.POST('/v1/scenes/{scene}/confirm', { ...phone, headers: bearer(phone_token), body: {} }));

// The browser hears of it and exchanges its ticket for a token: once.
const { ticket = '' } = await until('confirmed');
const token = told(await api.POST('/v1/sessions/{session_id}/token', { ...browser, body: { ticket } }));
console.log(`logged in: ${token.user.name}`);
const again = await api.POST('/v1/sessions/{session_id}/token', { ...browser, body: { ticket } });
console.log(`again: ${again.error?.status} ${again.error?.code}`);

/** What an event of this type is about; long-polls until there is one. */
async function until(type: Schemas['EventKind']): Promise<Schemas['EventData']> {
  for (;;) {
    const params = { ...browser.params, query: { cursor } };
    const { events, done } = told(await api.GET('/v1/sessions/{session_id}/events', { ...browser, params }));
    for (const event of events) {
      cursor = event.id ?? cursor;
      if (event.type === type) return event.data;
    }
    if (done) throw new Error(`the session ended without ${type}`);
  }
}

/** The answer; a problem is thrown. */
function told<T>({ data, error }: { data?: T; error?: Schemas['Problem'] }): T {
  if (data === undefined) throw new Error(`${error?.code}: ${error?.detail}`);
  return data;
}

// A page's own TypeScript: compiled by sizes.test.mjs, never run.
import type { LoginError, State, Token } from '../../static/saoma.js';
import type { SaomaLoginAttributes, SaomaLoginElement } from '../../static/saoma-login.js';

const element: SaomaLoginElement = document.createElement('saoma-login');
element.endpoint = 'https://login.example.com';
element.transports = ['sse', 'long-poll'];
element.messages = true;
element.autoRefresh = 0;
element.addEventListener('statechange', ({ detail }) => { const state: State = detail.state; return state; });
element.addEventListener('confirmed', (event) => {
  event.preventDefault();
  const ticket: string = event.detail.ticket;
  return ticket;
});
element.addEventListener('token', ({ detail }) => { const token: Token = detail; return token.user.name; });
element.addEventListener('error', ({ detail }) => { const error: LoginError = detail; return error.retryIn; });
element.addEventListener('click', () => element.refresh());
document.querySelector('saoma-login')?.login.on('event', ({ type }) => type === 'message');

const attributes: SaomaLoginAttributes = { lang: 'zh-CN', theme: 'dark', 'auto-refresh': 3 };
// @ts-expect-error there is no such theme
attributes.theme = 'sepia';
// @ts-expect-error the state is the session's, not the page's
element.state = 'pending';

/**
 * `<saoma-login>`: a whole login in one element, made of `saoma.js`. README.md shows it in use.
 *
 *     <script type="module" src="https://login.example.com/saoma-login.js"></script>
 *     <saoma-login></saoma-login>
 *
 * It starts when it enters a document and stops when it has left it; a move is neither. A page with a strict
 * Content-Security-Policy needs the server in `script-src`, `connect-src` and `img-src`, and nothing for styles; with
 * WeChat's open platform, the server and `https://open.weixin.qq.com` in `frame-src`.
 * Importing the file on a server that renders pages has no effect.
 *
 * **Attributes**, each a property too (`auto-refresh` is `autoRefresh`), which may be set before the file has loaded:
 * - `endpoint`: where the server is; default: where this file came from
 * - `namespace`
 * - `transports`: which may be used, separated by commas or spaces; default: all that the server offers
 * - `messages`: go on exchanging messages after the confirmation; `login.send()` and `login.on('event', …)` do it
 *
 * (another value of one of these four begins a new login)
 * - `lang`: `zh…` is Chinese, all else English; default: the nearest `lang` around it, then the browser's
 * - `theme`: `light` or `dark`; default: the page's own `color-scheme`
 * - `auto-refresh`: how many codes are renewed unasked while the page is in view, until one is scanned; default 3
 *
 * **Slots**: `title` (default: a level 2 heading) and `footer`; `expired` and `unregistered` replace what is said
 * in these states, for instance by a way to sign up.
 *
 * **CSS variables**: `--saoma-size` (the code's side, 16rem; a code that is a page has a size of its own), `--saoma-color`, `--saoma-accent`,
 * `--saoma-background`, `--saoma-radius`, `--saoma-font` (a family; default: the page's).
 *
 * **Parts** for `::part()`: `code mask avatar name status countdown retry link number`, and whatever else has an id inside.
 * `code` is an image, or an iframe where the code is a page (WeChat's open platform).
 *
 * **Events**: see `SaomaLoginEventMap`. All are composed and bubble, but for `error`, which `window.onerror` would take
 * for its own.
 */

import type { Login, LoginError, State, Token, Transport } from './saoma.js';

export interface SaomaLoginEventMap {
  statechange: CustomEvent<{ state: State; previous: State }>;
  /** Masked, for whoever stands before the screen is not known yet. */
  scanned: CustomEvent<{ name: string; avatar_url?: string | null }>;
  unregistered: CustomEvent;
  /**
   * After `preventDefault()` the element does not redeem the ticket: the page hands it to its own backend, which does
   * (`POST /v1/tickets/redeem`), and goes on from there.
   */
  confirmed: CustomEvent<{ ticket: string }>;
  /** The element has redeemed the ticket. The token is to be verified by a backend before anybody trusts it. */
  token: CustomEvent<Token>;
  rejected: CustomEvent<{ reason?: string }>;
  expired: CustomEvent;
  cancelled: CustomEvent;
  /** Which transport serves; null: none since 1.5 s. */
  transport: CustomEvent<{ transport: Transport | null }>;
  /** The element shows it, and tries again by itself where `retryIn` says so. */
  error: CustomEvent<LoginError>;
}

export interface SaomaLoginElement extends HTMLElement {
  endpoint: string | null;
  namespace: string | null;
  get transports(): string | null;
  set transports(value: string | Transport[] | null);
  get messages(): string | null;
  set messages(value: boolean | string | null);
  theme: string | null;
  get autoRefresh(): string | null;
  set autoRefresh(value: number | string | null);

  /** The client; another one after the element left the document, or one of its first four attributes changed. */
  readonly login: Login;
  readonly state: State;
  start(): Promise<void>;
  /** Ends the attempt; a session still open is cancelled at the server. The element offers a new code. */
  stop(): Promise<void>;
  /** A new session with a new code. */
  refresh(): Promise<void>;

  addEventListener<K extends keyof SaomaLoginEventMap>(type: K, listener: (this: SaomaLoginElement, event: SaomaLoginEventMap[K]) => any, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void;
  removeEventListener<K extends keyof SaomaLoginEventMap>(type: K, listener: (this: SaomaLoginElement, event: SaomaLoginEventMap[K]) => any, options?: boolean | EventListenerOptions): void;
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | EventListenerOptions): void;
}

/** What a template may say of it. In React: `declare module 'react' { namespace JSX { interface IntrinsicElements { 'saoma-login': DetailedHTMLProps<HTMLAttributes<HTMLElement>, HTMLElement> & SaomaLoginAttributes } } }` */
export interface SaomaLoginAttributes {
  endpoint?: string;
  namespace?: string;
  transports?: string;
  messages?: boolean;
  lang?: string;
  theme?: 'light' | 'dark';
  'auto-refresh'?: number | string;
}

declare global {
  interface HTMLElementTagNameMap {
    'saoma-login': SaomaLoginElement;
  }
}

/** The browser's side of a Saoma login. README.md shows it in use; `saoma-login.js` is a ready-made element on it. */

export type Transport = 'websocket' | 'sse' | 'long-poll';

/** `idle` before `start()`, `loading` until a session is open, `error` when that failed; else the session's own state. */
export type State = 'idle' | 'loading' | 'pending' | 'scanned' | 'unregistered' | 'confirmed' | 'rejected'
  | 'expired' | 'cancelled' | 'error';

/** One numbered fact about a session, the same on every transport. */
export interface SessionEvent {
  id: number;
  type: string;
  /** RFC 3339, UTC. */
  at: string;
  data: any;
}

export interface Code {
  /** The image; with `text/html`, a page to be held in a frame (WeChat's open platform). */
  url: string;
  media_type: string;
  /** What the code says; a link where a person already on the phone can go on without scanning. */
  content?: string | null;
}

export interface Session {
  session_id: string;
  scene: string;
  code: Code;
  /** Two digits to show beside the code, which the phone asks for; null where the namespace does not ask. */
  match_number: number | null;
  /** RFC 3339, UTC, by the server's clock. */
  expires_at: string;
  /** The same moment by this machine's clock, in ms since the epoch. */
  deadline: number;
}

export interface Token {
  access_token: string;
  token_type: string;
  /** Seconds. */
  expires_in: number;
  user: { id: string; name: string; avatar_url?: string | null; provider: string };
}

export interface Options {
  /** Where the server is; default: where this module was loaded from. */
  endpoint?: string;
  namespace?: string;
  /** Which may be used; default: all that the server offers. The order of preference is fixed. */
  transports?: Transport[];
  /** BCP 47; told to the server where it is given. */
  locale?: string;
  /** Go on exchanging messages after `confirmed`. */
  messages?: boolean;
  /** Aborting is `stop()`. */
  signal?: AbortSignal;
  fetch?: typeof globalThis.fetch;
  WebSocket?: typeof globalThis.WebSocket;
  EventSource?: typeof globalThis.EventSource;
  clock?: Clock;
  /** 0 ≤ n < 1, for jitter. */
  random?: () => number;
  /** Whose `online`, `visibilitychange` and so on are heard, and whose `localStorage` remembers what worked. */
  window?: any;
}

export interface Clock {
  /** ms since the epoch. */
  now(): number;
  /** The answer is a truthy id. */
  setTimeout(callback: () => void, ms: number): any;
  clearTimeout(id: any): void;
}

export interface Events {
  /** The state changed; `event` made it, or `error` did. */
  state: { state: State; previous: State; event?: SessionEvent; error?: LoginError };
  /** A session was opened, or its code was replaced. */
  session: Session;
  /** Each numbered event, once and in order. */
  event: SessionEvent;
  /** Which transport serves; null: none at this moment, the client is looking for a way. */
  transport: { transport: Transport | null };
  /** The session is over; nothing of it follows. */
  end: { state: State; event?: SessionEvent };
  error: LoginError;
}

/** What went wrong, in the words of the server's problem (RFC 9457). */
export class LoginError extends Error {
  /** HTTP status; 0: no answer at all. */
  status: number;
  /** The problem's short word, or `network`. */
  code: string;
  detail?: string;
  /** Seconds that the server asked to wait. */
  retryAfter?: number;
  /** ms until the client tries again by itself; null: it does not. */
  retryIn: number | null;
  /** The same call may succeed a little later. */
  readonly temporary: boolean;
}

export interface Login {
  /** Listens; the answer is a function that stops listening. */
  on<K extends keyof Events>(type: K, listener: (detail: Events[K]) => void): () => void;
  once<K extends keyof Events>(type: K, listener: (detail: Events[K]) => void): () => void;
  off<K extends keyof Events>(type: K, listener: (detail: Events[K]) => void): void;
  /** Opens a session, unless one is under way. Failures are told by `state` and `error`. */
  start(): Promise<void>;
  /** Ends the attempt; a session still open is cancelled at the server. Nothing runs afterwards. */
  stop(): Promise<void>;
  /** A new session with a new code; one still open is cancelled. */
  refresh(): Promise<void>;
  /**
   * Exchanges the ticket of `confirmed` for the token, which the server gives once and this remembers.
   * @throws {LoginError} 409 `wrong_state` before `confirmed`; what the server answers otherwise
   */
  redeem(): Promise<Token>;
  /** Says something to the phone; any JSON. @throws {LoginError} */
  send(body: unknown): Promise<{ id: number }>;
  readonly state: State;
  readonly session: Session | null;
  readonly transport: Transport | null;
  /** The one-time proof of the confirmation, for a backend that redeems it itself; '' before `confirmed`. */
  readonly ticket: string;
}

export function createLogin(options?: Options): Login;

/** What the client of eventtracking gives to pages and modules. */

export type Status =
  /** The server has it. */
  | "accepted"
  /** The server had it already. */
  | "duplicate"
  /** The server will not have it; the reason is the server's. */
  | "refused"
  /** It was never sent, or no server took it; the reason says why. */
  | "dropped"
  /** Another tab took care of it. */
  | "elsewhere"
  /** It waits for a better moment; only `Logger.log` says so. */
  | "queued";

export interface Result {
  id?: string;
  status: Status;
  /** "full", "opt_out", "gpc", "dnt", "unserializable", "http_400" and the like, or the server's. */
  reason?: string;
}

export interface TrackedEvent {
  id?: string;
  name: string;
  data?: unknown;
  /** When it happened, by the clock of the browser, as an ISO text. */
  time?: string;
  /** The address of the page. */
  page?: string;
  context?: Record<string, unknown>;
}

/** Queue an event. The promise tells what became of it once that is known; it is never rejected. */
export function emit(name: string, data?: unknown): Promise<Result>;

/** Add *object* to all later events under *name*; without an object, add it no more. */
export function context(name: string, object?: unknown): void;

/** Emit `page_view` with the title, the referrer and *properties*. */
export function page(properties?: Record<string, unknown>): Promise<Result>;

/** Send what waits, now. The promise gives how many events still wait afterwards. */
export function flush(): Promise<number>;

/** Call *listener* for each event that the server has, or that is dropped. */
export function on(
  what: "sent" | "dropped",
  listener: (event: TrackedEvent, result: Result) => void,
): void;

/** Tell of the visitor again, on later pages too. */
export function optIn(): void;

/** Tell nothing of the visitor, on later pages too; forget what waits, and the ids. */
export function optOut(): void;

export interface Client {
  emit: typeof emit;
  context: typeof context;
  page: typeof page;
  flush: typeof flush;
  on: typeof on;
  optIn: typeof optIn;
  optOut: typeof optOut;
}

declare const client: Client;
export default client;

/** A promise with the methods that callers of jQuery know. */
export interface Answer extends Promise<Result | string> {
  done(callback: (result: Result | string) => void): this;
  fail(callback: (error: unknown) => void): this;
  always(callback: (result: unknown) => void): this;
}

/** What there is of jQuery's options. */
export interface OlderRequest {
  url?: string;
  type?: string;
  method?: string;
  async?: boolean;
  success?: (result: Result | string) => void;
  error?: (error: unknown) => void;
  complete?: (result: unknown) => void;
}

/** The logger of older pages. */
export interface OlderLogger {
  log(type?: string, data?: unknown, element?: unknown, request?: OlderRequest): Answer;
  listen(
    type: string,
    element: unknown,
    callback: (type: string, data: unknown, element: unknown) => void,
  ): void;
  bind(): void;
}

declare global {
  var eventtracking: Client;
  var Tracker: Client;
  var Logger: OlderLogger;
  var log_event: OlderLogger["log"];
  interface Window {
    eventtracking: Client;
    Tracker: Client;
    Logger: OlderLogger;
    log_event: OlderLogger["log"];
  }
}

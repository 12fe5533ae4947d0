/** Types of the browser client, for scripts and modules. */

export type Status =
  /** The server has the event. */
  | "accepted"
  /** The server already had the event. */
  | "duplicate"
  /** The server refused the event; `reason` comes from the server. */
  | "refused"
  /** The event was not sent, or no server accepted it; `reason` says why. */
  | "dropped"
  /** Another tab handled the event. */
  | "elsewhere"
  /** A first attempt failed and the event stays queued. Only `Logger.log` reports this. */
  | "queued";

export interface Result {
  id?: string;
  status: Status;
  /** "full", "opt_out", "gpc", "dnt", "unserializable", "http_400" and so on, or from the server. */
  reason?: string;
}

export interface TrackedEvent {
  id?: string;
  name: string;
  data?: unknown;
  /** The time of the event by the browser's clock, in ISO 8601. */
  time?: string;
  /** The address of the page. */
  page?: string;
  context?: Record<string, unknown>;
}

/** Queue an event. The promise resolves to the result of the event and is never rejected. */
export function emit(name: string, data?: unknown): Promise<Result>;

/** Add `object` to the context of later events under `name`. Without an object, remove it. */
export function context(name: string, object?: unknown): void;

/** Emit `page_view` with the title, the referrer and `properties`. */
export function page(properties?: Record<string, unknown>): Promise<Result>;

/** Send the queue now. The promise resolves to the number of events that are still queued. */
export function flush(): Promise<number>;

/** Call `listener` for each event that the server has ("sent") or that is lost ("dropped"). */
export function on(
  type: "sent" | "dropped",
  listener: (event: TrackedEvent, result: Result) => void,
): void;

/** Track the visitor again, on later pages too. */
export function optIn(): void;

/** Stop tracking the visitor, on later pages too, and remove the queue and the ids. */
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

/** A promise with jQuery's methods. */
export interface LegacyPromise extends Promise<Result | string> {
  done(callback: (result: Result | string) => void): this;
  fail(callback: (error: unknown) => void): this;
  always(callback: (result: unknown) => void): this;
}

/** The supported options of jQuery.ajax. */
export interface LegacySettings {
  url?: string;
  type?: string;
  method?: string;
  async?: boolean;
  success?: (result: Result | string) => void;
  error?: (error: unknown) => void;
  complete?: (result: unknown) => void;
}

/** The Logger of Open edX pages. */
export interface LegacyLogger {
  log(type?: string, data?: unknown, element?: unknown, settings?: LegacySettings): LegacyPromise;
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
  var Logger: LegacyLogger;
  var log_event: LegacyLogger["log"];
  interface Window {
    eventtracking: Client;
    Tracker: Client;
    Logger: LegacyLogger;
    log_event: LegacyLogger["log"];
  }
}

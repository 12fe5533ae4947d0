/*
 * Tell the server what happens on a page. An event waits in localStorage until the server
 * has confirmed it; its id lets the server drop what it gets twice, so that sending again
 * after any doubt is safe. Options are the data-* attributes of the script element.
 */
(() => {
  "use strict";

  // Two copies on a page would tell each view twice.
  if (window.eventtracking) return;

  const script = document.currentScript || document.querySelector("script[data-endpoint]");
  const options = script ? script.dataset : {};
  const endpoint = options.endpoint || "/event";

  const BATCH_EVENTS = number("batchEvents", 50);
  const BATCH_BYTES = number("batchBytes", 32768);
  const BATCH_MS = number("batchSeconds", 2) * 1000;
  const QUEUE_EVENTS = number("queueEvents", 10000);

  // Browsers stop at 64 KiB for all beacons and keepalive requests of a page together.
  const KEEPALIVE_BYTES = 61440;
  const BEACON_BYTES = 16384;
  const ENVELOPE_BYTES = 60;
  // The rest of what localStorage holds, about 5 million characters, is the application's.
  const STORED_CHARACTERS = 2e6;
  const TIMEOUT_MS = 30000;
  const LEASE_MS = 10000;
  const BEAT_MS = 3000;
  const LONGEST_WAIT_MS = 60000;
  const LONGEST_RETRY_AFTER_MS = 3600000;
  const SESSION_MS = 1800000;

  const PREFIX = `eventtracking:${endpoint}:`;
  const EVENT = `${PREFIX}event:`;
  const MARK = `${PREFIX}mark`;
  const LEASE = `${PREFIX}lease:`;
  const UNTIL = `${PREFIX}until`;
  const DROPPED = `${PREFIX}dropped`;
  const CHOICE = "eventtracking:choice";
  const ANONYMOUS_ID = "eventtracking:anonymous_id";
  const SESSION = "eventtracking:session";

  const GPC = mode("gpc", "anonymous");
  const DNT = mode("dnt", "off");

  const encoder = new TextEncoder();
  /** What is not confirmed yet, by id: of this page, and of others that it took over. */
  const waiting = new Map();
  /** The pages whose events these are: this one first. */
  const pages = new Set([uuid()]);
  const [me] = pages;
  const contexts = {};
  const heard = { sent: [], dropped: [] };
  /** What storage refused to hold, for as long as the page lives. */
  const memory = {};
  const debugs = options.debug === "on" || Boolean(read("eventtracking:debug"));

  let waitingBytes = 0;
  let stored = 0;
  let flying = 0;
  let failures = 0;
  let pausedUntil = 0;
  let most = BATCH_EVENTS;
  let timer = 0;
  let running = null;
  let again = false;
  let pulse = 0;
  let glance = 0;
  let warned = false;

  function number(name, fallback) {
    return Number(options[name]) > 0 ? Number(options[name]) : fallback;
  }

  function mode(name, fallback) {
    const value = options[name] || fallback;
    if (/^(off|anonymous|drop)$/.test(value)) return value;
    console.error(`eventtracking: data-${name} must be off, anonymous or drop, got ${value}`);
    return fallback;
  }

  function debug(what, value) {
    if (debugs) console.info(`eventtracking: ${what}`, value);
  }

  function attempt(act) {
    try {
      return act();
    } catch (_) {
      return undefined;
    }
  }

  /* Storage: where it is refused, mere access throws. */

  function storage(act, area) {
    return attempt(() => act(window[area || "localStorage"]));
  }

  function read(key, area) {
    const found = storage((store) => store.getItem(key), area);
    return found === undefined || key in memory ? memory[key] : found;
  }

  function write(key, text, area) {
    return storage((store) => (store.setItem(key, text), true), area);
  }

  function remove(key, area) {
    delete memory[key];
    storage((store) => store.removeItem(key), area);
  }

  /** Write what must hold for this page at least. */
  function note(key, text, area) {
    delete memory[key];
    if (!write(key, text, area)) memory[key] = text;
  }

  function uuid() {
    if (crypto.randomUUID) return crypto.randomUUID();
    // Pages without https have no randomUUID.
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  /* Privacy */

  const gpc = () => navigator.globalPrivacyControl === true;
  const dnt = () => /^(1|yes)$/.test(navigator.doNotTrack || window.doNotTrack);
  const anonymous = () => (gpc() && GPC !== "off") || (dnt() && DNT !== "off");

  /** Return why nothing may be told, or "". */
  function refusal() {
    const choice = read(CHOICE);
    if (choice ? choice === "out" : options.start === "denied") return "opt_out";
    if (gpc() && GPC === "drop") return "gpc";
    return dnt() && DNT === "drop" ? "dnt" : "";
  }

  function optOut() {
    note(CHOICE, "out");
    forget();
  }

  /** Forget the ids and what waits: the visitor chose so, here or in another tab. */
  function forget() {
    // Each tab for itself: browsers remove nothing that another tab wrote a moment ago.
    remove(ANONYMOUS_ID);
    remove(SESSION, "sessionStorage");
    discard("opt_out");
    beat();
  }

  function heed({ key }) {
    if (key === CHOICE && refusal() === "opt_out") forget();
  }

  function optIn() {
    note(CHOICE, "in");
    view();
  }

  /** Forget the queue, that of other pages too. */
  function discard(why) {
    for (const id of [...waiting.keys()]) settle(id, "dropped", why);
    for (const key of keys(EVENT)) remove(key);
  }

  function session() {
    const [id, last] = (read(SESSION, "sessionStorage") || "").split(" ");
    const now = Date.now();
    const current = now - last < SESSION_MS ? id : uuid();
    note(SESSION, `${current} ${now}`, "sessionStorage");
    return current;
  }

  function anonymousId() {
    const id = read(ANONYMOUS_ID) || uuid();
    note(ANONYMOUS_ID, id);
    return id;
  }

  /* Events */

  function context(name, object) {
    if (object === undefined || object === null) delete contexts[name];
    else contexts[name] = object;
  }

  /** Return what the page said about itself, and what the client knows. */
  function scene() {
    const own = {};
    const dropped = Number(read(DROPPED));
    if (dropped) own.dropped = dropped;
    if (!anonymous()) {
      if (options.sessionId === "on") own.session_id = session();
      if (options.anonymousId === "on") own.anonymous_id = anonymousId();
    }
    const known = Object.keys(own).length ? { eventtracking: own } : {};
    return Object.assign({}, contexts, known);
  }

  /** Queue an event; the promise tells what became of it, and is never rejected. */
  function emit(name, data) {
    try {
      return queue(name, data);
    } catch (error) {
      const event = { name: named(name) };
      const result = { status: "dropped", reason: "unserializable" };
      count();
      warn(`${event.name} cannot be written as JSON: ${error && error.message}`);
      tell("dropped", event, result);
      return Promise.resolve(result);
    }
  }

  /** Return the name as a text; an event without one is called as the server calls it. */
  function named(name) {
    return attempt(() => String(name || "")) || "unknown";
  }

  function queue(name, data) {
    const event = {
      id: uuid(),
      name: named(name),
      data: data === undefined ? {} : data,
      time: new Date().toISOString(),
      page: location.href,
    };
    const why = refusal();
    if (why) {
      const result = { id: event.id, status: "dropped", reason: why };
      tell("dropped", event, result);
      return Promise.resolve(result);
    }
    event.context = scene();
    const text = JSON.stringify(event);
    debug("queued", event);
    return new Promise((resolve) => {
      hold(event.id, { text, resolve, mine: true });
      const full = waiting.size >= BATCH_EVENTS || waitingBytes >= BATCH_BYTES;
      if (full && Date.now() >= until()) flush();
      else schedule();
    });
  }

  function hold(id, entry) {
    if (waiting.has(id)) return;
    entry.bytes = encoder.encode(entry.text).length;
    waiting.set(id, entry);
    waitingBytes += entry.bytes;
    // Before it is stored: an event of a page that says nothing is anybody's.
    if (!pulse) beat();
    if (entry.kept) stored += entry.text.length;
    else keep(id, entry);
    while (waiting.size > QUEUE_EVENTS) {
      count();
      settle(waiting.keys().next().value, "dropped", "full");
    }
  }

  /** Write an event to storage, next to a mark that tells when all of it was cleared. */
  function keep(id, entry) {
    entry.kept = false;
    if (stored + entry.text.length > STORED_CHARACTERS) return;
    if (!read(MARK)) write(MARK, uuid());
    entry.mark = read(MARK);
    entry.page = me;
    entry.kept = write(`${EVENT}${me}:${id}`, entry.text);
    if (entry.kept) stored += entry.text.length;
  }

  function keys(prefix) {
    const all = (store) => Array.from({ length: store.length }, (_, index) => store.key(index));
    return (storage(all) || []).filter((key) => key && key.startsWith(prefix));
  }

  /* Tabs: the events of a page are its own while it is seen, and then whose who takes them. */

  /** Return who sends the events of a page: "" if that may be anybody. */
  function holder(page) {
    const [expiry, by] = (read(LEASE + page) || "").split(" ");
    const left = expiry - Date.now();
    return left > 0 && left <= LEASE_MS ? by : "";
  }

  function lease(page) {
    write(LEASE + page, `${Date.now() + LEASE_MS} ${me}`);
  }

  /** Say that this page is alive, for as long as it has something to send. */
  function beat() {
    clearTimeout(pulse);
    pulse = 0;
    if (!waiting.size || document.hidden) {
      retire();
      return;
    }
    for (const page of pages) if ((holder(page) || me) === me) lease(page);
    pulse = setTimeout(beat, BEAT_MS);
  }

  function retire() {
    for (const page of pages) {
      if (holder(page) === me) remove(LEASE + page);
      if (!waiting.size && page !== me) pages.delete(page);
    }
  }

  /** Take over what pages left that are gone. */
  async function adopt() {
    const left = {};
    for (const key of keys(EVENT)) {
      const [page, id] = key.slice(EVENT.length).split(":");
      if (page !== me && !waiting.has(id)) (left[page] = left[page] || []).push(key);
    }
    for (const key of keys(LEASE)) {
      const page = key.slice(LEASE.length);
      if (!left[page] && !holder(page)) remove(key);
    }
    const all = Object.keys(left);
    const free = all.filter((page) => (holder(page) || me) === me);
    clearTimeout(glance);
    if (free.length < all.length) glance = setTimeout(flush, LEASE_MS);
    if (!free.length) return;
    free.forEach(lease);
    // Another tab may do the same at this moment: the last one stays.
    await pause(100 + 100 * Math.random());
    for (const page of free) {
      if ((holder(page) || me) !== me) continue;
      pages.add(page);
      const events = left[page].map((key) => [key, read(key)]).filter(([, text]) => text);
      events.sort(earlier).forEach(take);
    }
  }

  function earlier([, one], [, other]) {
    const time = (text) => (parsed(text) || {}).time || "";
    return time(one) < time(other) ? -1 : 1;
  }

  function take([key, text]) {
    const [page, id] = key.slice(EVENT.length).split(":");
    // Half an event would spoil a whole batch.
    if (!id || (parsed(text) || {}).id !== id) remove(key);
    else hold(id, { text, page, kept: true, mark: read(MARK) });
  }

  function parsed(text) {
    return attempt(() => JSON.parse(text));
  }

  /** An event needs nothing more: forget it, and say what became of it. */
  function settle(id, status, reason) {
    const entry = waiting.get(id);
    if (!entry) return;
    waiting.delete(id);
    waitingBytes -= entry.bytes;
    if (entry.kept) {
      stored -= entry.text.length;
      remove(`${EVENT}${entry.page}:${id}`);
    }
    const result = { id, status, reason };
    if (entry.resolve) entry.resolve(result);
    if (status !== "elsewhere") {
      tell(/^(accepted|duplicate)$/.test(status) ? "sent" : "dropped", parsed(entry.text), result);
    }
  }

  function on(what, listener) {
    if (Object.keys(heard).includes(what)) heard[what].push(listener);
    else console.error(`eventtracking: on() knows "sent" and "dropped", got`, what);
  }

  function tell(what, event, result) {
    debug(result.status, event);
    for (const listener of heard[what]) guarded(listener, event, result);
  }

  function guarded(listener, ...args) {
    try {
      listener(...args);
    } catch (error) {
      console.error(error);
    }
  }

  function warn(text) {
    if (!warned) console.warn(`eventtracking: ${text}`);
    warned = true;
  }

  function count() {
    note(DROPPED, String(Number(read(DROPPED) || 0) + 1));
  }

  /* Sending */

  function schedule() {
    if (timer || !waiting.size) return;
    const later = () => ((timer = 0), flush());
    const wait = until() - Date.now();
    // Timers are a little early now and then.
    timer = setTimeout(later, wait > 0 || failures ? Math.max(wait, 0) + 10 : BATCH_MS);
  }

  /** Return when the next request may go: after a failure, or when the server said so. */
  function until() {
    return Math.max(pausedUntil, told());
  }

  function told() {
    const time = Number(read(UNTIL)) || 0;
    // Who set the clock back must not wait for years.
    return time > Date.now() + LONGEST_RETRY_AFTER_MS ? 0 : time;
  }

  /** Send what waits; the promise gives how many events still wait when that is done. */
  function flush() {
    clearTimeout(timer);
    timer = 0;
    again = true;
    const done = () => {
      running = null;
      beat();
      schedule();
    };
    running = running || drain().then(done, done);
    return running.then(() => waiting.size);
  }

  function pause(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  async function drain() {
    while (again) {
      again = false;
      const why = refusal();
      if (why) discard(why);
      await adopt();
      let batch = pick();
      while (batch.length && Date.now() >= until() && (await send(batch))) batch = pick();
      // Another tab has the rest: there is no hurry to look again.
      if (!batch.length) failures = 0;
    }
  }

  /** Return the next batch as pairs of id and entry, without what other tabs have settled. */
  function pick() {
    const batch = [];
    let bytes = 0;
    for (const [id, entry] of waiting) {
      if (!isThere(id, entry)) continue;
      bytes += entry.bytes;
      if (batch.length && (batch.length >= most || bytes > BATCH_BYTES)) break;
      batch.push([id, entry]);
    }
    return batch;
  }

  function isThere(id, entry) {
    if (!entry.kept) return true;
    if ((holder(entry.page) || me) !== me) return false;
    if (read(`${EVENT}${entry.page}:${id}`) !== null) return true;
    if (read(MARK) === entry.mark) {
      settle(id, "elsewhere");
      return false;
    }
    // Somebody emptied the storage, as applications do when a user leaves.
    stored -= entry.text.length;
    keep(id, entry);
    return true;
  }

  function envelope(batch) {
    const events = batch.map(([, { text }]) => text).join();
    return `{"sent_at":"${new Date().toISOString()}","events":[${events}]}`;
  }

  function credentials() {
    return anonymous() ? "omit" : options.credentials || "same-origin";
  }

  /** Send a batch; return whether to go on at once with the next. */
  async function send(batch, plain) {
    const body = envelope(batch);
    const bytes = encoder.encode(body).length;
    const keepalive = !plain && flying + bytes <= KEEPALIVE_BYTES;
    const patience = new AbortController();
    const end = setTimeout(() => patience.abort(), TIMEOUT_MS);
    for (const [, entry] of batch) entry.flies = keepalive;
    flying += keepalive ? bytes : 0;
    let answer = null;
    let results = null;
    debug("sending", parsed(body));
    try {
      answer = await fetch(endpoint, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body,
        keepalive,
        credentials: credentials(),
        signal: patience.signal,
      });
      if (answer.ok) results = (await answer.json()).results;
    } catch (error) {
      debug("failed", error);
    }
    clearTimeout(end);
    for (const [, entry] of batch) entry.flies = false;
    flying -= keepalive ? bytes : 0;
    // Other scripts may have used up the budget, and Firefox gives it back a little late.
    if (!answer && keepalive && !patience.signal.aborted) return send(batch, true);
    return answered(batch, answer, results);
  }

  function answered(batch, answer, results) {
    const status = answer ? answer.status : 0;
    // Perhaps for one event only: alone, it spoils no others.
    if ((status === 413 || status === 400) && batch.length > 1) {
      most = batch.length >> 1;
      return true;
    }
    if (status >= 400 && status < 500 && status !== 429) {
      warn(`${endpoint} answered ${status}, and the events are dropped`);
      for (const [id] of batch) {
        count();
        settle(id, "dropped", `http_${status}`);
      }
      return true;
    }
    // An answer that names no event, as a captive portal's, confirms none.
    if (!confirmed(batch, results)) return back(answer);
    failures = pausedUntil = 0;
    most = BATCH_EVENTS;
    return true;
  }

  function confirmed(batch, results) {
    const before = waiting.size;
    const ids = new Set(batch.map(([id]) => id));
    for (const { id, status, reason } of Array.isArray(results) ? results : []) {
      if (!ids.has(id)) continue;
      if (status === "refused") warn(`${endpoint} refused an event: ${reason}`);
      settle(id, status, reason);
    }
    return waiting.size < before;
  }

  /** Wait before the next try: as long as the server says, or longer after each failure. */
  function back(answer) {
    const told = (answer && answer.headers.get("Retry-After")) || "";
    const after = /^\d+$/.test(told) ? told * 1000 : Date.parse(told) - Date.now();
    if (after > 0) note(UNTIL, String(Date.now() + Math.min(after, LONGEST_RETRY_AFTER_MS)));
    const wait = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** failures);
    pausedUntil = Date.now() + wait * (0.5 + Math.random() / 2);
    failures += 1;
    return false;
  }

  /** Send what this page queued, without hearing an answer: it may be gone before. */
  function beam() {
    if (refusal() || Date.now() < told()) return;
    const mine = [...waiting].filter(
      ([id, entry]) => entry.mine && !entry.flies && !entry.beamed && isThere(id, entry),
    );
    // What storage did not take has no other chance.
    const rank = (entry) => (entry.kept ? 2 : Number(large(entry)));
    mine.sort(([, one], [, other]) => rank(one) - rank(other));
    let piece = [];
    let bytes = ENVELOPE_BYTES;
    for (const pair of mine) {
      const more = pair[1].bytes + 1;
      if (pair[1].kept && large(pair[1])) continue;
      if (piece.length && bytes + more > BEACON_BYTES) {
        if (!beacon(piece)) return;
        piece = [];
        bytes = ENVELOPE_BYTES;
      }
      piece.push(pair);
      bytes += more;
    }
    if (piece.length) beacon(piece);
  }

  /** Say whether no beacon holds an event, not even alone. */
  function large({ bytes }) {
    return ENVELOPE_BYTES + bytes + 1 > BEACON_BYTES;
  }

  function beacon(piece) {
    const body = envelope(piece);
    debug("beacon", parsed(body));
    const taken =
      anonymous() || large(piece[0][1])
        ? outlive(body)
        : attempt(() => navigator.sendBeacon(endpoint, body));
    for (const [, entry] of piece) entry.beamed = taken;
    return taken;
  }

  /** Send what a beacon may not: it brings cookies along, and holds less. */
  function outlive(body) {
    const how = { method: "POST", body, keepalive: true, credentials: credentials() };
    fetch(endpoint, how).catch(() => {});
    return true;
  }

  /* Pages */

  const viewed = (options.pageViews || "").split(" ");
  let closes = options.pageClose === "on";
  let closed = false;
  let seen = null;
  let seenAll = document.referrer;
  let shown = 0;
  let shownAt = document.hidden ? null : performance.now();

  const here = () => (viewed.includes("hash") ? location.href : location.href.split("#")[0]);

  function page(properties) {
    const known = { title: document.title, referrer: seenAll };
    seen = here();
    seenAll = location.href;
    return emit("page_view", Object.assign(known, properties));
  }

  /** Tell of the page, unless it is the one that was told of. */
  function view() {
    if (viewed.includes("on") && seen !== here() && !document.prerendering && !refusal()) page();
  }

  function watch(method) {
    const original = history[method];
    history[method] = function () {
      const result = original.apply(this, arguments);
      // Routers first go to the address and then give the page its title.
      setTimeout(view);
      return result;
    };
  }

  function visibility() {
    if (document.hidden && shownAt !== null) shown += performance.now() - shownAt;
    shownAt = document.hidden ? null : performance.now();
    if (document.hidden) beam();
    beat();
  }

  function leave() {
    view();
    if (closes && !closed) {
      closed = true;
      const last = shownAt === null ? 0 : performance.now() - shownAt;
      emit("page_close", { visible_ms: Math.round(shown + last) });
    }
    beam();
    retire();
  }

  /** Begin a second life: the page comes back from the browser's cache. */
  function comeBack({ persisted }) {
    if (!persisted) return;
    closed = false;
    shown = 0;
    shownAt = document.hidden ? null : performance.now();
    seen = null;
    view();
    beat();
    schedule();
  }

  /* The logger of older pages */

  const listeners = {};

  function listen(type, element, callback) {
    const key = keyed(type, element);
    (listeners[key] = listeners[key] || []).push(callback);
  }

  function keyed(type, element) {
    return `${type}\n${element || null}`;
  }

  function log(type, data, element, request) {
    for (const callback of listeners[keyed(type, element)] || []) {
      guarded(callback, type, data, element || null);
    }
    const wanted = request || {};
    const answer = answerTo(type, data, wanted);
    if (wanted.success) answer.done(wanted.success);
    if (wanted.error) answer.fail(wanted.error);
    if (wanted.complete) answer.always(wanted.complete);
    return answer;
  }

  function answerTo(type, data, wanted) {
    if (wanted.url || wanted.type || wanted.method) return dressed(ask(type, data, wanted));
    const held = queue(type, data);
    if (wanted.async === false) flush();
    // Who waits for an answer wants it now, and one that comes: not when the network is back.
    return dressed(held, () =>
      Promise.race([held, flush().then(() => ({ status: "queued" }))]),
    );
  }

  /** Send one event as older servers know it, to where the caller wants it. */
  function ask(type, data, request) {
    if (refusal()) return Promise.resolve("");
    const fields = new URLSearchParams({ event_type: named(type), page: location.href });
    const text = JSON.stringify(data);
    if (text !== undefined) fields.set("event", text);
    const method = (request.type || request.method || "POST").toUpperCase();
    const url = new URL(request.url || endpoint, location.href);
    if (method === "GET") fields.forEach((value, key) => url.searchParams.set(key, value));
    const body = method === "GET" ? undefined : fields;
    const bytes = String(fields).length;
    // Far from where browsers refuse it: nobody sends this again.
    const keepalive = flying + bytes <= BEACON_BYTES;
    flying += keepalive ? bytes : 0;
    const landed = () => void (flying -= keepalive ? bytes : 0);
    const asked = fetch(url, { method, body, keepalive, credentials: credentials() });
    asked.then(landed, landed);
    return asked.then((answer) => {
      if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
      return answer.text();
    });
  }

  /** Give a promise what jQuery's had. */
  function dressed(held, settled) {
    const promise = held.then((result) => result);
    const then = (good, bad) => (settled ? settled() : held).then(good, bad);
    const nothing = () => {};
    held.catch(nothing);
    promise.catch(nothing);
    const chained = (listen) => (callback) => (listen(callback), promise);
    return Object.assign(promise, {
      then,
      done: chained((callback) => then(callback, nothing)),
      fail: chained((callback) => then(nothing, callback)),
      always: chained((callback) => then(callback, callback)),
    });
  }

  const api = { emit, context, page, flush, on, optIn, optOut };
  const logger = { log, listen, bind: () => void (closes = true) };
  window.eventtracking = api;
  // A page that has something else by these names keeps it.
  for (const [name, value] of [["Tracker", api], ["Logger", logger], ["log_event", log]]) {
    if (!(name in window)) window[name] = value;
  }

  addEventListener("pagehide", leave);
  addEventListener("pageshow", comeBack);
  addEventListener("storage", heed);
  document.addEventListener("visibilitychange", visibility);
  addEventListener("online", () => ((pausedUntil = failures = 0), flush()));
  if (viewed.includes("on")) {
    watch("pushState");
    if (viewed.includes("replace")) watch("replaceState");
    addEventListener("popstate", () => setTimeout(view));
    document.addEventListener("prerenderingchange", view);
    // Before that, a script in the head knows no title.
    if (document.readyState !== "loading") view();
    else document.addEventListener("DOMContentLoaded", view);
  }
  timer = setTimeout(flush, BATCH_MS);
})();

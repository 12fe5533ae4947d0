/*
 * Track events in the browser and send them to the collector.
 *
 * An event stays in localStorage until the server has confirmed it. Each event has an id by which
 * the server drops duplicates, so it is always safe to send an event again. Options are the data-*
 * attributes of the script element. This file is shipped as it is written; there is no build step.
 *
 * Sections: Options, Limits, Storage keys, State, Start, Events, Privacy, Queue, Tabs, Sending,
 * Beacons, Page views, Legacy Logger, Storage, Errors.
 */
(() => {
  "use strict";

  // A second copy on the page would report every page view twice.
  if (window.eventtracking) return;

  /* Options */

  const script = document.currentScript || document.querySelector("script[data-endpoint]");
  const options = script ? script.dataset : {};
  const endpoint = options.endpoint || "/event";

  const BATCH_EVENTS = numberOption("batchEvents", 50);
  const BATCH_BYTES = numberOption("batchBytes", 32768);
  const BATCH_MS = numberOption("batchSeconds", 2) * 1000;
  const QUEUE_EVENTS = numberOption("queueEvents", 10000);
  const GPC_MODE = privacyOption("gpc", "anonymous");
  const DNT_MODE = privacyOption("dnt", "off");
  const PAGE_VIEWS = (options.pageViews || "").split(" ");

  function numberOption(name, fallback) {
    return Number(options[name]) > 0 ? Number(options[name]) : fallback;
  }

  function privacyOption(name, fallback) {
    const value = options[name] || fallback;
    if (/^(off|anonymous|drop)$/.test(value)) return value;
    console.error(`eventtracking: data-${name} must be off, anonymous or drop, got ${value}`);
    return fallback;
  }

  /* Limits */

  // Browsers allow 64 KiB for all beacons and keepalive requests of a page together.
  const KEEPALIVE_BYTES = 61440;
  const BEACON_BYTES = 16384;
  // The JSON around the events takes 50 bytes.
  const ENVELOPE_BYTES = 60;
  // localStorage holds about 5 million characters; the rest is left to the application.
  const STORED_CHARACTERS = 2e6;
  const REQUEST_TIMEOUT_MS = 30000;
  const LEASE_MS = 10000;
  const HEARTBEAT_MS = 3000;
  const MAX_BACKOFF_MS = 60000;
  const MAX_RETRY_AFTER_MS = 3600000;
  const SESSION_MS = 1800000;

  /* Storage keys */

  const PREFIX = `eventtracking:${endpoint}:`;
  const EVENT = `${PREFIX}event:`;
  const GENERATION = `${PREFIX}generation`;
  const LEASE = `${PREFIX}lease:`;
  const RETRY_AT = `${PREFIX}retry_at`;
  const DROPPED = `${PREFIX}dropped`;
  const CHOICE = "eventtracking:choice";
  const ANONYMOUS_ID = "eventtracking:anonymous_id";
  const SESSION = "eventtracking:session";

  /* State */

  const encoder = new TextEncoder();
  /** Unconfirmed events by id, both of this page and adopted from other pages. */
  const queue = new Map();
  const thisPage = uuid();
  /** The pages whose events this page sends, itself first. */
  const leasedPages = new Set([thisPage]);
  const contexts = {};
  const listeners = { sent: [], dropped: [] };
  const legacyListeners = {};
  /** Items that storage refused, kept for the lifetime of the page. */
  const memory = {};
  const isDebugging = options.debug === "on" || Boolean(read("eventtracking:debug"));
  let hasWarned = false;

  let queuedBytes = 0;
  let storedCharacters = 0;

  let flushTimer = 0;
  let heartbeatTimer = 0;
  let adoptionTimer = 0;
  let activeFlush = null;
  let flushRequested = false;
  let keepaliveBytes = 0;
  let batchLimit = BATCH_EVENTS;
  let failures = 0;
  let pausedUntil = 0;

  let viewedAddress = null;
  let referrer = document.referrer;
  let reportsPageClose = options.pageClose === "on";
  let isPageClosed = false;
  let visibleMs = 0;
  let visibleSince = document.hidden ? null : performance.now();

  /* Start */

  const api = { emit, context, page, flush, on, optIn, optOut };
  const logger = { log, listen, bind };
  window.eventtracking = api;
  // The page may use these names for something else.
  for (const [name, value] of [["Tracker", api], ["Logger", logger], ["log_event", log]]) {
    if (!(name in window)) window[name] = value;
  }

  addEventListener("pagehide", onPageHide);
  addEventListener("pageshow", onPageShow);
  addEventListener("storage", onStorageChange);
  addEventListener("online", onOnline);
  document.addEventListener("visibilitychange", onVisibilityChange);
  if (PAGE_VIEWS.includes("on")) {
    watchHistory("pushState");
    if (PAGE_VIEWS.includes("replace")) watchHistory("replaceState");
    addEventListener("popstate", () => setTimeout(trackPageView));
    document.addEventListener("prerenderingchange", trackPageView);
    // A script in the head runs before the document has a title.
    if (document.readyState !== "loading") trackPageView();
    else document.addEventListener("DOMContentLoaded", trackPageView);
  }
  flushTimer = setTimeout(flush, BATCH_MS);

  /* Events */

  /** Queue an event. The promise resolves to the result of the event and is never rejected. */
  function emit(name, data) {
    try {
      return enqueue(name, data);
    } catch (error) {
      const event = { name: eventName(name) };
      const result = { status: "dropped", reason: "unserializable" };
      countDropped();
      warnOnce(`${event.name} cannot be written as JSON: ${error && error.message}`);
      notify("dropped", event, result);
      return Promise.resolve(result);
    }
  }

  /** Queue an event, or throw if its data cannot be written as JSON. */
  function enqueue(name, data) {
    const event = {
      id: uuid(),
      name: eventName(name),
      data: data === undefined ? {} : data,
      time: new Date().toISOString(),
      page: location.href,
    };
    const reason = blockReason();
    if (reason) {
      const result = { id: event.id, status: "dropped", reason };
      notify("dropped", event, result);
      return Promise.resolve(result);
    }
    event.context = eventContext();
    const text = JSON.stringify(event);
    debug("queued", event);
    return new Promise((resolve) => {
      addToQueue({ id: event.id, text, isOwn: true, resolve });
      const isFull = queue.size >= BATCH_EVENTS || queuedBytes >= BATCH_BYTES;
      if (isFull && Date.now() >= nextRequestTime()) flush();
      else schedule();
    });
  }

  /** Return the name as a string. The server uses the same default for a missing name. */
  function eventName(name) {
    return attempt(() => String(name || "")) || "unknown";
  }

  function eventContext() {
    const added = {};
    const dropped = Number(read(DROPPED));
    if (dropped) added.dropped = dropped;
    if (!isAnonymous()) {
      if (options.sessionId === "on") added.session_id = sessionId();
      if (options.anonymousId === "on") added.anonymous_id = anonymousId();
    }
    return Object.assign({}, contexts, Object.keys(added).length ? { eventtracking: added } : {});
  }

  function context(name, object) {
    if (object === undefined || object === null) delete contexts[name];
    else contexts[name] = object;
  }

  function on(type, listener) {
    if (Object.keys(listeners).includes(type)) listeners[type].push(listener);
    else console.error(`eventtracking: on() type must be "sent" or "dropped", got`, type);
  }

  function notify(type, event, result) {
    debug(result.status, event);
    for (const listener of listeners[type]) callListener(listener, event, result);
  }

  function uuid() {
    if (crypto.randomUUID) return crypto.randomUUID();
    // Browsers offer randomUUID only to pages served over HTTPS.
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  /* Privacy */

  /** Return why events must not be tracked, or "". */
  function blockReason() {
    const choice = read(CHOICE);
    if (choice ? choice === "out" : options.start === "denied") return "opt_out";
    if (hasGpc() && GPC_MODE === "drop") return "gpc";
    return hasDnt() && DNT_MODE === "drop" ? "dnt" : "";
  }

  function isAnonymous() {
    return (hasGpc() && GPC_MODE !== "off") || (hasDnt() && DNT_MODE !== "off");
  }

  function hasGpc() {
    return navigator.globalPrivacyControl === true;
  }

  function hasDnt() {
    return /^(1|yes)$/.test(navigator.doNotTrack || window.doNotTrack);
  }

  function optIn() {
    save(CHOICE, "in");
    trackPageView();
  }

  function optOut() {
    save(CHOICE, "out");
    forgetVisitor();
  }

  /** Follow a visitor who opted out in another tab. */
  function onStorageChange({ key }) {
    if (key === CHOICE && blockReason() === "opt_out") forgetVisitor();
  }

  /** Remove the ids and the queue. */
  function forgetVisitor() {
    // Every tab does this itself, because a tab may not see yet what another has just written.
    remove(ANONYMOUS_ID);
    remove(SESSION, "sessionStorage");
    dropQueue("opt_out");
    heartbeat();
  }

  /** Drop all queued events, including the stored events of other pages. */
  function dropQueue(reason) {
    for (const id of [...queue.keys()]) settle(id, "dropped", reason);
    for (const key of storedKeys(EVENT)) remove(key);
  }

  function sessionId() {
    const [id, lastUsed] = (read(SESSION, "sessionStorage") || "").split(" ");
    const now = Date.now();
    const current = now - lastUsed < SESSION_MS ? id : uuid();
    save(SESSION, `${current} ${now}`, "sessionStorage");
    return current;
  }

  function anonymousId() {
    const id = read(ANONYMOUS_ID) || uuid();
    save(ANONYMOUS_ID, id);
    return id;
  }

  function credentials() {
    return isAnonymous() ? "omit" : options.credentials || "same-origin";
  }

  /* Queue */

  function addToQueue(entry) {
    if (queue.has(entry.id)) return;
    entry.bytes = encoder.encode(entry.text).length;
    queue.set(entry.id, entry);
    queuedBytes += entry.bytes;
    // Take the lease first: other tabs adopt the stored events of a page without a lease.
    if (!heartbeatTimer) heartbeat();
    if (entry.isStored) storedCharacters += entry.text.length;
    else store(entry);
    while (queue.size > QUEUE_EVENTS) {
      countDropped();
      settle(queue.keys().next().value, "dropped", "full");
    }
  }

  /** Store an entry and note the generation of the storage, which changes when it is cleared. */
  function store(entry) {
    entry.isStored = false;
    if (storedCharacters + entry.text.length > STORED_CHARACTERS) return;
    if (!read(GENERATION)) write(GENERATION, uuid());
    entry.generation = read(GENERATION);
    entry.pageId = thisPage;
    entry.isStored = write(eventKey(entry), entry.text);
    if (entry.isStored) storedCharacters += entry.text.length;
  }

  function eventKey({ pageId, id }) {
    return `${EVENT}${pageId}:${id}`;
  }

  /** Return whether this page has to send an entry, and settle it if another tab has sent it. */
  function needsSending(entry) {
    if (!entry.isStored) return true;
    if (!canLease(entry.pageId)) return false;
    if (read(eventKey(entry)) !== null) return true;
    if (read(GENERATION) === entry.generation) {
      settle(entry.id, "elsewhere");
      return false;
    }
    // The application cleared the storage, as many do when a user logs out.
    storedCharacters -= entry.text.length;
    store(entry);
    return true;
  }

  /** Remove an event from the queue and report its result. */
  function settle(id, status, reason) {
    const entry = queue.get(id);
    if (!entry) return;
    queue.delete(id);
    queuedBytes -= entry.bytes;
    if (entry.isStored) {
      storedCharacters -= entry.text.length;
      remove(eventKey(entry));
    }
    const result = { id, status, reason };
    if (entry.resolve) entry.resolve(result);
    if (status === "elsewhere") return;
    const type = /^(accepted|duplicate)$/.test(status) ? "sent" : "dropped";
    notify(type, parseJson(entry.text), result);
  }

  function countDropped() {
    save(DROPPED, String(Number(read(DROPPED) || 0) + 1));
  }

  /* Tabs */

  // A page holds a lease on its own events while it is visible. When the lease has expired or was
  // released, another page may take it, adopt the events and send them.

  /** Renew the leases for as long as this page is visible and has events to send. */
  function heartbeat() {
    clearTimeout(heartbeatTimer);
    heartbeatTimer = 0;
    if (!queue.size || document.hidden) {
      releaseLeases();
      return;
    }
    for (const pageId of leasedPages) if (canLease(pageId)) lease(pageId);
    heartbeatTimer = setTimeout(heartbeat, HEARTBEAT_MS);
  }

  function lease(pageId) {
    write(LEASE + pageId, `${Date.now() + LEASE_MS} ${thisPage}`);
  }

  function releaseLeases() {
    for (const pageId of leasedPages) {
      if (leaseHolder(pageId) === thisPage) remove(LEASE + pageId);
      if (!queue.size && pageId !== thisPage) leasedPages.delete(pageId);
    }
  }

  function canLease(pageId) {
    return (leaseHolder(pageId) || thisPage) === thisPage;
  }

  /** Return the page that holds the lease on the events of a page, or "". */
  function leaseHolder(pageId) {
    const [expiry, holder] = (read(LEASE + pageId) || "").split(" ");
    const remaining = expiry - Date.now();
    return remaining > 0 && remaining <= LEASE_MS ? holder : "";
  }

  /** Adopt the events of pages that are gone. */
  async function adoptEvents() {
    const keysByPage = {};
    for (const key of storedKeys(EVENT)) {
      const { pageId, id } = parseEventKey(key);
      if (pageId === thisPage || queue.has(id)) continue;
      (keysByPage[pageId] = keysByPage[pageId] || []).push(key);
    }
    for (const key of storedKeys(LEASE)) {
      const pageId = key.slice(LEASE.length);
      if (!keysByPage[pageId] && !leaseHolder(pageId)) remove(key);
    }
    const others = Object.keys(keysByPage);
    const free = others.filter(canLease);
    clearTimeout(adoptionTimer);
    if (free.length < others.length) adoptionTimer = setTimeout(flush, LEASE_MS);
    if (!free.length) return;
    free.forEach(lease);
    // Another tab may write a lease at the same moment; the last one written is valid.
    await pause(100 + 100 * Math.random());
    for (const pageId of free) {
      if (!canLease(pageId)) continue;
      leasedPages.add(pageId);
      const events = keysByPage[pageId].map((key) => [key, read(key)]).filter(([, text]) => text);
      events.sort(compareTimes).forEach(adoptEvent);
    }
  }

  function parseEventKey(key) {
    const [pageId, id] = key.slice(EVENT.length).split(":");
    return { pageId, id };
  }

  function compareTimes([, one], [, other]) {
    const time = (text) => (parseJson(text) || {}).time || "";
    return time(one) < time(other) ? -1 : 1;
  }

  function adoptEvent([key, text]) {
    const { pageId, id } = parseEventKey(key);
    // A damaged event would make the server refuse the whole batch.
    if (!id || (parseJson(text) || {}).id !== id) remove(key);
    else addToQueue({ id, text, pageId, isStored: true, generation: read(GENERATION) });
  }

  /* Sending */

  function schedule() {
    if (flushTimer || !queue.size) return;
    const wait = nextRequestTime() - Date.now();
    // Timers sometimes fire a little early.
    const delay = wait > 0 || failures ? Math.max(wait, 0) + 10 : BATCH_MS;
    flushTimer = setTimeout(flush, delay);
  }

  function onOnline() {
    pausedUntil = failures = 0;
    flush();
  }

  /** Send the queue. The promise resolves to the number of events that are still queued. */
  function flush() {
    clearTimeout(flushTimer);
    flushTimer = 0;
    flushRequested = true;
    const finish = () => {
      activeFlush = null;
      heartbeat();
      schedule();
    };
    activeFlush = activeFlush || sendQueue().then(finish, finish);
    return activeFlush.then(() => queue.size);
  }

  async function sendQueue() {
    while (flushRequested) {
      flushRequested = false;
      const reason = blockReason();
      if (reason) dropQueue(reason);
      await adoptEvents();
      let batch = nextBatch();
      while (batch.length && Date.now() >= nextRequestTime() && (await send(batch))) {
        batch = nextBatch();
      }
      // Other tabs send the rest of the queue, so there is nothing to retry soon.
      if (!batch.length) failures = 0;
    }
  }

  function nextBatch() {
    const batch = [];
    let bytes = 0;
    for (const entry of queue.values()) {
      if (!needsSending(entry)) continue;
      bytes += entry.bytes;
      if (batch.length && (batch.length >= batchLimit || bytes > BATCH_BYTES)) break;
      batch.push(entry);
    }
    return batch;
  }

  /** Send a batch. Return whether the next batch may follow at once. */
  async function send(batch, withoutKeepalive) {
    const body = requestBody(batch);
    const bytes = encoder.encode(body).length;
    const keepalive = !withoutKeepalive && keepaliveBytes + bytes <= KEEPALIVE_BYTES;
    const { signal, timer } = abortAfter(REQUEST_TIMEOUT_MS);
    for (const entry of batch) entry.inFlight = keepalive;
    keepaliveBytes += keepalive ? bytes : 0;
    let response = null;
    let results = null;
    debug("sending", parseJson(body));
    try {
      response = await fetch(endpoint, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body,
        keepalive,
        credentials: credentials(),
        signal,
      });
      if (response.ok) results = (await response.json()).results;
    } catch (error) {
      debug("failed", error);
    }
    clearTimeout(timer);
    for (const entry of batch) entry.inFlight = false;
    keepaliveBytes -= keepalive ? bytes : 0;
    // Other scripts may have used up the budget, and Firefox frees it a little late.
    if (!response && keepalive && !signal.aborted) return send(batch, true);
    return handleResponse(batch, response, results);
  }

  function abortAfter(milliseconds) {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), milliseconds);
    return { signal: controller.signal, timer };
  }

  function requestBody(batch) {
    const events = batch.map(({ text }) => text).join();
    return `{"sent_at":"${new Date().toISOString()}","events":[${events}]}`;
  }

  function handleResponse(batch, response, results) {
    const status = response ? response.status : 0;
    // A single event may be the cause, so smaller batches isolate it.
    if ((status === 413 || status === 400) && batch.length > 1) {
      batchLimit = batch.length >> 1;
      return true;
    }
    if (status >= 400 && status < 500 && status !== 429) {
      warnOnce(`${endpoint} answered ${status}, and the events were dropped`);
      for (const { id } of batch) {
        countDropped();
        settle(id, "dropped", `http_${status}`);
      }
      return true;
    }
    // A response that names no event, such as that of a captive portal, confirms none.
    if (!settleResults(batch, results)) return backOff(response);
    failures = pausedUntil = 0;
    batchLimit = BATCH_EVENTS;
    return true;
  }

  /** Settle the events that the server decided on. Return whether there were any. */
  function settleResults(batch, results) {
    const before = queue.size;
    const ids = new Set(batch.map(({ id }) => id));
    for (const { id, status, reason } of Array.isArray(results) ? results : []) {
      if (!ids.has(id)) continue;
      if (status === "refused") warnOnce(`${endpoint} refused an event: ${reason}`);
      settle(id, status, reason);
    }
    return queue.size < before;
  }

  /** Wait as long as the server asks, and longer after each failure. */
  function backOff(response) {
    const header = (response && response.headers.get("Retry-After")) || "";
    const retryAfter = /^\d+$/.test(header) ? header * 1000 : Date.parse(header) - Date.now();
    if (retryAfter > 0) {
      save(RETRY_AT, String(Date.now() + Math.min(retryAfter, MAX_RETRY_AFTER_MS)));
    }
    const wait = Math.min(MAX_BACKOFF_MS, 1000 * 2 ** failures);
    pausedUntil = Date.now() + wait * (0.5 + Math.random() / 2);
    failures += 1;
    return false;
  }

  function nextRequestTime() {
    return Math.max(pausedUntil, retryTime());
  }

  /** Return the time before which the server wants no request from any tab, or 0. */
  function retryTime() {
    const time = Number(read(RETRY_AT)) || 0;
    // If the clock was set back, the stored time may be years away.
    return time > Date.now() + MAX_RETRY_AFTER_MS ? 0 : time;
  }

  function pause(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  /* Beacons */

  /** Send the events of this page without reading a response, because the page may end first. */
  function sendBeacons() {
    if (blockReason() || Date.now() < retryTime()) return;
    const pending = [...queue.values()].filter(
      (entry) => entry.isOwn && !entry.inFlight && !entry.isBeaconed && needsSending(entry),
    );
    // Events that storage refused have no other chance, so they go first. The large ones come after
    // the small ones, because one of them may use up the browser's budget.
    const rank = (entry) => (entry.isStored ? 2 : Number(exceedsBeacon(entry)));
    pending.sort((one, other) => rank(one) - rank(other));
    let batch = [];
    let bytes = ENVELOPE_BYTES;
    for (const entry of pending) {
      if (entry.isStored && exceedsBeacon(entry)) continue;
      if (batch.length && bytes + entry.bytes + 1 > BEACON_BYTES) {
        if (!sendWithBeacon(batch)) return;
        batch = [];
        bytes = ENVELOPE_BYTES;
      }
      batch.push(entry);
      bytes += entry.bytes + 1;
    }
    if (batch.length) sendWithBeacon(batch);
  }

  function exceedsBeacon({ bytes }) {
    return ENVELOPE_BYTES + bytes + 1 > BEACON_BYTES;
  }

  function sendWithBeacon(batch) {
    const body = requestBody(batch);
    debug("beacon", parseJson(body));
    // A beacon always carries cookies, and a fetch with keepalive may be larger.
    const isAccepted =
      isAnonymous() || exceedsBeacon(batch[0])
        ? sendWithKeepalive(body)
        : attempt(() => navigator.sendBeacon(endpoint, body));
    for (const entry of batch) entry.isBeaconed = isAccepted;
    return isAccepted;
  }

  function sendWithKeepalive(body) {
    const init = { method: "POST", body, keepalive: true, credentials: credentials() };
    fetch(endpoint, init).catch(() => {});
    return true;
  }

  /* Page views */

  function page(properties) {
    const data = { title: document.title, referrer };
    viewedAddress = pageAddress();
    referrer = location.href;
    return emit("page_view", Object.assign(data, properties));
  }

  /** Emit a page view if the address has changed since the last one. */
  function trackPageView() {
    if (!PAGE_VIEWS.includes("on") || viewedAddress === pageAddress()) return;
    if (!document.prerendering && !blockReason()) page();
  }

  function pageAddress() {
    return PAGE_VIEWS.includes("hash") ? location.href : location.href.split("#")[0];
  }

  function watchHistory(method) {
    const original = history[method];
    history[method] = function () {
      const result = original.apply(this, arguments);
      // Routers change the address first and the title afterwards.
      setTimeout(trackPageView);
      return result;
    };
  }

  function onVisibilityChange() {
    if (document.hidden && visibleSince !== null) visibleMs += performance.now() - visibleSince;
    visibleSince = document.hidden ? null : performance.now();
    if (document.hidden) sendBeacons();
    heartbeat();
  }

  function onPageHide() {
    trackPageView();
    if (reportsPageClose && !isPageClosed) {
      isPageClosed = true;
      const latest = visibleSince === null ? 0 : performance.now() - visibleSince;
      emit("page_close", { visible_ms: Math.round(visibleMs + latest) });
    }
    sendBeacons();
    releaseLeases();
  }

  /** Start over when the browser restores the page from its back/forward cache. */
  function onPageShow({ persisted }) {
    if (!persisted) return;
    isPageClosed = false;
    visibleMs = 0;
    visibleSince = document.hidden ? null : performance.now();
    viewedAddress = null;
    trackPageView();
    heartbeat();
    schedule();
  }

  /* Legacy Logger */

  function log(type, data, element, request) {
    for (const callback of legacyListeners[listenerKey(type, element)] || []) {
      callListener(callback, type, data, element || null);
    }
    const settings = request || {};
    const promise = logResult(type, data, settings);
    if (settings.success) promise.done(settings.success);
    if (settings.error) promise.fail(settings.error);
    if (settings.complete) promise.always(settings.complete);
    return promise;
  }

  function listen(type, element, callback) {
    const key = listenerKey(type, element);
    (legacyListeners[key] = legacyListeners[key] || []).push(callback);
  }

  function bind() {
    reportsPageClose = true;
  }

  function listenerKey(type, element) {
    return `${type}\n${element || null}`;
  }

  function logResult(type, data, settings) {
    if (settings.url || settings.type || settings.method) {
      return jQueryPromise(sendForm(type, data, settings));
    }
    const result = enqueue(type, data);
    if (settings.async === false) flush();
    // A caller that asks for the result needs one soon, not when the network is back.
    const resultNow = () => Promise.race([result, flush().then(() => ({ status: "queued" }))]);
    return jQueryPromise(result, resultNow);
  }

  /** Send one event as a form, without the queue, to the URL that the caller asks for. */
  function sendForm(type, data, settings) {
    if (blockReason()) return Promise.resolve("");
    const fields = new URLSearchParams({ event_type: eventName(type), page: location.href });
    const text = JSON.stringify(data);
    if (text !== undefined) fields.set("event", text);
    const method = (settings.type || settings.method || "POST").toUpperCase();
    const url = new URL(settings.url || endpoint, location.href);
    if (method === "GET") fields.forEach((value, key) => url.searchParams.set(key, value));
    const body = method === "GET" ? undefined : fields;
    const bytes = String(fields).length;
    // Stay far below the browser's limit: a request that it refuses is not sent again.
    const keepalive = keepaliveBytes + bytes <= BEACON_BYTES;
    keepaliveBytes += keepalive ? bytes : 0;
    const release = () => void (keepaliveBytes -= keepalive ? bytes : 0);
    const request = fetch(url, { method, body, keepalive, credentials: credentials() });
    request.then(release, release);
    return request.then((response) => {
      if (!response.ok) throw new Error(`${url} answered ${response.status}`);
      return response.text();
    });
  }

  /** Return a promise with jQuery's methods. `resultNow` gives the result that callbacks get. */
  function jQueryPromise(result, resultNow) {
    const promise = result.then((value) => value);
    const then = (onDone, onFail) => (resultNow ? resultNow() : result).then(onDone, onFail);
    const ignore = () => {};
    result.catch(ignore);
    promise.catch(ignore);
    const chainable = (register) => (callback) => (register(callback), promise);
    return Object.assign(promise, {
      then,
      done: chainable((callback) => then(callback, ignore)),
      fail: chainable((callback) => then(ignore, callback)),
      always: chainable((callback) => then(callback, callback)),
    });
  }

  /* Storage */

  /** Access storage. In a browser that blocks it, even reading the property throws. */
  function withStorage(action, area) {
    return attempt(() => action(window[area || "localStorage"]));
  }

  function read(key, area) {
    const found = withStorage((storage) => storage.getItem(key), area);
    return found === undefined || key in memory ? memory[key] : found;
  }

  function write(key, text, area) {
    return withStorage((storage) => (storage.setItem(key, text), true), area);
  }

  /** Write an item, to memory if storage refuses it. */
  function save(key, text, area) {
    delete memory[key];
    if (!write(key, text, area)) memory[key] = text;
  }

  function remove(key, area) {
    delete memory[key];
    withStorage((storage) => storage.removeItem(key), area);
  }

  function storedKeys(prefix) {
    const keys = withStorage((storage) =>
      Array.from({ length: storage.length }, (_, index) => storage.key(index)),
    );
    return (keys || []).filter((key) => key && key.startsWith(prefix));
  }

  /* Errors */

  function parseJson(text) {
    return attempt(() => JSON.parse(text));
  }

  /** Return the result of an action, or undefined if it throws. */
  function attempt(action) {
    try {
      return action();
    } catch (_) {
      return undefined;
    }
  }

  function callListener(listener, ...args) {
    try {
      listener(...args);
    } catch (error) {
      console.error(error);
    }
  }

  function debug(label, value) {
    if (isDebugging) console.info(`eventtracking: ${label}`, value);
  }

  /** Warn about the first problem only, so that an outage does not fill the console. */
  function warnOnce(text) {
    if (!hasWarned) console.warn(`eventtracking: ${text}`);
    hasWarned = true;
  }
})();

"""Scripts for tests: expressions to evaluate in a page, and code to run before its scripts."""

READY = "!!window.eventtracking && document.readyState === 'complete'"
"""Whether the client has started and the document is complete."""

STORED_COUNT = "Object.keys(localStorage).filter((key) => key.includes(':event:')).length"
"""The number of events in storage."""

RECORD_FETCHES = """
window.fetches = [];
const originalFetch = window.fetch;
window.fetch = (url, options) => {
  fetches.push({ keepalive: options.keepalive, credentials: options.credentials,
                 bytes: new Blob([options.body]).size });
  return originalFetch(url, options);
};
"""
"""Record the options and the size of each request in `fetches`."""

RECORD_BEACONS = """
window.beacons = JSON.parse(sessionStorage.getItem("beacons") || "[]");
const originalBeacon = navigator.sendBeacon.bind(navigator);
navigator.sendBeacon = (url, body) => {
  const isAccepted = window.refuseBeacons ? false : originalBeacon(url, body);
  beacons.push({ isAccepted, bytes: new Blob([body]).size });
  sessionStorage.setItem("beacons", JSON.stringify(beacons));
  return isAccepted;
};
"""
"""Record in `beacons` the size of each beacon, and whether the browser accepted it."""

FAST_TIMERS = """
window.delays = [];
window.clockOffset = 0;
const now = Date.now;
const originalSetTimeout = window.setTimeout;
Date.now = () => now() + window.clockOffset;
Math.random = () => 0.4;
window.setTimeout = (action, delay) => {
  // Request time-outs, leases and heartbeats keep their real delays.
  const isReal = !(delay > 200) || delay >= 60000 || [3000, 10000, 30000].includes(delay);
  if (isReal) return originalSetTimeout(action, delay);
  delays.push(Math.round(delay / 10) * 10);
  return originalSetTimeout(() => {
    if (window.timersAreStopped) return;
    window.clockOffset += delay;
    action();
  }, 1);
};
"""
"""Record long delays in `delays`, and move the clock forward instead of waiting for them."""

NO_STORAGE = """
for (const area of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, area, {
    get() { throw new DOMException("refused", "SecurityError"); },
  });
}
"""
"""Throw on every access to storage, as browsers do that block it."""

FULL_STORAGE = """
Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };
"""
"""Throw on every write to storage."""

FILL_STORAGE = """(() => {
  let text = "x".repeat(1 << 20);
  for (let number = 0; text.length; number++) {
    try { localStorage.setItem("app" + number, text); }
    catch (error) { text = text.slice(0, text.length >> 1); }
  }
})()"""
"""Fill the storage up to the browser's quota. To be evaluated in a page."""

NO_RANDOM_UUID = "Object.defineProperty(crypto, 'randomUUID', { value: undefined });"

DEFINE_HIDE = """
window.hide = (hidden) => {
  Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
};
"""
"""Define `hide(true)`, which has the effect of switching to another tab."""


def privacy_signals(*, gpc=False, dnt=False):
    """Return a script that sets the privacy signals of the browser."""
    return (
        f"Object.defineProperty(Navigator.prototype, 'globalPrivacyControl',"
        f" {{ get: () => {str(gpc).lower()} }});"
        f"Object.defineProperty(Navigator.prototype, 'doNotTrack',"
        f" {{ get: () => {'`1`' if dnt else 'null'} }});"
    )

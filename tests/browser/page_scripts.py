"""Scripts for pages: to ask them, and to run before theirs in a browser set up otherwise."""

READY = "!!window.eventtracking && document.readyState === 'complete'"
"""The client is there, and what it left for the document to be read has happened."""

KEPT = "Object.keys(localStorage).filter((key) => key.includes(':event:')).length"
"""How many events wait in storage."""

SEES_FETCHES = """
window.fetches = [];
const fetched = window.fetch;
window.fetch = (url, options) => {
  fetches.push({ keepalive: options.keepalive, credentials: options.credentials,
                 bytes: new Blob([options.body]).size });
  return fetched(url, options);
};
"""
"""The page keeps in `fetches` how each request was made."""

SEES_BEACONS = """
window.beacons = JSON.parse(sessionStorage.getItem("beacons") || "[]");
const beacon = navigator.sendBeacon.bind(navigator);
navigator.sendBeacon = (url, body) => {
  const taken = window.refuseBeacons ? false : beacon(url, body);
  beacons.push({ taken, bytes: new Blob([body]).size });
  sessionStorage.setItem("beacons", JSON.stringify(beacons));
  return taken;
};
"""
"""The page keeps in `beacons` how large each was, and whether the browser took it."""

HURRIES = """
window.waits = [];
window.jump = 0;
const now = Date.now;
const later = window.setTimeout;
Date.now = () => now() + window.jump;
Math.random = () => 0.4;
window.setTimeout = (act, delay) => {
  // Time-outs and the pulse of a page stay what they are.
  const stays = !(delay > 200) || delay >= 60000 || [3000, 10000, 30000].includes(delay);
  if (stays) return later(act, delay);
  waits.push(Math.round(delay / 10) * 10);
  return later(() => { if (!window.holdsStill) { window.jump += delay; act(); } }, 1);
};
"""
"""What would wait for long is noted in `waits`, and happens now: the clock is put forward."""

NO_STORAGE = """
for (const area of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, area, {
    get() { throw new DOMException("refused", "SecurityError"); },
  });
}
"""

FULL_STORAGE = """
Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); };
"""

FILLS_STORAGE = """(() => {
  let text = "x".repeat(1 << 20);
  for (let number = 0; text.length; number++) {
    try { localStorage.setItem("app" + number, text); }
    catch (error) { text = text.slice(0, text.length >> 1); }
  }
})()"""
"""To be evaluated in a page: its storage has room for nothing more."""

NO_RANDOM_UUID = "Object.defineProperty(crypto, 'randomUUID', { value: undefined });"

HIDES = """
window.hide = (hidden) => {
  Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
};
"""
"""`hide(true)` does what switching to another tab does."""


def signals(*, gpc=False, dnt=False):
    """Return the script of a visitor who sent these signals."""
    return (
        f"Object.defineProperty(Navigator.prototype, 'globalPrivacyControl',"
        f" {{ get: () => {str(gpc).lower()} }});"
        f"Object.defineProperty(Navigator.prototype, 'doNotTrack',"
        f" {{ get: () => {'`1`' if dnt else 'null'} }});"
    )

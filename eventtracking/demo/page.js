"use strict";

const MAX_SHOWN = 50;

/* Longer texts are shown without their middle, except in log lines. */
const MAX_TEXT = 400;
const REDACTED = "[redacted]";

const NOT_RESPONDING = "The demo is not responding. Was it stopped?";

const find = (selector) => document.querySelector(selector);
const button = (path) => find(`button[data-path="${path}"]`);

const user = find("#user");
const events = find("#events");
const progress = find("#progress");
let kept = 0;
let dropped = 0;

/** Send the request of an action and show its event; return the response, or null if refused. */
async function act(path, form = {}) {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user: user.value.trim(), ...form }),
    });
    const content = await response.json();
    user.setAttribute("aria-invalid", String(content.error?.startsWith("user ") ?? false));
    if (!response.ok) {
      showError(content.error);
      return null;
    }
    showError("");
    show(content);
    return content;
  } catch {
    showError(NOT_RESPONDING);
    return null;
  }
}

/* The events that the browser emits itself. They are stored here until the server has them. */

const tab = crypto.randomUUID();
let lastLine = 0;
let fetching = Promise.resolve();

function storeUser() {
  document.cookie = `user=${encodeURIComponent(user.value.trim())}; SameSite=Strict; path=/`;
}

/** Fetch and show the log lines of the events of this tab. */
async function fetchLines() {
  const response = await fetch(`/lines?after=${lastLine}`);
  const { last, lines } = await response.json();
  // A demo that was restarted counts from one again.
  const isRestarted = last < lastLine;
  lastLine = isRestarted ? 0 : last;
  if (isRestarted) await fetchLines();
  for (const line of isRestarted ? [] : lines) {
    const { name, context } = JSON.parse(line);
    if (context.page_context?.tab?.id === tab) show({ event: name, lines: [line] });
  }
}

eventtracking.context("tab", { id: tab });
eventtracking.on("sent", () => {
  showError("");
  // One after another, so that no line is shown twice.
  fetching = fetching.then(fetchLines).catch(() => showError(NOT_RESPONDING));
});
user.addEventListener("input", storeUser);
storeUser();

function track(name) {
  eventtracking.emit(name, { id: "welcome", current_time: seconds(), duration: progress.max });
}

function showError(text) {
  const error = find("#error");
  error.textContent = text;
  error.hidden = !text;
}

/** Show the log lines of a request, or that a filter dropped its event. */
function show({ event, lines }) {
  for (const item of lines.map(card)) add(item);
  if (!lines.length) add(droppedNote(event));
  kept += lines.length;
  dropped += lines.length ? 0 : 1;
  find("#count").textContent =
    `${kept} event${kept === 1 ? "" : "s"}` + (dropped ? `, ${dropped} dropped by the filter` : "");
}

function add(item) {
  item.classList.add("fresh");
  for (const open of events.querySelectorAll("details[open]")) open.open = false;
  events.prepend(item);
  find(".log").scrollTop = 0;
  while (events.children.length > MAX_SHOWN) events.lastElementChild.remove();
}

function card(line) {
  const event = JSON.parse(line);
  const item = make("li");
  const details = item.appendChild(make("details"));
  const summary = details.appendChild(make("summary"));
  summary.append(
    make("span", "name", event.name),
    make("span", "user", event.context.username),
    make("span", "time", new Date(event.timestamp).toLocaleTimeString()),
  );
  const notes = guardNotes(event);
  if (notes.length) details.appendChild(make("div", "guarded")).append(...notes);
  const text = details.appendChild(make("pre")).appendChild(make("code"));
  text.dataset.line = line;
  render(text);
  details.open = true;
  return item;
}

/** Describe the changes that the guards made to an event, in a line for each guard. */
function guardNotes({ data, context }) {
  const redacted = Object.keys(data).filter((key) => String(data[key]).includes(REDACTED));
  const { truncated } = context;
  const notes = [];
  if (redacted.length) {
    const paths = redacted.map((key) => `/data/${key}`).join(" and ");
    notes.push(guardNote("SensitiveFieldGuard", `hid the password in ${paths}.`));
  }
  if (truncated) {
    const paths = truncated.paths.join(" and ");
    const bytes = truncated.bytes.toLocaleString("en");
    notes.push(guardNote("SizeGuard", `truncated ${paths}: the event had ${bytes} bytes.`));
  }
  return notes;
}

function guardNote(guard, text) {
  const line = make("p");
  line.append(make("b", "", guard), ` ${text}`);
  return line;
}

function droppedNote(name) {
  const item = make("li", "dropped");
  item.append(make("span", "name", name), " was dropped by the filter. It is not in the log.");
  return item;
}

function render(text) {
  const { line } = text.dataset;
  text.textContent = find("#as-line").checked ? line : JSON.stringify(JSON.parse(line), shorten, 2);
}

/** Leave out the middle of a long text. Its end shows the mark of a guard. */
function shorten(_, value) {
  if (typeof value !== "string" || value.length <= MAX_TEXT) return value;
  const omitted = value.length - MAX_TEXT;
  const middle = `\u2026 (${omitted.toLocaleString("en")} more characters) \u2026`;
  return `${value.slice(0, MAX_TEXT / 2)} ${middle} ${value.slice(-MAX_TEXT / 2)}`;
}

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

find("#as-line").addEventListener("change", () => {
  events.classList.toggle("lines", find("#as-line").checked);
  events.querySelectorAll("code").forEach(render);
});

/* The sign-in, with a random password */

const password = find("#password");

password.value = `made-up-${crypto.getRandomValues(new Uint32Array(1))}`;

find("#sign-in").addEventListener("submit", (submission) => {
  submission.preventDefault();
  act("/sign-in", { password: password.value });
});

/* The course */

const enrolled = new Set();

function showEnrolled() {
  const isEnrolled = enrolled.has(user.value.trim());
  button("/enroll").disabled = isEnrolled;
  button("/leave").disabled = !isEnrolled;
  find("#enrolled").hidden = !isEnrolled;
}

async function enroll() {
  const name = user.value.trim();
  if (await act("/enroll")) enrolled.add(name);
  showEnrolled();
}

async function leave() {
  const name = user.value.trim();
  if (await act("/leave")) enrolled.delete(name);
  showEnrolled();
}

button("/enroll").addEventListener("click", enroll);
button("/leave").addEventListener("click", leave);
user.addEventListener("input", showEnrolled);

/* The video, which is only a progress bar */

let playing = null;

const seconds = () => Math.round(progress.value * 10) / 10;
const clock = (value) => `${Math.floor(value / 60)}:${String(Math.floor(value % 60)).padStart(2, "0")}`;

function tick() {
  progress.value = Math.min(progress.max, progress.value + 0.1);
  find("#clock").textContent = `${clock(progress.value)} / ${clock(progress.max)}`;
  if (progress.value >= progress.max) pause();
}

function play() {
  if (progress.value >= progress.max) progress.value = 0;
  track("edx.video.played");
  clearInterval(playing);
  playing = setInterval(tick, 100);
  button("/video/play").disabled = true;
  button("/video/pause").disabled = false;
}

function pause() {
  clearInterval(playing);
  button("/video/play").disabled = false;
  button("/video/pause").disabled = true;
  track("edx.video.paused");
}

button("/video/play").addEventListener("click", play);
button("/video/pause").addEventListener("click", pause);

/* The essay */

const CHARACTERS_PER_PAGE = 2000;
const SENTENCE = "This sentence is repeated until the essay is long enough. ";

const pages = find("#pages");
const characters = () => pages.value * CHARACTERS_PER_PAGE;

function showLength() {
  const text = `${pages.value} pages, ${characters().toLocaleString("en")} characters`;
  find("#length").textContent = text;
  pages.setAttribute("aria-valuetext", text);
}

pages.addEventListener("input", showLength);
showLength();

find("#essay").addEventListener("submit", (submission) => {
  submission.preventDefault();
  const essay = SENTENCE.repeat(characters() / SENTENCE.length + 1).slice(0, characters());
  act("/essay", { essay });
});

/* The problem, and the event that is filtered */

find("#problem").addEventListener("submit", async (submission) => {
  submission.preventDefault();
  const answer = new FormData(submission.target).get("answer");
  const content = await act("/answer", { answer });
  if (!content?.lines.length) return;
  const { correct } = JSON.parse(content.lines[0]).data;
  find("#verdict").textContent = correct ? "Correct!" : "Not quite. Try another one.";
});

button("/scroll").addEventListener("click", () => act("/scroll"));

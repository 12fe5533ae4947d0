"use strict";

const MAX_SHOWN = 50;

/* A longer text is shown without its middle, unless as it is in the file. */
const MAX_TEXT = 400;
const REDACTED = "[redacted]";

const find = (selector) => document.querySelector(selector);
const button = (path) => find(`button[data-path="${path}"]`);

const user = find("#user");
const events = find("#events");
const progress = find("#progress");
let kept = 0;
let dropped = 0;

/** Send one request; show the event that it became; tell whether it was accepted. */
async function act(path, form = {}) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user: user.value.trim(), ...form }),
    });
    const content = await answer.json();
    user.setAttribute("aria-invalid", String(content.error?.startsWith("user ") ?? false));
    if (!answer.ok) return complain(content.error);
    complain("");
    show(content);
    return content;
  } catch {
    return complain("The demo does not answer. Was it ended in the terminal?");
  }
}

/* What the browser emits itself. It waits here until the server has it. */

const tab = crypto.randomUUID();
let heard = 0;
let hearing = Promise.resolve();

function beUser() {
  document.cookie = `user=${encodeURIComponent(user.value.trim())}; SameSite=Strict; path=/`;
}

/** Show what became of the events of this page. */
async function hear() {
  const answer = await fetch(`/lines?after=${heard}`);
  const { last, lines } = await answer.json();
  // A demo that was started again counts from one.
  const isNew = last < heard;
  heard = isNew ? 0 : last;
  if (isNew) await hear();
  for (const line of isNew ? [] : lines) {
    const { name, context } = JSON.parse(line);
    if (context.page_context?.tab?.id === tab) show({ event: name, lines: [line] });
  }
}

eventtracking.context("tab", { id: tab });
eventtracking.on("sent", () => {
  complain("");
  // One after the other: no line is shown twice.
  hearing = hearing.then(hear).catch(() => complain("The demo does not answer."));
});
user.addEventListener("input", beUser);
beUser();

function track(name) {
  eventtracking.emit(name, { id: "welcome", current_time: seconds(), duration: progress.max });
}

function complain(text) {
  const trouble = find("#trouble");
  trouble.textContent = text;
  trouble.hidden = !text;
  return null;
}

/** Show what a request became: its events, or that a filter dropped it. */
function show({ event, lines }) {
  for (const item of lines.map(card)) place(item);
  if (!lines.length) place(note(event));
  kept += lines.length;
  dropped += lines.length ? 0 : 1;
  find("#count").textContent =
    `${kept} event${kept === 1 ? "" : "s"}` + (dropped ? `, ${dropped} dropped by the filter` : "");
}

function place(item) {
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
  const done = guarded(event);
  if (done.length) details.appendChild(make("div", "guarded")).append(...done);
  const text = details.appendChild(make("pre")).appendChild(make("code"));
  text.dataset.line = line;
  layOut(text);
  details.open = true;
  return item;
}

/** Say what the guards did to an event, in a line for each that did something. */
function guarded({ data, context }) {
  const hidden = Object.keys(data).filter((key) => String(data[key]).includes(REDACTED));
  const { truncated } = context;
  const lines = [];
  if (hidden.length) {
    const places = hidden.map((key) => `/data/${key}`).join(" and ");
    lines.push(said("SensitiveFieldGuard", `hid the password in ${places}.`));
  }
  if (truncated) {
    const bytes = truncated.bytes.toLocaleString("en");
    lines.push(said("SizeGuard", `cut ${truncated.paths.join(" and ")}: the event had ${bytes} bytes.`));
  }
  return lines;
}

function said(who, what) {
  const line = make("p");
  line.append(make("b", "", who), ` ${what}`);
  return line;
}

function note(name) {
  const item = make("li", "dropped");
  item.append(make("span", "name", name), " was dropped by the filter: the log has no trace of it.");
  return item;
}

function layOut(text) {
  const { line } = text.dataset;
  text.textContent = find("#as-line").checked ? line : JSON.stringify(JSON.parse(line), shortened, 2);
}

/** Leave out the middle of a long text: its end tells what a guard cut off. */
function shortened(_, value) {
  if (typeof value !== "string" || value.length <= MAX_TEXT) return value;
  const left = value.length - MAX_TEXT;
  const middle = `\u2026 (${left.toLocaleString("en")} characters more) \u2026`;
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
  events.querySelectorAll("code").forEach(layOut);
});

/* The sign-in, with a password that nobody uses */

const password = find("#password");

password.value = `made-up-${crypto.getRandomValues(new Uint32Array(1))}`;

find("#sign-in").addEventListener("submit", (submission) => {
  submission.preventDefault();
  act("/sign-in", { password: password.value });
});

/* The course */

const enrolled = new Set();

function showEnrolled() {
  const is = enrolled.has(user.value.trim());
  button("/enroll").disabled = is;
  button("/leave").disabled = !is;
  find("#enrolled").hidden = !is;
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

/* The video: a clock that pretends */

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

const CHARACTERS_A_PAGE = 2000;
const SENTENCE = "It happened like this, and then like that. ";

const pages = find("#pages");
const characters = () => pages.value * CHARACTERS_A_PAGE;

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

/* The problem, and the noise */

find("#problem").addEventListener("submit", async (submission) => {
  submission.preventDefault();
  const answer = new FormData(submission.target).get("answer");
  const content = await act("/answer", { answer });
  if (!content?.lines.length) return;
  const { correct } = JSON.parse(content.lines[0]).data;
  find("#verdict").textContent = correct ? "Right!" : "Not quite. Try another.";
});

button("/scroll").addEventListener("click", () => act("/scroll"));

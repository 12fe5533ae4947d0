"use strict";

/* Rows of each kind: a flood of good events must not wash away the bad ones. */
const MAX_ROWS = 300;

const LOOK_EVERY_MS = 500;

const DESTINATIONS = { segment: "Segment", datadog: "Datadog", google_analytics: "Google" };

const find = (selector) => document.querySelector(selector);
const token = new URLSearchParams(location.search).get("token") ?? "";
const rows = find("#events");

let last = 0;
let resets = null;
let paused = false;
let chosen = null;

/** Ask the server; return what it says. */
async function ask(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { ...options, headers });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error);
  return content;
}

function post(path, content) {
  return ask(path, { method: "POST", body: JSON.stringify(content) });
}

function complain(text) {
  const trouble = find("#trouble");
  trouble.textContent = text;
  trouble.hidden = !text;
}

/** Fetch what has come since the last look, for as long as the page is open. */
async function look() {
  if (!paused && !document.hidden) {
    try {
      show(await ask(`/feed?after=${last}`));
      complain("");
    } catch (error) {
      const gone = error instanceof TypeError;
      complain(gone ? "The inspector does not answer. Was it ended in the terminal?" : error.message);
    }
  }
  setTimeout(look, LOOK_EVERY_MS);
}

function show({ counts, events, ...state }) {
  if (resets !== null && resets !== state.resets) forget();
  resets = state.resets;
  last = state.last;
  find("#good").textContent = counts.good.toLocaleString("en");
  find("#bad").textContent = counts.bad.toLocaleString("en");
  const fresh = document.createDocumentFragment();
  for (const event of events.reverse()) fresh.append(row(event));
  rows.prepend(fresh);
  prune("good");
  prune("bad");
  filter();
}

function prune(verdict) {
  const all = rows.querySelectorAll(`li.${verdict}`);
  for (let index = all.length - 1; index >= MAX_ROWS; index -= 1) all[index].remove();
}

function row(event) {
  const item = make("li", event.good ? "good" : "bad");
  item.dataset.name = event.name.toLowerCase();
  item.dataset.destination = event.destination;
  const button = item.appendChild(make("button"));
  button.type = "button";
  button.append(
    make("span", "mark", event.good ? "\u2713" : "\u2717"),
    make("span", "name", event.name),
    make("span", `badge ${event.destination}`, DESTINATIONS[event.destination]),
    make("time", "", new Date(event.received_at).toLocaleTimeString()),
  );
  if (!event.good) button.append(make("span", "why", event.reasons.join("; ")));
  button.addEventListener("click", () => choose(event.number, item));
  return item;
}

async function choose(number, item) {
  chosen?.classList.remove("chosen");
  chosen = item;
  item.classList.add("chosen");
  try {
    detail(await ask(`/event?number=${number}`));
  } catch (error) {
    complain(error.message);
  }
}

function detail({ name, destination, good, reasons, payload, received_at: receivedAt }) {
  find("#hint").hidden = true;
  find("#chosen").hidden = false;
  find("#chosen-name").textContent = name;
  find("#chosen-destination").textContent = DESTINATIONS[destination];
  find("#chosen-destination").className = `badge ${destination}`;
  find("#chosen-time").textContent = `${new Date(receivedAt).toLocaleString()}, ${good ? "good" : "bad"}`;
  find("#chosen-reasons").replaceChildren(...reasons.map((reason) => make("li", "", reason)));
  find("#chosen-payload").textContent = JSON.stringify(payload, null, 2);
}

function filter() {
  const name = find("#name").value.trim().toLowerCase();
  const destination = find("#destination").value;
  const verdict = find("#verdict").value;
  let shown = 0;
  for (const item of rows.children) {
    item.hidden =
      !item.dataset.name.includes(name) ||
      (destination !== "" && item.dataset.destination !== destination) ||
      (verdict !== "" && !item.classList.contains(verdict));
    shown += item.hidden ? 0 : 1;
  }
  find("#none").hidden = shown > 0;
  find("#none").textContent = rows.children.length
    ? "Nothing of what is here passes the filters."
    : "Waiting for the first event \u2026";
}

function forget() {
  rows.replaceChildren();
  chosen = null;
  find("#chosen").hidden = true;
  find("#hint").hidden = false;
}

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

find("#filters").addEventListener("input", filter);
find("#filters").addEventListener("submit", (submission) => submission.preventDefault());

find("#pause").addEventListener("click", () => {
  paused = !paused;
  find("#pause").textContent = paused ? "Go on" : "Pause";
  find("#pause").setAttribute("aria-pressed", String(paused));
});

find("#clear").addEventListener("click", () => {
  post("/reset", {}).catch((error) => complain(error.message));
});

find("#faults").addEventListener("submit", async (submission) => {
  submission.preventDefault();
  const hint = find("#script-hint");
  try {
    const fault = await post("/faults", {
      destination: find("#failing").value,
      script: find("#script").value,
    });
    const who = find("#failing").selectedOptions[0].textContent;
    hint.textContent = `${who} will answer ${fault.script || "as always"}${fault.script ? ", then as always" : ""}.`;
  } catch (error) {
    hint.textContent = error.message;
  }
});

look();

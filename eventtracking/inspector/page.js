"use strict";

/* Good rows and bad rows each: a flood of good events must not push out the bad ones. */
const MAX_ROWS = 300;

const POLL_INTERVAL_MS = 500;

const DESTINATIONS = { segment: "Segment", datadog: "Datadog", google_analytics: "Google" };

const find = (selector) => document.querySelector(selector);
const token = new URLSearchParams(location.search).get("token") ?? "";
const rows = find("#events");

let last = 0;
let resets = null;
let paused = false;
let selected = null;

/** Send a request to the inspector; return the JSON of its response. */
async function request(path, options = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, { ...options, headers });
  const content = await response.json();
  if (!response.ok) throw new Error(content.error);
  return content;
}

function post(path, content) {
  return request(path, { method: "POST", body: JSON.stringify(content) });
}

function showError(text) {
  const error = find("#error");
  error.textContent = text;
  error.hidden = !text;
}

/** Fetch the events since the last poll, for as long as the page is open. */
async function poll() {
  if (!paused && !document.hidden) {
    try {
      show(await request(`/feed?after=${last}`));
      showError("");
    } catch (error) {
      const isStopped = error instanceof TypeError;
      showError(isStopped ? "The inspector is not responding. Was it stopped?" : error.message);
    }
  }
  setTimeout(poll, POLL_INTERVAL_MS);
}

function show({ counts, events, ...state }) {
  if (resets !== null && resets !== state.resets) removeAll();
  resets = state.resets;
  last = state.last;
  find("#good").textContent = counts.good.toLocaleString("en");
  find("#bad").textContent = counts.bad.toLocaleString("en");
  const added = document.createDocumentFragment();
  for (const event of events.reverse()) added.append(row(event));
  rows.prepend(added);
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
  if (!event.good) button.append(make("span", "reason", event.reasons.join("; ")));
  button.addEventListener("click", () => select(event.number, item));
  return item;
}

async function select(number, item) {
  selected?.classList.remove("selected");
  selected = item;
  item.classList.add("selected");
  try {
    showDetails(await request(`/event?number=${number}`));
  } catch (error) {
    showError(error.message);
  }
}

function showDetails({ name, destination, good, reasons, payload, received_at: receivedAt }) {
  find("#hint").hidden = true;
  find("#selected").hidden = false;
  find("#selected-name").textContent = name;
  find("#selected-destination").textContent = DESTINATIONS[destination];
  find("#selected-destination").className = `badge ${destination}`;
  find("#selected-time").textContent = `${new Date(receivedAt).toLocaleString()}, ${good ? "good" : "bad"}`;
  find("#selected-reasons").replaceChildren(...reasons.map((reason) => make("li", "", reason)));
  find("#selected-payload").textContent = JSON.stringify(payload, null, 2);
}

function filter() {
  const name = find("#name").value.trim().toLowerCase();
  const destination = find("#destination").value;
  const verdict = find("#verdict").value;
  let visible = 0;
  for (const item of rows.children) {
    item.hidden =
      !item.dataset.name.includes(name) ||
      (destination !== "" && item.dataset.destination !== destination) ||
      (verdict !== "" && !item.classList.contains(verdict));
    visible += item.hidden ? 0 : 1;
  }
  find("#placeholder").hidden = visible > 0;
  find("#placeholder").textContent = rows.children.length
    ? "No events match the filters."
    : "Waiting for the first event \u2026";
}

function removeAll() {
  rows.replaceChildren();
  selected = null;
  find("#selected").hidden = true;
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
  find("#pause").textContent = paused ? "Resume" : "Pause";
  find("#pause").setAttribute("aria-pressed", String(paused));
});

find("#clear").addEventListener("click", () => {
  post("/reset", {}).catch((error) => showError(error.message));
});

find("#faults").addEventListener("submit", async (submission) => {
  submission.preventDefault();
  const hint = find("#script-hint");
  try {
    const { script } = await post("/faults", {
      destination: find("#faulty").value,
      script: find("#script").value,
    });
    const name = find("#faulty").selectedOptions[0].textContent;
    hint.textContent = script
      ? `${name} will respond with ${script}, and normally afterwards.`
      : `${name} will respond normally.`;
  } catch (error) {
    hint.textContent = error.message;
  }
});

poll();

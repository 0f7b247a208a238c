// The phones: the most recently active ones, one conversation, and a box to text as its member.

import { attempt, get, notice, post } from "./api.js";
import { arrange, byId, clockTime, el, setCurrent } from "./dom.js";
import { draws, KEPT_TEXTS, mark, phoneOf, state, takePhones } from "./store.js";

const LISTED = 50;
const SHOWN_TEXTS = 120;
const LIST_PAUSE = 300; // milliseconds: a list that moves faster can't be read
const TYPING_PAUSE = 200;
const CALM = 900; // milliseconds without a flood before what it left out is fetched
const FLOOD = 30; // phone events in one animation frame's time
const STATUS_WORDS = {
  accepted: "Accepted",
  scheduled: "Scheduled",
  queued: "Queued",
  sending: "Sending",
  sent: "Sent",
  delivered: "Delivered",
  undelivered: "Undelivered",
  failed: "Failed",
  canceled: "Cancelled",
  received: "Received by Twilio",
  receiving: "Receiving",
  read: "Read",
};
const STATUS_SIGNS = { delivered: "✓✓", read: "✓✓", sent: "✓", undelivered: "✕", failed: "✕", canceled: "✕" };
const rows = new Map();
let query = "";
let found = null; // the phones of a search, or null
let recent = 0;
let calmTimer = null;

export function startPhones() {
  let timer;
  byId("phone-search").addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => search(event.target.value), TYPING_PAUSE);
  });
  byId("phone-search").addEventListener("keydown", openOnEnter);
  byId("text-form").addEventListener("submit", sendText);
  byId("text-picture").addEventListener("change", (event) => attach(event.target.files[0]));
  byId("text-box").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    event.target.form.requestSubmit();
  });
  for (const word of ["STOP", "HELP", "START"]) {
    byId("quick-texts").append(
      el("button", { type: "button", class: "button small", on: { click: () => text(word) } }, word),
    );
  }
  draws("phone-list", drawList, LIST_PAUSE);
  draws("conversation", drawConversation, 60);
}

export function takeMessage({ phone: number, message }) {
  const phone = phoneOf(number);
  const index = phone.messages.findIndex((one) => one.sid === message.sid);
  if (index >= 0) phone.messages[index] = message;
  else phone.messages.push(message);
  if (phone.messages.length > KEPT_TEXTS) phone.messages.splice(0, phone.messages.length - KEPT_TEXTS);
  phone.last_at = Math.max(phone.last_at ?? 0, message.at);
  if (message.direction === "from_member") refetchSoon(); // it may have been a STOP
  touched(number);
}

export function takeStatus({ phone: number, sid, status, error_code: code }) {
  const message = state.phones.get(number)?.messages.findLast((one) => one.sid === sid);
  if (message) Object.assign(message, { status, error_code: code });
  touched(number);
}

function touched(number) {
  mark("phone-list");
  if (number === state.phone) mark("conversation");
  recent += 1;
  if (recent === 1) requestAnimationFrame(() => setTimeout(judgeFlood, 100));
}

/** The stand-in leaves phone events out of a flood; fetch the truth once it has passed. */
function judgeFlood() {
  if (recent >= FLOOD || calmTimer) refetchSoon();
  recent = 0;
}

export function refetchSoon() {
  clearTimeout(calmTimer);
  calmTimer = setTimeout(refetch, CALM);
}

async function refetch() {
  calmTimer = null;
  await attempt(async () => takePhones(await get("/ui/phones")));
  if (state.phone) await fetchOpen(state.phone);
}

async function fetchOpen(number) {
  if (!phoneOf(number).messages.length && !(await isKnown(number))) return;
  const answer = await attempt(() => get(`/ui/phones?phone=${encodeURIComponent(number)}`));
  if (answer) state.phones.set(number, answer.phones[0]);
  mark("conversation", "phone-list");
}

/** A phone that nobody has texted yet is unknown there, and to ask for it would be refused. */
async function isKnown(number) {
  const answer = await attempt(() => get(`/ui/phones?q=${number.replace(/\D/g, "")}`));
  return answer?.phones.some((phone) => phone.phone === number) ?? false;
}

function drawList() {
  const list = byId("phone-list");
  const all = found ?? [...state.phones.values()].filter((phone) => phone.messages.length);
  const newest = [...all].sort((a, b) => (b.last_at ?? 0) - (a.last_at ?? 0)).slice(0, LISTED);
  byId("no-phones").hidden = newest.length > 0;
  byId("no-phones").textContent = found
    ? "No phone has these digits. A whole number and Enter opens a new one."
    : "No texts yet. They show here as they arrive.";
  const nodes = newest.map(rowNode);
  const isInUse = list.matches(":hover") || list.contains(document.activeElement);
  const isSame = nodes.length === list.children.length && nodes.every((node) => node.parentElement === list);
  if (!isInUse || !isSame) arrange(list, nodes);
  if (rows.size > LISTED * 4) for (const [number, row] of rows) if (!row.node.isConnected) rows.delete(number);
}

function rowNode(phone) {
  const last = phone.messages[phone.messages.length - 1];
  const isOpen = phone.phone === state.phone;
  const json = JSON.stringify([last?.sid, last?.status, phone.opted_out, isOpen, phone.last_at]);
  let row = rows.get(phone.phone);
  if (row?.json === json) return row.node;
  if (!row) rows.set(phone.phone, (row = newRow(phone.phone)));
  row.json = json;
  setCurrent(row.button, isOpen);
  row.last.textContent = last
    ? `${last.direction === "from_member" ? "Member: " : ""}${last.body.slice(0, 90) || (last.media?.length ? "(a picture)" : "")}`
    : "No texts yet";
  row.time.textContent = last ? clockTime(last.at) : "";
  row.mark.textContent = phone.opted_out ? "Opted out" : "";
  return row.node;
}

function newRow(number) {
  const parts = {
    last: el("span", { class: "phone-last", dir: "auto" }),
    time: el("time"),
    mark: el("span", { class: "opted-out" }),
  };
  const button = el(
    "button",
    { type: "button", on: { click: () => openPhone(number) } },
    el("span", { class: "phone-number" }, readable(number)),
    parts.last,
    parts.time,
    parts.mark,
  );
  return { ...parts, button, node: el("li", {}, button), json: "" };
}

export function readable(number) {
  const american = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  return american ? `(${american[1]}) ${american[2]}-${american[3]}` : number;
}

export function openPhone(number) {
  state.phone = number;
  phoneOf(number);
  byId("text-box").value = "";
  attach(null);
  mark("phone-list", "conversation");
  fetchOpen(number);
}

async function search(value) {
  query = value.replace(/\D/g, "");
  if (!query) {
    found = null;
    return mark("phone-list");
  }
  const asked = query;
  const answer = await attempt(() => get(`/ui/phones?q=${asked}`));
  if (asked !== query) return;
  found = answer?.phones ?? [];
  mark("phone-list");
}

function openOnEnter(event) {
  if (event.key !== "Enter") return;
  event.preventDefault();
  const digits = event.target.value.replace(/\D/g, "");
  if (found?.length === 1) return openPhone(found[0].phone);
  if (digits.length === 10) return openPhone(`+1${digits}`);
  if (digits.length > 10) return openPhone(`+${digits}`);
  notice("Type a whole number, such as 212 555 0123, to open a phone that has no texts yet.");
}

function drawConversation() {
  const phone = state.phones.get(state.phone);
  byId("device").hidden = !phone;
  byId("no-device").hidden = Boolean(phone);
  if (!phone) return;
  byId("device-number").textContent = readable(phone.phone);
  byId("device-note").textContent = phone.opted_out ? "Opted out: texts to this phone are refused" : "";
  const list = byId("texts");
  const scroller = list.parentElement;
  const isOther = list.dataset.phone !== phone.phone;
  const wasAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
  const before = isOther ? new Map() : new Map([...list.children].map((node) => [node.dataset.sid, node]));
  list.dataset.phone = phone.phone;
  arrange(
    list,
    phone.messages.slice(-SHOWN_TEXTS).map((message) => bubble(message, before.get(message.sid))),
  );
  if (wasAtEnd || isOther) scroller.scrollTop = scroller.scrollHeight;
}

function bubble(message, before) {
  const json = JSON.stringify(message);
  if (before?.json === json) return before;
  const who = message.direction === "to_member" ? "To the member" : "From the member";
  const node = el(
    "li",
    { class: `text ${message.direction}`, data: { sid: message.sid } },
    el(
      "p",
      { class: message.body ? "bubble" : "visually-hidden", dir: "auto" },
      el("span", { class: "visually-hidden" }, `${who}: `),
      message.body,
    ),
    (message.media ?? []).map(drawMedia),
    el("p", { class: `text-status ${message.status}` }, statusOf(message)),
  );
  return Object.assign(node, { json });
}

/** What came whole is kept by the sandbox under a sid; anything else is an address somewhere. */
function drawMedia(media) {
  if (!/^ME[0-9a-f]{32}$/.test(media)) return el("small", { class: "media" }, "📎 ", media);
  return el("img", { class: "picture", src: `/ui/phones/media/${media}`, alt: "The member's picture" });
}

function statusOf(message) {
  const sign = STATUS_SIGNS[message.status];
  const word =
    message.direction === "from_member" ? "Sent by the member" : (STATUS_WORDS[message.status] ?? message.status);
  return [
    sign && message.direction === "to_member" ? el("span", { "aria-hidden": "true" }, `${sign} `) : null,
    word,
    message.error_code ? ` · ${message.error_code}` : "",
    el("time", {}, ` · ${clockTime(message.at)}`),
  ];
}

async function sendText(event) {
  event.preventDefault();
  const box = byId("text-box");
  const body = box.value;
  const [picture] = byId("text-picture").files;
  if (!body.trim() && !picture) return;
  box.value = "";
  const sent = await text(body, picture ? [await asData(picture)] : []);
  if (sent) attach(null);
  else if (!box.value) box.value = body;
}

function asData(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}

function attach(file) {
  if (!file) byId("text-picture").value = "";
  byId("text-picture-name").textContent = file?.name ?? "";
}

async function text(body, media = []) {
  if (!state.phone) return null;
  const answer = await attempt(() => post("/ui/phones/text", { from: state.phone, body, media }));
  if (answer?.warning || (answer && answer.status !== 200)) {
    notice(
      `The webhook ${answer.status ? `answered ${answer.status}` : "did not answer"}: the text may be lost. See the traffic below.`,
    );
  }
  return answer;
}

// Below: the raw requests and responses on the wire, and the mails that arrived.

import { attempt, get } from "./api.js";
import { arrange, byId, count, el, exactTime } from "./dom.js";
import { draws, mark } from "./store.js";

const KEPT = 500;
const SHOWN = 150;
const PEERS = { slack: "Slack", twilio: "Twilio", vonage: "Vonage", smtp: "Mail" };
const nodes = new Map();
let exchanges = [];
let mails = [];
let leftOut = 0;
let peer = "all";
let words = "";
let isPaused = false;

export function startInspector() {
  byId("peer-filter").addEventListener("change", (event) => filter(() => (peer = event.target.value)));
  byId("traffic-search").addEventListener("input", (event) => filter(() => (words = event.target.value.toLowerCase())));
  byId("pause").addEventListener("click", togglePause);
  byId("clear").addEventListener("click", clear);
  byId("inspector-toggle").addEventListener("click", toggleInspector);
  draws("traffic", drawTraffic, 150);
  draws("mails", drawMails);
}

export async function fetchTraffic() {
  const [traffic, post] = await Promise.all([attempt(() => get("/ui/traffic")), attempt(() => get("/ui/mails"))]);
  if (traffic) exchanges = traffic.exchanges;
  if (post) mails = post.mails;
  mark("traffic", "mails");
}

export function takeExchange(exchange) {
  leftOut += exchange.left_out ?? 0;
  exchanges.push(exchange);
  if (exchanges.length > KEPT) exchanges.splice(0, exchanges.length - KEPT);
  if (!isPaused) mark("traffic");
}

export function takeMail(mail) {
  mails.push(mail);
  mark("mails");
}

function filter(change) {
  change();
  const isMail = peer === "mails";
  byId("traffic").hidden = isMail;
  byId("mails").hidden = !isMail;
  mark("traffic", "mails");
}

function togglePause() {
  isPaused = !isPaused;
  byId("pause").setAttribute("aria-pressed", String(isPaused));
  byId("pause").textContent = isPaused ? "Resume" : "Pause";
  if (!isPaused) mark("traffic");
}

function clear() {
  exchanges = [];
  leftOut = 0;
  mark("traffic");
}

function toggleInspector() {
  const isOpen = !document.body.classList.toggle("inspector-closed");
  byId("inspector-toggle").setAttribute("aria-expanded", String(isOpen));
}

function drawTraffic() {
  const fitting = exchanges.filter(fits);
  const newest = fitting.slice(-SHOWN).reverse();
  const list = byId("traffic");
  const anchor = list.scrollTop > 4 ? firstVisible(list) : null;
  const top = anchor?.offsetTop;
  arrange(list, newest.map(exchangeNode));
  if (anchor?.isConnected) list.scrollTop += anchor.offsetTop - top;
  const more = leftOut ? ` · ${leftOut.toLocaleString()} more in floods, not shown` : "";
  byId("traffic-count").textContent =
    peer === "mails" ? count(mails.length, "mail") : `${count(fitting.length, "exchange")}${more}`;
  if (nodes.size > KEPT * 2) for (const [number, node] of nodes) if (!node.isConnected) nodes.delete(number);
}

function firstVisible(list) {
  return [...list.children].find((node) => node.offsetTop + node.offsetHeight > list.scrollTop + list.offsetTop);
}

function fits(exchange) {
  if (peer !== "all" && exchange.peer !== peer) return false;
  return (
    !words ||
    `${exchange.method} ${exchange.url} ${exchange.status} ${exchange.request} ${exchange.response}`
      .toLowerCase()
      .includes(words)
  );
}

function exchangeNode(exchange) {
  let node = nodes.get(exchange.number);
  if (!node) nodes.set(exchange.number, (node = newExchange(exchange)));
  return node;
}

function newExchange(exchange) {
  const isIn = exchange.direction === "in";
  const summary = el(
    "summary",
    {},
    el("time", {}, exactTime(exchange.at)),
    el("span", { class: "peer", data: { peer: exchange.peer } }, PEERS[exchange.peer] ?? exchange.peer),
    el(
      "span",
      { class: "direction" },
      el("span", { "aria-hidden": "true" }, isIn ? "← " : "→ "),
      isIn ? "from product" : "to product",
    ),
    el("span", { class: "method" }, exchange.method),
    el("span", { class: "url" }, shortUrl(exchange.url)),
    el("span", { class: "gist", dir: "auto" }, gist(exchange.request)),
    el("span", { class: `status ${statusClass(exchange.status)}` }, statusText(exchange.status)),
  );
  const details = el("details", {}, summary);
  details.addEventListener(
    "toggle",
    () => details.open && details.children.length === 1 && details.append(bodies(exchange)),
  );
  return el("li", {}, details);
}

function statusClass(status) {
  return status >= 200 && status < 400 ? "good" : "bad";
}

function statusText(status) {
  if (!status) return "✕ no answer";
  return `${status >= 200 && status < 400 ? "✓" : "✕"} ${status}`;
}

function shortUrl(url) {
  return url.replace(/^https?:\/\/[^/]+/, "").replace(/\/2010-04-01\/Accounts\/AC\w+/, "/…");
}

function bodies(exchange) {
  return el(
    "div",
    { class: "bodies" },
    el("p", { class: "whole-url" }, exchange.url),
    el(
      "section",
      {},
      el("h4", {}, "Request"),
      el("pre", { tabindex: 0, dir: "ltr" }, pretty(exchange.request) || "(empty)"),
    ),
    el(
      "section",
      {},
      el("h4", {}, "Response"),
      el("pre", { tabindex: 0, dir: "ltr" }, pretty(exchange.response) || "(empty)"),
    ),
  );
}

/** The few fields of a request that tell most, in one line. */
function gist(request) {
  const fields = fieldsOf(request);
  const payload = fieldsOf(fields.payload ?? "");
  const action = payload.actions?.[0]?.action_id ?? payload.view?.callback_id;
  const telling = [
    fields.MessageStatus,
    fields.To,
    fields.Body,
    fields.command,
    fields.event?.type,
    payload.type,
    action,
    fields.channel,
    fields.text,
  ];
  return telling
    .filter((part) => typeof part === "string" && part)
    .join(" · ")
    .slice(0, 160);
}

function fieldsOf(text) {
  try {
    return /^\s*\{/.test(text) ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text));
  } catch {
    return {}; // cut at 4,000 characters
  }
}

/** Indent JSON, and put the fields of a form under each other; anything else stays as it is. */
function pretty(text) {
  const trimmed = text.trim();
  if (/^[[{]/.test(trimmed)) return indented(trimmed) ?? text;
  if (!/^[\w.%*-]+=[^\s]*(&|$)/.test(trimmed)) return text;
  return [...new URLSearchParams(trimmed)].map(([name, value]) => `${name} = ${indented(value) ?? value}`).join("\n");
}

function indented(text) {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return null; // cut at 4,000 characters, or no JSON after all
  }
}

function drawMails() {
  byId("mails").replaceChildren(...mails.slice(-SHOWN).reverse().map(mailNode));
  if (peer === "mails") mark("traffic");
}

function mailNode(mail) {
  const summary = el(
    "summary",
    {},
    el("time", {}, exactTime(mail.at)),
    el("span", { class: "method" }, mail.to.join(", ")),
    el("span", { class: "url" }, mail.subject || "(no subject)"),
  );
  const headers = mail.headers.map(([name, value]) => `${name}: ${value}`).join("\n");
  const part = (title, text) =>
    text && el("section", {}, el("h4", {}, title), el("pre", { tabindex: 0, dir: "auto" }, text));
  return el(
    "li",
    {},
    el(
      "details",
      {},
      summary,
      el("div", { class: "bodies" }, part("Text", mail.text), part("Headers", headers), part("HTML source", mail.html)),
    ),
  );
}

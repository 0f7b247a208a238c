// Keeps the page true: reads the whole state, then follows the stream, and reads again whenever a gap is possible.

import { attempt, get } from "./api.js";
import { byId, clockTime } from "./dom.js";
import { fetchTraffic, takeExchange, takeMail } from "./inspector.js";
import { isReply } from "./messages.js";
import { mrkdwn } from "./mrkdwn.js";
import { readable, takeMessage, takeStatus } from "./phones.js";
import { KEPT_MESSAGES, mark, personName, state, takeState } from "./store.js";

const REFETCH_PAUSE = 150; // milliseconds
const ANNOUNCE_PAUSE = 1200;
let source = null;
let refetchTimer = null;
let announceTimer = null;
let unsaid = [];

const LISTENERS = {
  "slack.message": takeSlackMessage,
  "slack.message_changed": changeSlackMessage,
  "slack.message_deleted": deleteSlackMessage,
  "slack.ephemeral": takeEphemeral,
  "slack.views": ({ user, views }) => put(state.views, user, views, "modal"),
  "slack.home": ({ user, view }) => put(state.homes, user, view, "messages"),
  "phone.message": hearPhone,
  "phone.status": takeStatus,
  totals: (totals) => {
    state.totals = totals;
    mark("totals");
  },
  traffic: takeExchange,
  mail: takeMail,
  reset: refetchSoon,
};

export async function startLive() {
  setConnection("Connecting", "waiting");
  const whole = await readState();
  if (!whole) return setTimeout(startLive, 1500);
  fetchTraffic();
  source = new EventSource(`/ui/stream?after=${encodeURIComponent(whole.cursor)}`);
  source.addEventListener("open", () => setConnection("Live", "live"));
  source.addEventListener("error", lost);
  for (const [kind, listener] of Object.entries(LISTENERS)) {
    source.addEventListener(kind, (event) => listener(JSON.parse(event.data)));
  }
}

async function readState() {
  const whole = await attempt(() => get("/ui/state"));
  if (whole) {
    takeState(whole);
    byId("mail-port").textContent = whole.smtp_port ? `Mail: port ${whole.smtp_port}` : "";
  }
  return whole;
}

/** The browser comes back by itself; only when it has given up do we start afresh. */
function lost() {
  setConnection(`Connection lost at ${clockTime(Date.now() / 1000)}, trying again`, "lost");
  if (source.readyState !== EventSource.CLOSED) return;
  source.close();
  setTimeout(startLive, 1500);
}

function setConnection(words, kind) {
  const node = byId("connection");
  if (node.textContent !== words) node.textContent = words;
  node.className = `connection ${kind}`;
}

function refetchSoon() {
  clearTimeout(refetchTimer);
  refetchTimer = setTimeout(() => {
    readState();
    fetchTraffic();
  }, REFETCH_PAUSE);
}

function put(table, user, value, part) {
  table[user] = value;
  if (user === state.me) mark(part);
}

function takeSlackMessage({ channel: id, message }) {
  const channel = state.channels.get(id);
  if (!channel) return refetchSoon();
  if (channel.messages.some((one) => one.ts === message.ts)) return changeSlackMessage({ channel: id, message });
  channel.messages.push(message);
  if (channel.messages.length > KEPT_MESSAGES) channel.messages.shift();
  if (id !== state.channel || state.isHome) state.unread.set(id, (state.unread.get(id) ?? 0) + 1);
  mark("channels", "messages", "thread");
  const where = isReply(message) ? `a thread of #${channel.name}` : `#${channel.name}`;
  if (message.user !== state.me) announce(`${personName(message.user)} in ${where}: ${plain(message.text)}`);
}

function changeSlackMessage({ channel: id, message }) {
  const messages = state.channels.get(id)?.messages;
  const index = messages?.findIndex((one) => one.ts === message.ts) ?? -1;
  if (index < 0) return;
  messages[index] = message;
  mark("messages", "thread");
}

function deleteSlackMessage({ channel: id, ts }) {
  const channel = state.channels.get(id);
  if (!channel) return;
  channel.messages = channel.messages.filter((one) => one.ts !== ts);
  mark("messages", "thread");
}

function takeEphemeral(ephemeral) {
  state.ephemerals = state.ephemerals.filter((one) => one.ts !== ephemeral.ts);
  if (!ephemeral.deleted) state.ephemerals.push(ephemeral);
  mark("messages", "thread");
  if (ephemeral.user === state.me && !ephemeral.deleted) announce(`Only visible to you: ${plain(ephemeral.text)}`);
}

function hearPhone(event) {
  takeMessage(event);
  if (event.phone === state.phone && event.message.direction === "to_member") {
    announce(`Text to ${readable(event.phone)}: ${event.message.body}`);
  }
}

function plain(text) {
  return mrkdwn(text ?? "")
    .map((node) => (typeof node === "string" ? node : node.textContent))
    .join("");
}

/** Say new things to screen readers, gathered so that a flood is one sentence. */
function announce(sentence) {
  unsaid.push(sentence);
  announceTimer ??= setTimeout(() => {
    const heard = unsaid.length > 3 ? [`${unsaid.length} new messages. The last:`, unsaid[unsaid.length - 1]] : unsaid;
    byId("announcer").textContent = heard.join(" ").slice(0, 500);
    announceTimer = null;
    unsaid = [];
  }, ANNOUNCE_PAUSE);
}

// The Slack side of the page: who acts, the channels, the conversation, the thread, Home, and the message box.

import { act, notice } from "./api.js";
import { drawBlocks } from "./blocks.js";
import { arrange, byId, el, setCurrent } from "./dom.js";
import { drawMessages, fillFace, isReply } from "./messages.js";
import { surfaceOf } from "./modal.js";
import { CAST, channelName, draws, mark, state } from "./store.js";

export function startSlack() {
  byId("people").append(...CAST.map(personChoice));
  byId("home-tab").addEventListener("click", openHome);
  byId("message-form").addEventListener("submit", sendMessage);
  byId("thread-form").addEventListener("submit", sendReply);
  byId("thread-close").addEventListener("click", closeThread);
  byId("thread").addEventListener("keydown", (event) => event.key === "Escape" && closeThread());
  for (const id of ["message-box", "thread-box"]) byId(id).addEventListener("keydown", sendOnEnter);
  draws("people", drawPeople);
  draws("channels", drawChannels);
  draws("messages", drawConversation);
  draws("thread", drawThread);
}

function personChoice([id, name]) {
  const input = el("input", {
    type: "radio",
    name: "person",
    value: id,
    checked: id === state.me,
    on: { change: () => become(id) },
  });
  const face = el("span", { "aria-hidden": "true" });
  fillFace(face, id, false);
  return el("label", { class: "person" }, input, face, el("span", { data: { name: id } }, name));
}

function become(id) {
  state.me = id;
  state.thread = null;
  if (state.isHome) openHome();
  mark("channels", "messages", "thread", "modal");
}

function drawPeople() {
  byId("team").textContent = state.team.name || "Workspace";
  for (const node of byId("people").querySelectorAll("[data-name]")) {
    const person = state.users.get(node.dataset.name);
    node.textContent = person?.real_name || person?.name || node.textContent;
    fillFace(node.previousSibling, node.dataset.name, false);
  }
}

function myChannels() {
  return [...state.channels.values()].filter((channel) => !channel.members || channel.members.includes(state.me));
}

function drawChannels() {
  const mine = myChannels();
  if (mine.length && !mine.some((channel) => channel.id === state.channel)) openChannel(mine[0].id, { keepHome: true });
  arrange(byId("channels"), mine.map(channelItem));
  setCurrent(byId("home-tab"), state.isHome);
}

function channelItem(channel) {
  const unread = state.unread.get(channel.id) ?? 0;
  const isOpen = channel.id === state.channel && !state.isHome;
  const name = channel.is_im ? personOf(channel) : channel.name;
  const marks = [
    channel.is_ext_shared ? el("small", {}, "shared") : null,
    unread && !isOpen
      ? el("span", { class: "unread" }, unread > 99 ? "99+" : unread, el("span", { class: "visually-hidden" }, " new"))
      : null,
  ];
  const button = el(
    "button",
    {
      type: "button",
      "aria-current": isOpen ? "page" : null,
      data: { channel: channel.id },
      on: { click: () => openChannel(channel.id) },
    },
    el("span", { "aria-hidden": "true", class: "sign" }, channel.is_im ? "@" : "#"),
    el("span", { class: "channel-name" }, name),
    marks,
  );
  const before = byId("channels").querySelector(`[data-channel="${CSS.escape(channel.id)}"]`);
  if (before && before.outerHTML === button.outerHTML) return before.parentElement;
  if (before && before === document.activeElement) requestAnimationFrame(() => button.focus());
  return el("li", {}, button);
}

function personOf(channel) {
  const other = channel.members?.find((id) => id !== state.me);
  return state.users.get(other)?.real_name || channel.name || "Direct message";
}

function openChannel(id, { keepHome = false } = {}) {
  state.channel = id;
  if (!keepHome) state.isHome = false;
  state.unread.delete(id);
  if (state.thread?.channel !== id) state.thread = null;
  mark("channels", "messages", "thread");
}

async function openHome() {
  state.isHome = true;
  state.thread = null;
  mark("channels", "messages", "thread");
  await act("/ui/slack/home", {});
}

function drawConversation() {
  const { isHome } = state;
  byId("home").hidden = !isHome;
  byId("channel").hidden = isHome;
  byId("message-form").hidden = isHome;
  const channel = state.channels.get(state.channel);
  byId("conversation-title").replaceChildren(...(isHome ? ["Blast"] : titleOf(channel)));
  byId("conversation-note").textContent = isHome
    ? "Home"
    : channel?.is_ext_shared
      ? "Shared with another workspace"
      : "";
  if (isHome) return drawHome();
  if (!channel) return;
  const messages = [...channel.messages.filter((message) => !isReply(message)), ...whispers(channel.id, { inThread: false })];
  messages.sort((a, b) => Number(a.ts) - Number(b.ts));
  byId("no-messages").hidden = messages.length > 0;
  byId("message-box").placeholder = `Message #${channelName(channel.id)}, or /blast`;
  drawMessages(byId("messages"), messages, { channel: channel.id, announce: true });
}

function titleOf(channel) {
  if (!channel) return [""];
  return channel.is_im
    ? [personOf(channel)]
    : [el("span", { class: "sign", "aria-hidden": "true" }, "#"), channel.name];
}

/** What only the acting person sees: in the open thread, or in its channel, where that of closed threads stands too. */
function whispers(channel, { inThread }) {
  const openTs = state.thread?.channel === channel ? state.thread.ts : null;
  const isInThread = (one) => Boolean(openTs) && one.thread_ts === openTs;
  return state.ephemerals
    .filter((one) => one.user === state.me && one.channel === channel && isInThread(one) === inThread)
    .map(asMessage);
}

function asMessage(ephemeral) {
  return { ...ephemeral, user: ephemeral.bot_user ?? "U0BOT", ephemeral: true };
}

function drawHome() {
  const view = state.homes[state.me];
  byId("no-home").hidden = Boolean(view);
  drawBlocks(byId("home-blocks"), view?.blocks ?? [], view ? surfaceOf(view) : null);
}

function drawThread() {
  const { thread } = state;
  byId("thread").hidden = !thread;
  byId("slack").classList.toggle("with-thread", Boolean(thread));
  if (!thread) return;
  const all = state.channels.get(thread.channel)?.messages ?? [];
  const shown = all.filter((message) => message.ts === thread.ts || message.thread_ts === thread.ts);
  const messages = [...shown, ...whispers(thread.channel, { inThread: true })].sort((a, b) => Number(a.ts) - Number(b.ts));
  drawMessages(byId("thread-messages"), messages, {
    channel: `${thread.channel}/${thread.ts}`.split("/")[0],
    inThread: true,
  });
}

function closeThread() {
  state.thread = null;
  mark("messages", "thread");
  byId("message-box").focus();
}

function sendOnEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}

async function sendMessage(event) {
  event.preventDefault();
  const box = byId("message-box");
  const text = box.value.trim();
  if (!text) return;
  box.value = "";
  const answer = text.startsWith("/")
    ? await sendCommand(text)
    : await act("/ui/slack/message", { channel: state.channel, text });
  if (!answer && !box.value) box.value = text;
}

function sendCommand(line) {
  const [, command, text] = /^(\/\S+)\s*(.*)$/s.exec(line);
  return act("/ui/slack/command", { channel: state.channel, command, text });
}

async function sendReply(event) {
  event.preventDefault();
  const box = byId("thread-box");
  const text = box.value.trim();
  if (!text || !state.thread) return;
  if (text.startsWith("/")) return notice("Slash commands can't be used in threads: write it in the channel.");
  box.value = "";
  const { channel, ts } = state.thread;
  if (!(await act("/ui/slack/message", { channel, text, thread_ts: ts })) && !box.value) box.value = text;
}

// Messages of a channel or a thread as list items, redrawn only where they changed.

import { arrange, byId, clockTime, count, el } from "./dom.js";
import { drawBlocks } from "./blocks.js";
import { mrkdwn } from "./mrkdwn.js";
import { CAST, isBot, mark, personName, state } from "./store.js";
import { MessageSurface } from "./surfaces.js";

const SHOWN = 150; // messages at once
const GROUPED_FOR = 300; // seconds in which one person's messages stand under one name
const PICTURES = ["image/jpeg", "image/png", "image/gif", "image/webp"];
const SOUNDS = ["audio/x-wav", "audio/wav", "audio/mpeg"];
const items = new Map();

/** Make `list` show the newest of `messages`; stays at the end when it was there. */
export function drawMessages(list, messages, { channel, inThread = false, announce = false }) {
  const scroller = list.parentElement;
  const wasAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
  const isOther = list.dataset.channel !== channel;
  list.dataset.channel = channel;
  const newest = messages.slice(-SHOWN);
  arrange(
    list,
    newest.map((message, index) => messageItem(message, newest[index - 1], { channel, inThread })),
  );
  if (wasAtEnd || isOther) scroller.scrollTop = scroller.scrollHeight;
  if (announce && !isOther) forgetOthers(list);
}

function forgetOthers(list) {
  if (items.size < SHOWN * 6) return;
  for (const [key, item] of items) if (item.node.parentElement !== list) items.delete(key);
}

function messageItem(message, previous, { channel, inThread }) {
  const key = `${channel}/${message.ts}/${message.ephemeral ? "e" : "m"}/${inThread}`;
  const replies = inThread ? 0 : repliesTo(channel, message.ts);
  const isGrouped = Boolean(previous) && !previous.ephemeral && !message.ephemeral && continues(previous, message);
  const json = JSON.stringify([message, replies, isGrouped, state.me, personName(message.user)]);
  let item = items.get(key);
  if (!item) items.set(key, (item = newItem(channel, message.ts)));
  if (item.json === json) return item.node;
  item.json = json;
  fillItem(item, message, { isGrouped, replies, channel });
  return item.node;
}

function newItem(channel, ts) {
  const parts = {
    face: el("span", { "aria-hidden": "true" }),
    head: el("p", { class: "message-head" }),
    body: el("div", { class: "message-body" }),
    foot: el("div", { class: "message-foot" }),
  };
  const node = el(
    "li",
    { class: "message", data: { ts } },
    parts.face,
    el("div", { class: "message-main" }, parts.head, parts.body, parts.foot),
  );
  return { node, ...parts, surface: new MessageSurface(channel, ts), json: "" };
}

function fillItem(item, message, { isGrouped, replies, channel }) {
  const name = personName(message.user);
  const isApp = isBot(message.user) || Boolean(message.bot_id);
  item.node.classList.toggle("grouped", isGrouped);
  item.node.classList.toggle("ephemeral", Boolean(message.ephemeral));
  fillFace(item.face, message.user, isApp);
  item.head.replaceChildren(
    el("strong", {}, name),
    isApp ? el("span", { class: "app-mark" }, "App") : "",
    el("time", { datetime: new Date(Number(message.ts) * 1000).toISOString() }, clockTime(Number(message.ts))),
  );
  if (message.ephemeral) item.head.append(el("span", { class: "only-you" }, "Only visible to you"));
  fillBody(item, message);
  item.foot.replaceChildren(
    ...(replies ? [threadButton(replies, channel, message.ts)] : replyOffer(message, channel, item)),
  );
}

export function fillFace(node, user, isApp) {
  const name = personName(user);
  node.className = `face ${isApp ? "app" : `tone-${toneOf(user)}`}`;
  node.textContent = isApp
    ? "◆"
    : name
        .split(/\s+/)
        .map((word) => word[0])
        .slice(0, 2)
        .join("")
        .toUpperCase();
}

function toneOf(id) {
  const place = CAST.findIndex(([one]) => one === id);
  return place < 0 ? CAST.length : place;
}

function fillBody(item, message) {
  if (message.blocks?.length) {
    item.body.classList.remove("mrkdwn");
    drawBlocks(item.body, message.blocks, item.surface);
  } else {
    item.body.classList.add("mrkdwn");
    item.body.replaceChildren(...mrkdwn(message.text ?? ""));
  }
  for (const file of message.files ?? []) item.body.append(drawFile(file));
  if (message.edited) item.body.append(el("small", { class: "edited" }, "(edited)"));
}

function drawFile(file) {
  if (file.mode === "tombstone") return el("p", { class: "file" }, "This file was deleted.");
  const name = file.title || file.name || file.id;
  const src = `/ui/slack/files/${encodeURIComponent(file.id)}`;
  if (SOUNDS.includes(file.mimetype)) {
    return el("audio", { class: "sound", controls: true, preload: "metadata", src, "aria-label": name });
  }
  if (!PICTURES.includes(file.mimetype)) return el("p", { class: "file" }, "📄 ", name);
  return el("img", { class: "picture", src, alt: name });
}

function threadButton(replies, channel, ts) {
  return el(
    "button",
    { type: "button", class: "thread-link", on: { click: () => openThread(channel, ts) } },
    count(replies, "reply", "replies"),
  );
}

function replyOffer(message, channel, item) {
  if (message.ephemeral || message.thread_ts || item.node.closest("#thread-messages")) return [];
  const open = () => openThread(channel, message.ts);
  return [el("button", { type: "button", class: "thread-link offer", on: { click: open } }, "Reply in thread")];
}

export function openThread(channel, ts) {
  state.thread = { channel, ts };
  mark("messages", "thread");
  requestAnimationFrame(() => requestAnimationFrame(() => byId("thread-box").focus()));
}

function continues(previous, message) {
  if (isReply(message) && !isReply(previous)) return false;
  return (
    previous.user === message.user && Number(message.ts) - Number(previous.ts) < GROUPED_FOR && !previous.blocks?.length
  );
}

export function isReply(message) {
  return Boolean(message.thread_ts) && message.thread_ts !== message.ts;
}

function repliesTo(channel, ts) {
  return (
    state.channels.get(channel)?.messages.filter((message) => message.thread_ts === ts && message.ts !== ts).length ?? 0
  );
}

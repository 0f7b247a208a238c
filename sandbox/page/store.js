// What the page knows, and which parts of it must be drawn again.

export const CAST = [
  ["U0ORGANIZER", "Organizer"],
  ["U0APPROVER", "Approver"],
  ["U0APPROVER2", "Second approver"],
  ["U0ADMIN", "Admin"],
  ["U0GUEST", "Guest"],
];
export const KEPT_MESSAGES = 1000; // a channel
export const KEPT_PHONES = 400;
export const KEPT_TEXTS = 300; // a phone

export const state = {
  team: { name: "" },
  users: new Map(),
  channels: new Map(),
  ephemerals: [],
  views: {},
  homes: {},
  phones: new Map(),
  senders: [],
  totals: {},
  me: CAST[0][0],
  channel: "C0APPROVALS",
  isHome: false,
  thread: null,
  phone: null,
  unread: new Map(),
};

const parts = new Map();
const dirty = new Set();
let isScheduled = false;

/** Call `draw` in an animation frame after the part was marked, at most once every `pause` milliseconds. */
export function draws(part, draw, pause = 0) {
  parts.set(part, { draw, pause, last: -Infinity });
}

export function mark(...names) {
  for (const name of names) dirty.add(name);
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(drawDirty);
}

function drawDirty(now) {
  isScheduled = false;
  let soonest = Infinity;
  for (const name of [...dirty]) {
    const part = parts.get(name);
    const wait = part ? part.last + part.pause - now : 0;
    if (wait > 0) {
      soonest = Math.min(soonest, wait);
      continue;
    }
    dirty.delete(name);
    if (!part) continue;
    part.last = now;
    part.draw();
  }
  if (soonest < Infinity) setTimeout(() => mark(), soonest);
}

export function personName(id) {
  const person = state.users.get(id);
  return person?.real_name || person?.name || id || "Somebody";
}

export function channelName(id) {
  return state.channels.get(id)?.name ?? id;
}

export function isBot(id) {
  return Boolean(state.users.get(id)?.is_bot);
}

/** Take the answer of /ui/state as the whole truth. */
export function takeState({ slack, phones, totals }) {
  state.team = slack.team;
  state.users = new Map(slack.users.map((person) => [person.id, person]));
  state.channels = new Map(slack.channels.map((channel) => [channel.id, channel]));
  state.ephemerals = slack.ephemerals ?? [];
  state.views = slack.views ?? {};
  state.homes = slack.homes ?? {};
  state.totals = totals ?? {};
  takePhones(phones);
  mark("people", "channels", "messages", "thread", "modal", "totals", "phone-list", "conversation");
}

export function takePhones({ phones, senders }) {
  const open = state.phones.get(state.phone);
  state.phones = new Map(phones.map((phone) => [phone.phone, phone]));
  if (open && !state.phones.has(open.phone)) state.phones.set(open.phone, open);
  state.senders = senders ?? [];
  mark("phone-list", "conversation");
}

/** The phone with this number, made when it is new; the longest silent are forgotten. */
export function phoneOf(number) {
  let phone = state.phones.get(number);
  if (phone) return phone;
  phone = { phone: number, opted_out: false, last_at: 0, messages: [] };
  state.phones.set(number, phone);
  if (state.phones.size > KEPT_PHONES) forgetPhones();
  return phone;
}

function forgetPhones() {
  const oldest = [...state.phones.values()].sort((a, b) => a.last_at - b.last_at).slice(0, KEPT_PHONES / 4);
  for (const { phone } of oldest) if (phone !== state.phone) state.phones.delete(phone);
}

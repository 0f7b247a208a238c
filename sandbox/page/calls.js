// A call from the open phone: what was said as lines, and what a caller can do.

import { attempt, post } from "./api.js";
import { byId, el } from "./dom.js";
import { readable, refetchSoon } from "./phones.js";
import { state } from "./store.js";

const STATES = {
  dialing: "Dialing",
  talking: "Connected",
  key: "Waiting for a key",
  tone: "Recording after the tone",
  ended: "Call ended",
};
const SPOKEN_SECONDS = 5;
const dialog = byId("call");
let call = null;
let isBusy = false;

export function startCalls() {
  byId("call-button").addEventListener("click", place);
  byId("call-key").addEventListener("click", () => act("press", { key: "9", revokes: true }));
  byId("call-speak").addEventListener("click", () => act("speak", { seconds: SPOKEN_SECONDS }));
  byId("call-end").addEventListener("click", hangUp);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    hangUp();
  });
}

async function place() {
  if (isBusy || !state.phone) return;
  byId("call-title").textContent = `Call from ${readable(state.phone)}`;
  call = { phone: state.phone, state: "dialing", lines: [] };
  draw();
  dialog.showModal();
  await take(() => post("/ui/phones/call", { from: call.phone }));
  if (call.state === "dialing") dialog.close();
}

function act(what, fields = {}) {
  return take(() => post(`/ui/phones/call/${call.sid}/${what}`, fields));
}

/** A call that is over is put away by the same button. */
async function hangUp() {
  if (call.state !== "ended" && call.sid) await act("hangup");
  else if (call.state === "ended") dialog.close();
}

/** Do something, one thing at a time, and show what came of it. */
async function take(work) {
  if (isBusy) return;
  isBusy = true;
  dialog.setAttribute("aria-busy", "true");
  const answer = await attempt(work);
  isBusy = false;
  dialog.removeAttribute("aria-busy");
  if (!answer) return;
  call = answer;
  draw();
  if (call.state === "ended") refetchSoon();
}

function draw() {
  const isOver = call.state === "ended";
  dialog.classList.toggle("over", isOver);
  byId("call-state").textContent = STATES[call.state];
  byId("call-key").hidden = byId("call-speak").hidden = isOver;
  byId("call-key").disabled = !["key", "tone"].includes(call.state);
  byId("call-speak").disabled = !["key", "tone"].includes(call.state);
  byId("call-end").textContent = isOver ? "Close" : "Hang up";
  byId("call-end").classList.toggle("danger", !isOver);
  byId("call-lines").replaceChildren(...call.lines.map(line));
  const talk = byId("call-talk");
  talk.scrollTop = talk.scrollHeight;
  if (isOver) byId("call-end").focus();
}

function line({ who, text }) {
  const said = who === "voice" ? "The voice" : "The caller";
  return el(
    "li",
    { class: `spoken ${who}` },
    el("p", { class: "bubble", dir: "auto" }, el("span", { class: "visually-hidden" }, `${said}: `), text),
  );
}

// Talks to the sandbox's own API, and shows what went wrong as a sentence.

import { byId, el } from "./dom.js";
import { state } from "./store.js";

export class Refused extends Error {}

export async function get(path) {
  return read(await fetch(path, { headers: { accept: "application/json" } }));
}

export async function post(path, body) {
  return read(
    await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  );
}

/** POST as the person whom the page acts as; a refusal becomes a notice, and the answer is then null. */
export async function act(path, body) {
  return attempt(() => post(path, { user: state.me, ...body }));
}

/** Act on something of the bot's, and say so when the bot did not take it. */
export async function deliver(path, body) {
  const answer = await act(path, body);
  if (answer?.error)
    notice(`The bot ${answer.status ? `answered ${answer.status}` : "did not answer"}: see the traffic below.`);
  return answer;
}

export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    notice(error instanceof Refused ? error.message : "The sandbox did not answer: see whether it still runs.");
    return null;
  }
}

async function read(response) {
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer.error ?? `The sandbox answered ${response.status}.`);
  return answer;
}

/** Show a sentence for a while, and to screen readers at once. */
export function notice(sentence) {
  const close = el("button", { type: "button", class: "quiet", "aria-label": "Dismiss this notice" }, "✕");
  const box = el("div", { class: "notice" }, el("p", {}, sentence), close);
  close.addEventListener("click", () => box.remove());
  const shelf = [...document.querySelectorAll("dialog[open]")].pop()?.querySelector(".notices") ?? byId("notices");
  while (shelf.children.length > 2) shelf.firstChild.remove();
  shelf.append(box);
  setTimeout(() => box.remove(), 12_000);
}

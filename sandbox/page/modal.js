// The acting person's modal, as a real dialog: the top view of her stack.

import { act } from "./api.js";
import { drawBlocks } from "./blocks.js";
import { byId, el } from "./dom.js";
import { textNodes } from "./mrkdwn.js";
import { state } from "./store.js";
import { ViewSurface } from "./surfaces.js";

const surfaces = new Map();
const dialog = byId("modal");
const form = byId("modal-form");
const trouble = byId("modal-trouble");
let shown = null; // id of the view on show

/** The surface that remembers what is typed in a view, over all updates of it. */
export function surfaceOf(view) {
  let surface = surfaces.get(view.id);
  if (!surface) surfaces.set(view.id, (surface = new ViewSurface(view)));
  surface.view = view;
  return surface;
}

export function startModal() {
  form.addEventListener("submit", submit);
  byId("modal-close").addEventListener("click", close);
  byId("modal-cancel").addEventListener("click", close);
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
}

export function drawModal() {
  forgetClosed();
  const stack = state.views[state.me] ?? [];
  const view = stack[stack.length - 1];
  if (!view) return hide();
  const isNew = shown !== view.id;
  shown = view.id;
  if (isNew) reset();
  byId("modal-title").replaceChildren(...textNodes(view.title));
  byId("modal-depth").textContent = stack.length > 1 ? `Step ${stack.length}` : "";
  byId("modal-cancel").replaceChildren(...textNodes(view.close ?? "Close"));
  byId("modal-submit").hidden = !view.submit;
  byId("modal-submit").replaceChildren(...textNodes(view.submit ?? ""));
  drawBlocks(byId("modal-blocks"), view.blocks, surfaceOf(view));
  if (!dialog.open) dialog.showModal();
  if (isNew) focusFirst();
}

function hide() {
  shown = null;
  if (dialog.open) dialog.close();
  reset();
}

function reset() {
  byId("modal-blocks").replaceChildren();
  byId("modal-blocks").scrollTop = 0;
  trouble.textContent = "";
}

function focusFirst() {
  const blocks = byId("modal-blocks");
  const first = blocks.querySelector("[data-focus-on-load]") ?? blocks.querySelector("input, select, textarea, button");
  (first ?? byId("modal-cancel")).focus();
}

function forgetClosed() {
  const open = new Set(
    [...Object.values(state.views).flat(), ...Object.values(state.homes)].filter(Boolean).map((view) => view.id),
  );
  for (const id of surfaces.keys()) if (!open.has(id)) surfaces.delete(id);
}

async function submit(event) {
  event.preventDefault();
  const surface = surfaces.get(shown);
  if (!surface || form.getAttribute("aria-busy")) return;
  form.setAttribute("aria-busy", "true");
  const { id } = surface.view;
  const answer = await act("/ui/slack/submit", { view_id: id, values: await surface.values() });
  form.removeAttribute("aria-busy");
  if (!answer || shown !== id) return;
  showErrors(answer.errors ?? {});
  if (answer.error)
    trouble.textContent = "The bot did not take this: try again, and see the traffic below for its answer.";
}

async function close() {
  await surfaces.get(shown)?.values();
  if (shown) await act("/ui/slack/close", { view_id: shown });
}

function showErrors(errors) {
  trouble.textContent = "";
  const wrong = [];
  for (const node of byId("modal-blocks").children) {
    const place = node.querySelector(":scope > .error");
    const sentence = errors[node.dataset.block] ?? "";
    if (!place) continue;
    place.replaceChildren(...(sentence ? [el("span", { "aria-hidden": "true" }, "▲ "), sentence] : []));
    const control = node.querySelector("input, select, textarea");
    if (sentence && control) wrong.push(control);
    control?.[sentence ? "setAttribute" : "removeAttribute"]("aria-invalid", "true");
  }
  if (!wrong.length) return;
  trouble.textContent =
    wrong.length === 1 ? "One field needs another look." : `${wrong.length} fields need another look.`;
  wrong[0].focus();
}

// The "are you sure" that Block Kit elements may ask for.

import { byId, el } from "./dom.js";
import { textNodes } from "./mrkdwn.js";

/** Ask a confirm object's question; resolves to whether the person agreed. */
export function ask(question) {
  const dialog = byId("confirm");
  const answer = (text, value, style) =>
    el(
      "button",
      { type: "button", class: `button ${style}`, on: { click: () => dialog.close(value) } },
      textNodes(text),
    );
  const isDanger = question.style === "danger";
  dialog.replaceChildren(
    el("h2", { id: "confirm-title" }, textNodes(question.title)),
    el("div", { class: "mrkdwn" }, textNodes(question.text)),
    el(
      "div",
      { class: "dialog-buttons" },
      answer(question.deny ?? "Cancel", "no", ""),
      answer(question.confirm ?? "Yes", "yes", isDanger ? "danger" : "primary"),
    ),
  );
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

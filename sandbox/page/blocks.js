// Draws lists of Block Kit blocks, and redraws only those that changed, so that focus and typed text stay.

import { arrange, el, freshId } from "./dom.js";
import { chartNode } from "./chart.js";
import { elementNode, imageNode } from "./elements.js";
import { markdown, textNodes } from "./mrkdwn.js";
import { richTextNodes, tableNode } from "./rich.js";

const ALERTS = { default: "Note", info: "Note", warning: "Warning", error: "Problem", success: "Done" };

const RENDERERS = {
  header: (block) => el("h3", { class: "block-header" }, textNodes(block.text)),
  divider: () => el("hr"),
  section,
  context: (block, surface) =>
    el(
      "div",
      { class: "block-context" },
      block.elements.map((one) => contextPart(one, block, surface)),
    ),
  actions: (block, surface) =>
    el(
      "div",
      { class: "block-actions" },
      block.elements.map((one) => elementNode(one, surface.place(block))),
    ),
  context_actions: (block, surface) =>
    el(
      "div",
      { class: "block-actions" },
      block.elements.map((one) => elementNode(one, surface.place(block))),
    ),
  input,
  image,
  rich_text: (block) => el("div", { class: "rich" }, richTextNodes(block)),
  table: tableNode,
  markdown: (block) => el("div", { class: "rich" }, markdown(block.text)),
  alert,
  data_visualization: chartNode,
  file: (block) => el("p", { class: "unknown" }, `File ${block.external_id ?? ""}`),
};

/** Make `parent` show `blocks`; nodes of unchanged blocks stay, and with them what is typed and focused. */
export function drawBlocks(parent, blocks, surface) {
  const before = new Map([...parent.children].filter((node) => node.blockJson).map((node) => [node.blockJson, node]));
  const focus = rememberFocus(parent);
  const nodes = blocks.map((block) => {
    const json = JSON.stringify([block, surface?.stateOf(block)]);
    const kept = before.get(json);
    before.delete(json);
    return kept ?? Object.assign(blockNode(block, surface), { blockJson: json });
  });
  arrange(parent, nodes);
  restoreFocus(parent, focus);
}

function blockNode(block, surface) {
  const render = RENDERERS[block.type];
  const node = render
    ? render(block, surface)
    : el("p", { class: "unknown" }, `[${block.type}: not shown by this page]`);
  node.classList.add("block");
  node.dataset.block = block.block_id ?? "";
  return node;
}

function section(block, surface) {
  const node = el("div", { class: "block-section" });
  const words = el("div", { class: "words" });
  if (block.text) words.append(el("div", { class: "mrkdwn" }, textNodes(block.text)));
  if (block.fields)
    words.append(
      el(
        "div",
        { class: "fields" },
        block.fields.map((one) => el("div", { class: "mrkdwn" }, textNodes(one))),
      ),
    );
  node.append(words);
  if (block.accessory)
    node.append(el("div", { class: "accessory" }, elementNode(block.accessory, surface.place(block))));
  return node;
}

function contextPart(element, block, surface) {
  if (element.type === "image") return elementNode(element, surface.place(block));
  return el("span", { class: "mrkdwn" }, textNodes(element));
}

function image(block) {
  const url = block.image_url ?? block.slack_file?.url_private ?? block.slack_file?.url;
  const caption = block.title && el("figcaption", {}, textNodes(block.title));
  return el("figure", { class: "block-image" }, caption, imageNode(url, block.alt_text, "large-image"));
}

function alert(block) {
  const level = block.level ?? "default";
  return el(
    "div",
    { class: `block-alert ${level}` },
    el("strong", {}, ALERTS[level] ?? "Note"),
    el("div", { class: "mrkdwn" }, textNodes(block.text)),
  );
}

function input(block, surface) {
  const ids = { control: freshId("input"), label: freshId("label"), hint: freshId("hint"), error: freshId("error") };
  const place = surface.place(block, ids);
  const control = elementNode(block.element, place);
  const note = block.optional ? el("small", {}, " (optional)") : null;
  const isGroup =
    !control.matches("input, select, textarea") &&
    !control.querySelector(`#${ids.control}:is(input, select, textarea)`);
  const label = el(
    isGroup ? "div" : "label",
    { id: ids.label, class: "input-label", for: isGroup ? null : ids.control },
    textNodes(block.label),
    note,
  );
  const hint = block.hint && el("small", { id: ids.hint, class: "hint" }, textNodes(block.hint));
  const error = el("p", { id: ids.error, class: "error" });
  return el("div", { class: "block-input" }, label, control, hint, error);
}

function rememberFocus(parent) {
  const focused = document.activeElement;
  if (!focused?.dataset?.key || !parent.contains(focused)) return null;
  const { selectionStart, selectionEnd } = focused;
  return { key: focused.dataset.key, focused, selectionStart, selectionEnd };
}

function restoreFocus(parent, focus) {
  if (!focus || document.activeElement === focus.focused) return;
  const node = parent.querySelector(`[data-key="${CSS.escape(focus.key)}"]`);
  if (!node) return;
  node.focus({ preventScroll: true });
  if (typeof focus.selectionStart === "number" && node.setSelectionRange) {
    node.setSelectionRange(focus.selectionStart, focus.selectionEnd);
  }
}

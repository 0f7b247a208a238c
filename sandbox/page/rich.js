// rich_text and table blocks.

import { el } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { link } from "./mrkdwn.js";
import { channelName, personName } from "./store.js";

export function richTextNodes(block) {
  return block.elements.map(richNode);
}

function richNode(element) {
  const children = () => element.elements.flatMap(leaf);
  if (element.type === "rich_text_list") {
    const items = element.elements.map((item) => el("li", {}, item.elements.flatMap(leaf)));
    return el(
      element.style === "ordered" ? "ol" : "ul",
      { class: `indent-${Math.min(element.indent ?? 0, 4)}` },
      items,
    );
  }
  if (element.type === "rich_text_preformatted") return el("pre", {}, el("code", {}, children()));
  if (element.type === "rich_text_quote") return el("blockquote", {}, children());
  return el("p", {}, children());
}

function leaf(element) {
  switch (element.type) {
    case "text":
      return [styled(element.text, element.style)];
    case "link":
      return [styled(link(element.url, element.text ?? element.url) ?? element.url, element.style)];
    case "emoji":
      return [element.unicode ? fromCodePoints(element.unicode) : withEmoji(`:${element.name}:`)];
    case "user":
      return [el("span", { class: "mention" }, `@${personName(element.user_id)}`)];
    case "channel":
      return [el("span", { class: "mention" }, `#${channelName(element.channel_id)}`)];
    case "broadcast":
      return [el("span", { class: "mention" }, `@${element.range}`)];
    case "date":
      return [el("time", {}, new Date(element.timestamp * 1000).toLocaleString())];
    default:
      return [element.fallback ?? `[${element.type}]`];
  }
}

function fromCodePoints(unicode) {
  return String.fromCodePoint(...unicode.split("-").map((code) => parseInt(code, 16)));
}

function styled(content, style = {}) {
  let node = content;
  for (const [name, tag] of [
    ["code", "code"],
    ["strike", "s"],
    ["italic", "em"],
    ["bold", "strong"],
  ]) {
    if (style[name]) node = el(tag, {}, node);
  }
  return node;
}

export function tableNode(block) {
  const [head = [], ...body] = block.rows;
  const align = (index) => ({ class: `align-${block.column_settings?.[index]?.align ?? "left"}` });
  const heads = head.map((cell, index) => el("th", { scope: "col", ...align(index) }, cellNodes(cell)));
  const rows = body.map((row) =>
    el(
      "tr",
      {},
      row.map((cell, index) => el("td", align(index), cellNodes(cell))),
    ),
  );
  const table = el("table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows));
  return el("div", { class: "table", tabindex: 0, role: "region", "aria-label": "Table" }, table);
}

function cellNodes(cell) {
  if (cell.type === "rich_text") return richTextNodes(cell);
  return [cell.text ?? String(cell.value ?? "")];
}

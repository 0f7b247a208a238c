// Turns Slack's mrkdwn, and the little of Markdown that its markdown block needs, into DOM nodes.

import { el } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { channelName, personName } from "./store.js";

const FENCE = /```\n?([\s\S]+?)\n?```/g;
const INLINE = new RegExp(
  [
    "(?<token><[^<>\\n]+>)",
    "`(?<code>[^`\\n]+)`",
    "(?<![\\p{L}\\p{N}*])\\*(?=[^\\s*])(?<bold>[^*\\n]*[^\\s*])\\*(?![\\p{L}\\p{N}*])",
    "(?<![\\p{L}\\p{N}_])_(?=[^\\s_])(?<italic>[^\\n]*?[^\\s_])_(?![\\p{L}\\p{N}_])",
    "(?<![\\p{L}\\p{N}~])~(?=[^\\s~])(?<strike>[^~\\n]*[^\\s~])~(?![\\p{L}\\p{N}~])",
  ].join("|"),
  "gu",
);
const MARKDOWN_INLINE =
  /\*\*(?<bold>[^*\n]+)\*\*|\*(?<italic>[^*\n]+)\*|~~(?<strike>[^~\n]+)~~|`(?<code>[^`\n]+)`|\[(?<label>[^\]\n]+)\]\((?<url>[^)\s]+)\)/g;
const TAGS = { bold: "strong", italic: "em", strike: "s" };

/** Undo the three escapes that Slack knows, and no others. */
export function unescaped(text) {
  return text.replace(/&(amp|lt|gt);/g, (_, name) => ({ amp: "&", lt: "<", gt: ">" })[name]);
}

/** Nodes for a text object of Block Kit, or for a plain string. */
export function textNodes(text) {
  if (!text) return [];
  if (typeof text === "string") return [text];
  if (text.type === "mrkdwn") return mrkdwn(text.text, { verbatim: text.verbatim });
  return [text.emoji === false ? text.text : withEmoji(text.text)];
}

export function mrkdwn(source) {
  return around(source, FENCE, (match) => el("pre", {}, el("code", {}, unescaped(match[1]))), quotes);
}

function quotes(source) {
  const nodes = [];
  let quoted = null;
  source.split("\n").forEach((line, index) => {
    const isQuote = line.startsWith("&gt;") || line.startsWith(">");
    if (isQuote && !quoted) nodes.push((quoted = el("blockquote")));
    else if (isQuote) quoted.append("\n");
    else if (quoted) quoted = null;
    else if (index > 0) nodes.push("\n");
    if (isQuote) quoted.append(...inline(line.replace(/^(&gt;|>)\s?/, "")));
    else nodes.push(...inline(line));
  });
  return nodes;
}

function inline(source) {
  return around(source, INLINE, inlineNode, (plain) => [withEmoji(unescaped(plain))]);
}

function inlineNode(match) {
  const { token, code, ...styled } = match.groups;
  if (token) return tokenNode(token);
  if (code) return el("code", {}, unescaped(code));
  const [style, text] = Object.entries(styled).find(([, value]) => value !== undefined);
  return el(TAGS[style], {}, inline(text));
}

function tokenNode(token) {
  const [target, label] = token.slice(1, -1).split(/\|(.*)/s);
  if (/^@[UW]/.test(target)) return mention(`@${label ?? personName(target.slice(1))}`);
  if (/^#[CGD]/.test(target)) return mention(`#${label || channelName(target.slice(1))}`);
  if (target.startsWith("!date^")) return dateNode(target, label);
  if (target.startsWith("!")) return mention(`@${label ?? target.slice(1).split("^")[0]}`);
  return link(unescaped(target), label === undefined ? undefined : unescaped(label)) ?? unescaped(token);
}

function mention(text) {
  return el("span", { class: "mention" }, text);
}

/** An anchor, or null when the address isn't one that a person should follow. */
export function link(url, label = url) {
  if (!/^(https?:\/\/|mailto:|tel:)/i.test(url)) return null;
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, withEmoji(label.replace(/^mailto:/, "")));
}

function dateNode(target, fallback) {
  const [, seconds, format = "{date_short} {time}"] = target.split("^");
  const when = new Date(Number(seconds) * 1000);
  if (Number.isNaN(when.getTime())) return fallback ?? "";
  const styles = {
    date_num: { dateStyle: "short" },
    date: { dateStyle: "long" },
    date_short: { dateStyle: "medium" },
    date_long: { dateStyle: "full" },
    time: { timeStyle: "short" },
    time_secs: { timeStyle: "medium" },
  };
  const shown = unescaped(format).replace(/\{(\w+?)(_pretty)?\}/g, (whole, name) =>
    name in styles
      ? new Intl.DateTimeFormat([], styles[name]).format(when)
      : name === "ago"
        ? when.toLocaleString()
        : whole,
  );
  return el("time", { datetime: when.toISOString(), title: fallback }, shown);
}

/** Nodes for a markdown block: headings, lists, quotes, rules, fences and inline styles. */
export function markdown(source) {
  return around(source, FENCE, (match) => el("pre", {}, el("code", {}, match[1])), markdownLines);
}

function markdownLines(source) {
  const nodes = [];
  let list = null;
  for (const line of source.split("\n")) {
    const item = /^\s*([-*+]|\d+[.)])\s+(.*)/.exec(line);
    if (!item) list = null;
    else if (!list) nodes.push((list = el(/\d/.test(item[1]) ? "ol" : "ul")));
    if (item) list.append(el("li", {}, markdownInline(item[2])));
    else if (line.trim()) nodes.push(markdownLine(line));
  }
  return nodes;
}

function markdownLine(line) {
  const heading = /^(#{1,6})\s+(.*)/.exec(line);
  if (heading) return el("p", { class: "markdown-heading" }, markdownInline(heading[2]));
  if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) return el("hr");
  if (line.startsWith(">")) return el("blockquote", {}, markdownInline(line.replace(/^>\s?/, "")));
  return el("p", {}, markdownInline(line));
}

function markdownInline(source) {
  return around(source, MARKDOWN_INLINE, markdownNode, (plain) => [withEmoji(unescaped(plain))]);
}

function markdownNode(match) {
  const { code, label, url, ...styled } = match.groups;
  if (code) return el("code", {}, code);
  if (label) return link(url, label) ?? match[0];
  const [style, text] = Object.entries(styled).find(([, value]) => value !== undefined);
  return el(TAGS[style], {}, markdownInline(text));
}

/** Nodes for a text: `special` makes one of each match, `ordinary` some of what lies between. */
function around(source, pattern, special, ordinary) {
  const nodes = [];
  let end = 0;
  for (const match of source.matchAll(pattern)) {
    if (match.index > end) nodes.push(...ordinary(source.slice(end, match.index)));
    nodes.push(special(match));
    end = match.index + match[0].length;
  }
  if (end < source.length) nodes.push(...ordinary(source.slice(end)));
  return nodes;
}

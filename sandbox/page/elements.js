// Block Kit's interactive elements as native controls.

import { el, freshId } from "./dom.js";
import { textNodes } from "./mrkdwn.js";
import { ask } from "./confirm.js";
import { choiceGroup, optionLabel, picker, sameOption } from "./choices.js";
import { fileInput, textInput } from "./inputs.js";
import { state } from "./store.js";

const RENDERERS = {
  button,
  overflow,
  image: elementImage,
  static_select: select,
  users_select: (element, place) => entitySelect(element, place, "selected_user", people()),
  conversations_select: (element, place) => entitySelect(element, place, "selected_conversation", channels()),
  channels_select: (element, place) => entitySelect(element, place, "selected_channel", channels()),
  external_select: picker,
  multi_static_select: picker,
  multi_external_select: picker,
  multi_users_select: (element, place) => entityPicker(element, place, "selected_users", people()),
  multi_conversations_select: (element, place) => entityPicker(element, place, "selected_conversations", channels()),
  multi_channels_select: (element, place) => entityPicker(element, place, "selected_channels", channels()),
  radio_buttons: choiceGroup,
  checkboxes: choiceGroup,
  datepicker: (element, place) => timeInput(element, place, "date", "selected_date", "initial_date"),
  timepicker: (element, place) => timeInput(element, place, "time", "selected_time", "initial_time"),
  datetimepicker: momentInput,
  plain_text_input: textInput,
  email_text_input: textInput,
  url_text_input: textInput,
  number_input: textInput,
  file_input: fileInput,
};

/** The control for one element; `place` says in which block it stands, what is chosen, and whom to tell. */
export function elementNode(element, place) {
  const render = RENDERERS[element.type];
  if (!render) return el("span", { class: "unknown" }, `[${element.type}: not shown by this page]`);
  const node = render(element, place);
  const control = node.matches("button, input, select, textarea")
    ? node
    : node.querySelector("input, select, textarea, summary");
  if (control && element.action_id) control.dataset.key = `${place.block.block_id ?? ""}/${element.action_id}`;
  if (element.focus_on_load && control) control.dataset.focusOnLoad = "";
  return node;
}

function button(element, place) {
  const press = async () => {
    if (element.confirm && !(await ask(element.confirm))) return;
    if (element.url) window.open(element.url, "_blank", "noopener");
    node.setAttribute("aria-busy", "true");
    await place.choose(element, { value: element.value });
    node.removeAttribute("aria-busy");
  };
  const node = el(
    "button",
    {
      type: "button",
      class: element.style ? `button ${element.style}` : "button",
      "aria-label": element.accessibility_label,
      data: { action: element.action_id ?? "" },
      on: { click: press },
    },
    textNodes(element.text),
  );
  return node;
}

function overflow(element, place) {
  const menu = el(
    "details",
    { class: "overflow" },
    el("summary", { class: "button", "aria-label": "More actions" }, "•••"),
  );
  const pick = async (option) => {
    menu.open = false;
    menu.firstChild.focus();
    if (element.confirm && !(await ask(element.confirm))) return;
    if (option.url) window.open(option.url, "_blank", "noopener");
    await place.choose(element, { selected_option: option });
  };
  const items = element.options.map((option) =>
    el("li", {}, el("button", { type: "button", on: { click: () => pick(option) } }, textNodes(option.text))),
  );
  menu.append(el("ul", {}, items));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.preventDefault();
    event.stopPropagation();
    menu.open = false;
    menu.firstChild.focus();
  });
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });
  menu.addEventListener("toggle", () => menu.open && showMenu(menu));
  return menu;
}

/** Put an open menu where it fits in the window, over whatever scrolls, until something else is pressed or scrolled. */
function showMenu(menu) {
  const list = menu.lastChild;
  const anchor = menu.firstChild.getBoundingClientRect();
  const { width, height } = list.getBoundingClientRect();
  const isBelow = anchor.bottom + height + 8 < innerHeight;
  list.style.left = `${Math.max(8, Math.min(anchor.left, innerWidth - width - 8))}px`;
  list.style.top = `${isBelow ? anchor.bottom + 4 : anchor.top - height - 4}px`;
  const away = new AbortController();
  const close = (event) => {
    if (list.contains(event.target)) return;
    away.abort();
    if (event.type === "scroll" || !menu.contains(event.target)) menu.open = false;
  };
  for (const kind of ["pointerdown", "scroll"]) {
    document.addEventListener(kind, close, { capture: true, signal: away.signal });
  }
}

function elementImage(element) {
  return imageNode(element.image_url ?? element.slack_file?.url, element.alt_text, "small-image");
}

/** An image of this machine; others are named instead of fetched, since the sandbox loads nothing from elsewhere. */
export function imageNode(url, alt, style) {
  const isOwn = url && (url.startsWith("data:image/") || new URL(url, location.href).origin === location.origin);
  if (isOwn) return el("img", { src: url, alt: alt ?? "", class: style, loading: "lazy" });
  return el("span", { class: `image-elsewhere ${style}`, role: "img", "aria-label": alt ?? "Image" }, alt || "image");
}

function select(element, place) {
  const groups = element.option_groups ?? [{ options: element.options }];
  const options = groups.flatMap((group) => group.options);
  const chosen = place.chosen(element)?.selected_option ?? element.initial_option;
  const node = selectNode(element, place, (event) => {
    const { value } = event.target;
    return { selected_option: value === "" ? null : options[Number(value)] };
  });
  let index = 0;
  for (const group of groups) {
    const nodes = group.options.map((option) =>
      el("option", { value: index++, selected: sameOption(option, chosen) }, optionLabel(option)),
    );
    node.append(...(group.label ? [el("optgroup", { label: group.label.text }, nodes)] : nodes));
  }
  return node;
}

function selectNode(element, place, read) {
  const placeholder = element.placeholder?.text ?? "Choose one";
  const change = async (event) => {
    if (element.confirm && !(await ask(element.confirm))) return;
    await place.choose(element, read(event));
  };
  const canBeEmptied = place.block.type === "input" && !place.isRequired;
  return el(
    "select",
    { ...place.labelling(element), class: "select", on: { change } },
    el("option", { value: "", selected: true, disabled: !canBeEmptied }, placeholder),
  );
}

function entitySelect(element, place, field, entities) {
  const chosen = place.chosen(element)?.[field] ?? element[field.replace("selected", "initial")];
  const node = selectNode(element, place, (event) => ({ [field]: event.target.value || null }));
  node.append(...entities.map(({ id, name }) => el("option", { value: id, selected: id === chosen }, name)));
  return node;
}

/** A picker over people or channels: it works with options, and ids go in and out. */
function entityPicker(element, place, field, entities) {
  const options = entities.map(({ id, name }) => ({ text: { type: "plain_text", text: name }, value: id }));
  const ids = place.chosen(element)?.[field] ?? element[field.replace("selected", "initial")] ?? [];
  const initial = options.filter((option) => ids.includes(option.value));
  const inner = Object.create(place);
  inner.chosen = () => ({ selected_options: initial });
  inner.choose = (_, { selected_options: chosen }) =>
    place.choose(element, { [field]: chosen.map((option) => option.value) });
  return picker({ ...element, type: "multi_static_select", options }, inner);
}

function people() {
  return [...state.users.values()].filter((person) => !person.deleted).map(({ id, real_name: name }) => ({ id, name }));
}

function channels() {
  return [...state.channels.values()].map(({ id, name }) => ({ id, name: `#${name}` }));
}

function timeInput(element, place, type, field, initial) {
  const value = place.chosen(element)?.[field] ?? element[initial] ?? "";
  const change = (event) => place.choose(element, { [field]: event.target.value || null });
  return el("input", { ...place.labelling(element), type, value, class: "text", on: { change } });
}

function momentInput(element, place) {
  const seconds = place.chosen(element)?.selected_date_time ?? element.initial_date_time;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const noteId = freshId("zone");
  const change = (event) => {
    const moment = event.target.value ? Math.floor(new Date(event.target.value).getTime() / 1000) : null;
    return place.choose(element, { selected_date_time: moment });
  };
  const labelling = place.labelling(element);
  const described = [labelling["aria-describedby"], noteId].filter(Boolean).join(" ");
  const input = { ...labelling, "aria-describedby": described, type: "datetime-local", class: "text", on: { change } };
  return el(
    "span",
    { class: "moment" },
    el("input", { ...input, value: seconds ? localMoment(seconds) : "" }),
    el("small", { id: noteId }, zone),
  );
}

function localMoment(seconds) {
  const when = new Date(seconds * 1000);
  return new Date(when.getTime() - when.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

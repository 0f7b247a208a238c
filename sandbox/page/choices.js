// Radio buttons, checkboxes, and the pickers that search: all of them lists of native radios or checkboxes.

import { arrange, el, freshId } from "./dom.js";
import { textNodes } from "./mrkdwn.js";

const SEARCHABLE_FROM = 9; // options
const TYPING_PAUSE = 250; // milliseconds

export function sameOption(one, other) {
  return Boolean(one && other && one.value === other.value && one.text.text === other.text.text);
}

export function optionLabel(option) {
  return option.description ? `${option.text.text} (${option.description.text})` : option.text.text;
}

/** radio_buttons and checkboxes. */
export function choiceGroup(element, place) {
  const isMany = element.type === "checkboxes";
  const before = place.chosen(element);
  const chosen = isMany
    ? (before?.selected_options ?? element.initial_options ?? [])
    : [before?.selected_option ?? element.initial_option];
  const name = freshId("choice");
  const change = () => {
    const picked = element.options.filter((_, index) => rows[index].querySelector("input").checked);
    place.choose(element, isMany ? { selected_options: picked } : { selected_option: picked[0] ?? null });
  };
  const rows = element.options.map((option) => {
    const isChecked = chosen.some((other) => sameOption(option, other));
    return choiceRow(option, { type: isMany ? "checkbox" : "radio", name, isChecked, change });
  });
  return el(
    "div",
    { ...groupLabelling(element, place), role: isMany ? "group" : "radiogroup", class: "choices" },
    rows,
  );
}

function choiceRow(option, { type, name, isChecked, change }) {
  const note = option.description && el("small", {}, textNodes(option.description));
  const input = el("input", { type, name, value: option.value, checked: isChecked, on: { change } });
  return el("label", { class: "choice" }, input, el("span", {}, textNodes(option.text), note));
}

function groupLabelling(element, place) {
  const { id, ...labelling } = place.labelling(element);
  return { ...labelling, id };
}

/** multi_static_select, external_select and multi_external_select: a search box over what is chosen and what fits. */
export function picker(element, place) {
  const isMany = element.type.startsWith("multi_");
  const isExternal = element.type.includes("external");
  const before = place.chosen(element);
  const start = isMany
    ? (before?.selected_options ?? element.initial_options ?? [])
    : [before?.selected_option ?? element.initial_option].filter(Boolean);
  return new Picker(element, place, { isMany, isExternal, chosen: start }).node;
}

class Picker {
  constructor(element, place, { isMany, isExternal, chosen }) {
    Object.assign(this, {
      element,
      place,
      isMany,
      isExternal,
      chosen,
      query: "",
      found: [],
      asked: 0,
      name: freshId("pick"),
    });
    this.own = (element.option_groups ?? [{ options: element.options ?? [] }]).flatMap((group) => group.options);
    this.rows = el("div", { class: "choices scrolling" });
    this.note = el("small", { class: "picker-note", role: "status" });
    this.node = el(
      "div",
      { ...groupLabelling(element, place), role: isMany ? "group" : "radiogroup", class: "picker" },
      this.isExternal || this.own.length >= SEARCHABLE_FROM ? this.searchBox() : null,
      this.rows,
      this.note,
    );
    this.draw();
    if (isExternal && (element.min_query_length ?? 3) === 0) this.search("");
  }

  searchBox() {
    let timer;
    const input = () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.search(box.value), this.isExternal ? TYPING_PAUSE : 0);
    };
    const box = el("input", {
      type: "search",
      class: "text",
      "aria-label": this.element.placeholder?.text ?? "Search the options",
      placeholder: this.element.placeholder?.text ?? "Search",
      autocomplete: "off",
      on: { input, keydown: (event) => event.key === "Enter" && event.preventDefault() },
    });
    return box;
  }

  async search(query) {
    this.query = query.trim().toLowerCase();
    if (this.isExternal && query.length >= (this.element.min_query_length ?? 3)) {
      const asked = ++this.asked;
      const found = await this.place.suggest(this.element, query);
      if (asked !== this.asked) return;
      this.found = found;
    }
    this.draw();
  }

  draw() {
    const matches = this.isExternal ? this.found : this.own.filter((option) => this.fits(option));
    const others = matches.filter((option) => !this.isChosen(option));
    const inOrder = this.isExternal || this.query ? [...this.chosen, ...others] : this.own;
    const isFull = this.isMany && this.chosen.length >= (this.element.max_selected_items ?? Infinity);
    arrange(
      this.rows,
      inOrder.map((option) => this.row(option, isFull)),
    );
    this.note.textContent = this.summary(inOrder.length, isFull);
  }

  row(option, isFull) {
    const isChecked = this.isChosen(option);
    const type = this.isMany ? "checkbox" : "radio";
    const node = choiceRow(option, { type, name: this.name, isChecked, change: (event) => this.change(option, event) });
    node.querySelector("input").disabled = isFull && !isChecked;
    return node;
  }

  change(option, event) {
    const rest = this.isMany ? this.chosen.filter((other) => !sameOption(option, other)) : [];
    this.chosen = event.target.checked ? [...rest, option] : rest;
    this.place.choose(
      this.element,
      this.isMany ? { selected_options: this.chosen } : { selected_option: this.chosen[0] ?? null },
    );
    this.draw();
    [...this.rows.querySelectorAll("input")].find((input) => input.value === option.value)?.focus();
  }

  fits(option) {
    return optionLabel(option).toLowerCase().includes(this.query);
  }

  isChosen(option) {
    return this.chosen.some((other) => sameOption(option, other));
  }

  summary(shown, isFull) {
    if (isFull) return `${this.chosen.length} chosen, which is all that is allowed.`;
    if (this.isExternal && !shown) return `Type ${this.element.min_query_length ?? 3} letters or more to search.`;
    if (!shown) return "Nothing fits.";
    return this.isMany ? `${this.chosen.length} chosen` : "";
  }
}

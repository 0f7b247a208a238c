// Where blocks stand, in a message or a view: what is chosen there, and whom to tell of a choice.

import { act, deliver, post } from "./api.js";
import { state } from "./store.js";

const TYPING_PAUSE = 180; // milliseconds

class Surface {
  constructor() {
    this.chosen = new Map();
  }

  /** What an element needs to know of the block that it stands in. */
  place(block, ids = null) {
    const key = (element) => `${block.block_id}/${element.action_id}`;
    return {
      block,
      isRequired: block.type === "input" && !block.optional,
      dispatches: Boolean(block.dispatch_action),
      chosen: (element) => this.held(key(element), element.type) ?? this.saved(block, element),
      choose: (element, choice, how = {}) => {
        this.chosen.set(key(element), { type: element.type, ...choice });
        return this.tell(block, element, choice, how);
      },
      labelling: (element) => labelling(element, block, ids),
      suggest: (element, query) => this.suggest(block, element, query),
      upload: (element, filename, content) => this.upload(block, element, filename, content),
    };
  }

  held(key, type) {
    const choice = this.chosen.get(key);
    return choice?.type === type ? choice : undefined;
  }

  saved() {
    return undefined;
  }

  /** What changes how a block looks besides itself: state that came from elsewhere than this page. */
  stateOf() {
    return null;
  }

  async suggest() {
    return [];
  }
}

function labelling(element, block, ids) {
  if (!ids) return { "aria-label": element.placeholder?.text ?? element.accessibility_label ?? element.action_id };
  const described = [block.hint ? ids.hint : null, ids.error].filter(Boolean).join(" ");
  return {
    id: ids.control,
    "aria-labelledby": ids.label,
    "aria-describedby": described,
    "aria-required": block.optional ? null : "true",
  };
}

/** The blocks of a message, ephemeral or not. */
export class MessageSurface extends Surface {
  constructor(channel, ts) {
    super();
    Object.assign(this, { channel, ts });
  }

  tell(block, element, choice) {
    const { channel, ts } = this;
    if (block.type === "input" && !block.dispatch_action) return null;
    return deliver("/ui/slack/action", {
      action_id: element.action_id,
      block_id: block.block_id,
      channel,
      ts,
      ...choice,
    });
  }
}

/** The blocks of a modal or Home; inputs are told one at a time, the newest of each. */
export class ViewSurface extends Surface {
  constructor(view) {
    super();
    Object.assign(this, { view, waiting: new Map(), timer: null, telling: null });
  }

  saved(block, element) {
    return this.view.state?.values?.[block.block_id]?.[element.action_id];
  }

  stateOf(block) {
    const untouched = elementsOf(block).filter((element) => !this.chosen.has(`${block.block_id}/${element.action_id}`));
    return untouched.map((element) => this.saved(block, element) ?? null);
  }

  tell(block, element, choice, { isQuiet = false, isNow = false }) {
    const where = { view_id: this.view.id, block_id: block.block_id, action_id: element.action_id };
    if (block.type !== "input") return deliver("/ui/slack/action", { ...where, ...choice });
    if (isQuiet) return null;
    this.waiting.set(`${block.block_id}/${element.action_id}`, { user: state.me, ...where, ...choice });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.telling ??= this.tellInputs()), "value" in choice && !isNow ? TYPING_PAUSE : 0);
    return null;
  }

  async tellInputs() {
    while (this.waiting.size) {
      const [key, body] = this.waiting.entries().next().value;
      this.waiting.delete(key);
      await deliver("/ui/slack/input", body);
    }
    this.telling = null;
  }

  /** Everything chosen, as view_submission wants it, once nothing of it is under way any more. */
  async values() {
    clearTimeout(this.timer);
    this.waiting.clear();
    await this.telling;
    const values = {};
    for (const { type, block_id: block, element } of this.view.blocks) {
      const choice = type === "input" && this.held(`${block}/${element.action_id}`, element.type);
      if (choice) values[block] = { [element.action_id]: choice };
    }
    return values;
  }

  async suggest(block, element, query) {
    const where = { view_id: this.view.id, block_id: block.block_id, action_id: element.action_id };
    return optionsOf(await act("/ui/slack/options", { ...where, query }));
  }

  async upload(block, element, filename, content) {
    const where = { view_id: this.view.id, block_id: block.block_id, action_id: element.action_id };
    const answer = await post("/ui/slack/upload", { user: state.me, ...where, filename, content_base64: content });
    return { name: filename, ...(answer.file ?? answer) };
  }
}

function elementsOf(block) {
  return [block.element, block.accessory, ...(block.elements ?? [])].filter((element) => element?.action_id);
}

function optionsOf(answer) {
  return answer?.options ?? (answer?.option_groups ?? []).flatMap((group) => group.options);
}

// Text and file inputs of Block Kit.

import { count, el, freshId } from "./dom.js";
import { attempt, notice } from "./api.js";

const TYPES = { email_text_input: "email", url_text_input: "url", number_input: "text" };
const FILE_LIMIT = 10 * 1024 * 1024; // bytes

/** plain_text_input and its kin; tells what was typed as the element's dispatch rule wants it. */
export function textInput(element, place) {
  const value = place.chosen(element)?.value ?? element.initial_value ?? "";
  const isLive = element.dispatch_action_config?.trigger_actions_on?.includes("on_character_entered") ?? false;
  const read = () => ({ value: node.value === "" ? null : node.value });
  const keydown = (event) => {
    if (event.key !== "Enter" || element.multiline || event.isComposing) return;
    event.preventDefault();
    if (place.dispatches && !isLive) place.choose(element, read(), { isNow: true });
    else node.form?.requestSubmit();
  };
  const input = () => {
    grow(node);
    place.choose(element, read(), { isQuiet: place.dispatches && !isLive });
  };
  const node = el(element.multiline ? "textarea" : "input", {
    ...place.labelling(element),
    class: "text",
    type: element.multiline ? null : (TYPES[element.type] ?? "text"),
    inputmode: element.type === "number_input" ? "decimal" : null,
    placeholder: element.placeholder?.text,
    rows: element.multiline ? 4 : null,
    dir: "auto",
    autocomplete: "off",
    on: { input, keydown },
  });
  node.value = value;
  return node;
}

function grow(node) {
  if (node.tagName !== "TEXTAREA") return;
  node.style.height = "auto";
  node.style.height = `${Math.min(node.scrollHeight + 2, 320)}px`;
}

/** file_input: uploads at once, as Slack does, and lists what arrived. */
export function fileInput(element, place) {
  const list = el("ul", { class: "files" });
  const noteId = freshId("files");
  const types = element.filetypes?.map((type) => `.${type}`).join(",");
  const show = (files) =>
    list.replaceChildren(...files.map((file) => el("li", {}, file.name ?? file.title ?? file.id)));
  const change = async () => {
    const sent = await attempt(() => upload([...input.files], element, place));
    if (sent) show(sent);
  };
  const labelling = place.labelling(element);
  const described = [labelling["aria-describedby"], noteId].filter(Boolean).join(" ");
  const isMany = (element.max_files ?? 10) > 1;
  const input = el("input", {
    ...labelling,
    "aria-describedby": described,
    type: "file",
    accept: types,
    multiple: isMany,
    on: { change },
  });
  show(place.chosen(element)?.files ?? []);
  return el(
    "div",
    { class: "file-input" },
    input,
    el("small", { id: noteId }, `At most ${count(element.max_files ?? 10, "file")} of 10 MB.`),
    list,
  );
}

async function upload(files, element, place) {
  const sent = [];
  for (const file of files.slice(0, element.max_files ?? 10)) {
    if (file.size > FILE_LIMIT) notice(`${file.name} is larger than 10 MB: choose a smaller file.`);
    else sent.push(await place.upload(element, file.name, await base64(file)));
  }
  return sent;
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}

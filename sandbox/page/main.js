// Starts the page: wires the parts to the document and goes live.

import { startCalls } from "./calls.js";
import { byId, el } from "./dom.js";
import { startInspector } from "./inspector.js";
import { startLive } from "./live.js";
import { drawModal, startModal } from "./modal.js";
import { startPhones } from "./phones.js";
import { startSlack } from "./slack.js";
import { draws, state } from "./store.js";

startSlack();
startModal();
startPhones();
startCalls();
startInspector();
draws("modal", drawModal);
draws("totals", drawTotals, 100);
startLive();

function drawTotals() {
  const { totals } = state;
  const byStatus = totals.by_status ?? {};
  const refused = (byStatus.undelivered ?? 0) + (byStatus.failed ?? 0);
  const figures = [
    ["Accepted", totals.accepted ?? 0],
    ["Delivered", byStatus.delivered ?? 0],
    ["Not delivered", refused],
    ["Sent twice", totals.doubles ?? 0, "alarm"],
    ["Sent after STOP", totals.after_stop ?? 0, "alarm"],
  ];
  byId("totals").replaceChildren(
    ...figures.map(([name, number, kind]) =>
      el(
        "div",
        { class: kind && number ? "figure alarm" : "figure" },
        el("dt", {}, name),
        el("dd", {}, kind && number ? "▲ " : "", number.toLocaleString()),
      ),
    ),
  );
}

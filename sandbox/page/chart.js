// The data_visualization block as a small SVG drawing with a legend and a table for screen readers.

import { el, svg } from "./dom.js";

const WIDTH = 440;
const HEIGHT = 190;
const LEFT = 44;
const BOTTOM = 160;
const TOP = 12;

export function chartNode(block) {
  const { chart } = block;
  const isPie = chart.type === "pie";
  const drawing = isPie ? pie(chart.segments) : plane(chart);
  const names = isPie
    ? chart.segments.map((part) => `${part.label} · ${part.value.toLocaleString()}`)
    : chart.series.map((one) => one.name);
  return el(
    "figure",
    { class: "chart" },
    el("figcaption", {}, block.title),
    drawing,
    el(
      "ul",
      { class: "legend" },
      names.map((name, index) => el("li", { class: `tone-${index % 6}` }, name)),
    ),
    isPie ? null : numbers(chart),
  );
}

function canvas(width, label) {
  return svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": label });
}

function pie(segments) {
  const total = segments.reduce((sum, part) => sum + part.value, 0) || 1;
  const drawing = canvas(200, segments.map((part) => `${part.label}: ${part.value}`).join(", "));
  let turned = 0;
  segments.forEach((part, index) => {
    const share = part.value / total;
    drawing.append(
      svg("circle", {
        class: `slice tone-${index % 6}`,
        cx: 100,
        cy: HEIGHT / 2,
        r: 55,
        pathLength: 100,
        "stroke-dasharray": `${Math.max(share * 100 - 0.6, 0.2)} 100`,
        "stroke-dashoffset": -turned * 100,
        transform: `rotate(-90 100 ${HEIGHT / 2})`,
      }),
    );
    turned += share;
  });
  return drawing;
}

function plane(chart) {
  const categories = chart.axis_config?.categories ?? chart.series[0].data.map((point) => point.label);
  const highest = Math.max(1, ...chart.series.flatMap((one) => one.data.map((point) => point.value)));
  const drawing = canvas(
    WIDTH,
    [chart.axis_config?.y_label, "by", chart.axis_config?.x_label].filter(Boolean).join(" ") || "Chart",
  );
  const step = (WIDTH - LEFT - 8) / categories.length;
  const scale = {
    highest,
    step,
    x: (index) => LEFT + step * (index + 0.5),
    y: (value) => BOTTOM - ((BOTTOM - TOP) * value) / highest,
  };
  drawing.append(...axes(categories, scale));
  chart.series.forEach((one, index) => {
    const values = categories.map((label) => one.data.find((point) => point.label === label)?.value ?? 0);
    drawing.append(
      ...(chart.type === "bar"
        ? bars(values, index, chart.series.length, scale)
        : curve(values, index, chart.type, scale)),
    );
  });
  return drawing;
}

function axes(categories, { highest, step, x, y }) {
  const lines = [0, 0.5, 1].flatMap((share) => {
    const level = y(highest * share);
    const label = Math.round(highest * share * 10) / 10;
    return [
      svg("line", { class: "grid", x1: LEFT, x2: WIDTH - 8, y1: level, y2: level }),
      svg("text", { x: LEFT - 6, y: level + 4, "text-anchor": "end" }, label.toLocaleString()),
    ];
  });
  const every = Math.ceil(48 / step);
  const labels = categories.map((label, index) =>
    index % every
      ? null
      : svg(
          "text",
          { x: x(index), y: BOTTOM + 18, "text-anchor": "middle" },
          label.length > 12 ? `${label.slice(0, 11)}…` : label,
        ),
  );
  return [...lines, ...labels.filter(Boolean)];
}

function bars(values, index, groups, { step, x, y }) {
  const width = Math.min(40, (step * 0.7) / groups);
  return values.map((value, place) =>
    svg("rect", {
      class: `bar tone-${index % 6}`,
      x: x(place) - (width * groups) / 2 + width * index,
      y: y(value),
      width: Math.max(1, width - 2),
      height: Math.max(0, BOTTOM - y(value)),
      rx: 2,
    }),
  );
}

function curve(values, index, type, { x, y }) {
  const points = values.map((value, place) => `${x(place)},${y(value)}`).join(" ");
  const line = svg("polyline", { class: `line tone-${index % 6}`, points });
  if (type !== "area") return [line];
  const area = `${x(0)},${BOTTOM} ${points} ${x(values.length - 1)},${BOTTOM}`;
  return [svg("polygon", { class: `area tone-${index % 6}`, points: area }), line];
}

function numbers(chart) {
  const head = el(
    "tr",
    {},
    ["", ...chart.series.map((one) => one.name)].map((name) => el("th", { scope: "col" }, name)),
  );
  const labels = chart.axis_config?.categories ?? chart.series[0].data.map((point) => point.label);
  const rows = labels.map((label) => {
    const cells = chart.series.map((one) =>
      el("td", {}, String(one.data.find((point) => point.label === label)?.value ?? "")),
    );
    return el("tr", {}, el("th", { scope: "row" }, label), cells);
  });
  return el("table", { class: "visually-hidden" }, el("thead", {}, head), el("tbody", {}, rows));
}

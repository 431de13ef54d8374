// The evaluation page: figures, and the way from a cell to its photos without leaving the page.
import { Figure } from "../charts/figure.js";
import { startRelabelling } from "./relabel.js";
import { startSorting } from "./sort.js";

let heat = null;

const region = () => document.getElementById("evaluation");

/** The outline around the open cell, or none. Axes are in the order of the table's header. */
function outline(truth, answer) {
  const keys = [...heat.keys];
  const row = keys.indexOf(truth);
  const column = keys.indexOf(answer);
  if (row < 0 || column < 0) return [];
  const line = { color: "var(--hi)", width: 3 };
  return [{ type: "rect", x0: column - 0.5, x1: column + 0.5, y0: row - 0.5, y1: row + 0.5, line }];
}

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** What a cell says when it is hovered, for every cell. */
function hoverTexts(names, counts) {
  const bold = names.map((name) => `<b>${escaped(name)}</b>`);
  return counts.map((row, i) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, j) => {
      const what =
        i === j
          ? interpolate(gettext("%s, answered right"), [bold[i]])
          : interpolate(gettext("%s taken for %s"), [bold[i], bold[j]]);
      const share = interpolate(gettext("%s %"), [total ? ((100 * count) / total).toFixed(1) : 0]);
      return `${what}<br>${interpolate(gettext("%s of %s photos, %s"), [count, total, share])}`;
    });
  });
}

function drawHeat() {
  const { figure, element, plot } = heat;
  const shapes = outline(element.dataset.truth, element.dataset.answer);
  return plot.draw({ data: figure.data, layout: { ...figure.layout, shapes } });
}

function startFigures() {
  const element = document.querySelector("[data-heat]");
  const { keys, names, counts, ...figure } = JSON.parse(document.getElementById("heat").textContent);
  const sentences = hoverTexts(names, counts);
  for (const trace of figure.data) trace.customdata = sentences;
  heat = { element, figure, keys, plot: new Figure(element) };
  heat.plot.on("plotly_click", ({ points }) => open(keys[points[0].y], keys[points[0].x]));
  drawHeat().then((drawn) => drawn || showTable(true));
  const coverage = document.querySelector("[data-coverage]");
  if (coverage) new Figure(coverage).draw(JSON.parse(document.getElementById("coverage").textContent));
  startSorting(region());
}

function mark(truth, answer) {
  for (const link of document.querySelectorAll("[data-truth][aria-current]:not([data-heat])")) {
    link.removeAttribute("aria-current");
  }
  for (const link of document.querySelectorAll("#matrix-table a[aria-current]")) link.removeAttribute("aria-current");
  const selector = `a[data-truth="${CSS.escape(truth)}"][data-answer="${CSS.escape(answer)}"]:not(.tile)`;
  for (const link of document.querySelectorAll(selector)) link.setAttribute("aria-current", "true");
  const row = document.querySelectorAll("#matrix-table tbody tr")[heat.keys.indexOf(truth)];
  row?.cells[heat.keys.indexOf(answer) + 1].querySelector("a")?.setAttribute("aria-current", "true");
  Object.assign(heat.element.dataset, { truth, answer });
  drawHeat();
}

/** Opens the photos of a cell beside the matrix; the address then leads here again. */
async function open(truth, answer, { level = region().dataset.level, focus = false } = {}) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries({ truth, answer, level, split: region().dataset.split })) {
    query.set(name, value);
  }
  query.delete("before");
  query.delete("cell");
  history.replaceState(history.state, "", `?${query}`);
  const cell = document.getElementById("cell");
  cell.classList.add("loading");
  try {
    await htmx.ajax("GET", `${region().dataset.cellUrl}?${query}`, { target: "#cell", swap: "innerHTML" });
  } finally {
    cell.classList.remove("loading");
  }
  mark(truth, answer);
  const { top, bottom } = cell.getBoundingClientRect();
  if (focus || top > innerHeight - 120 || bottom < 120) cell.scrollIntoView({ block: "start" });
  if (focus) cell.focus({ preventScroll: true });
}

function showTable(on) {
  document.getElementById("matrix").classList.toggle("table-on", on);
  document.getElementById("matrix-table").classList.toggle("shown", on);
  document.querySelector("[data-table-switch]").setAttribute("aria-pressed", String(on));
}

const plain = (event) => event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);

document.addEventListener("click", (event) => {
  if (!plain(event)) return;
  const toggle = event.target.closest("[data-table-switch]");
  if (toggle) return showTable(toggle.getAttribute("aria-pressed") !== "true");
  const inTable = event.target.closest("#matrix-table td a");
  if (inTable) {
    event.preventDefault();
    const td = inTable.closest("td");
    open(heat.keys[td.parentElement.sectionRowIndex], heat.keys[td.cellIndex - 1], { focus: true });
    return;
  }
  const link = event.target.closest("a[data-truth]");
  // A wrong photo names classes: with bins in the matrix its own address is followed.
  if (link && !(link.hasAttribute("data-at-class") && region().dataset.level === "bin")) {
    event.preventDefault();
    open(link.dataset.truth, link.dataset.answer, { focus: true });
    return;
  }
  const view = event.target.closest("a[data-view]");
  if (view) {
    event.preventDefault();
    change(view);
  }
});

/** Another split, level, order: the same page, of which only the evaluation is exchanged. */
async function change(link) {
  const wasTable = document.getElementById("matrix").classList.contains("table-on");
  // The address in the link was written when the page was; the open cell may have changed since.
  const query = new URLSearchParams(link.search);
  const keepsCell = !/^(split|level)-/.test(link.id);
  const now = new URLSearchParams(location.search);
  if (keepsCell) for (const name of ["truth", "answer", "cell"]) if (now.has(name)) query.set(name, now.get(name));
  history.replaceState(history.state, "", `?${query}`);
  await htmx.ajax("GET", `${location.pathname}?${query}`, {
    target: "#evaluation",
    select: "#evaluation",
    swap: "outerHTML show:none",
  });
  startFigures();
  if (wasTable) showTable(true);
  document.getElementById(link.id)?.focus({ preventScroll: true });
}

// Whoever comes into the table by keyboard sees it.
document.addEventListener("focusin", (event) => {
  if (event.target.closest?.("#matrix-table") && event.target.matches(":focus-visible")) showTable(true);
});

// Arrow keys move between the filled cells of the table, so that Tab need not pass hundreds of them.
document.addEventListener("keydown", (event) => {
  const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  const cell = step && event.target.closest?.("#matrix-table td");
  if (!cell) return;
  event.preventDefault();
  const rows = cell.closest("tbody").rows;
  let row = cell.parentElement.sectionRowIndex;
  let column = cell.cellIndex;
  for (;;) {
    row += step[0];
    column += step[1];
    const next = rows[row]?.cells[column];
    if (!next) return;
    const link = next.querySelector("a");
    if (link) {
      rove(link);
      link.focus();
      return;
    }
  }
});

function rove(chosen) {
  for (const link of document.querySelectorAll("#matrix-table a")) link.tabIndex = link === chosen ? 0 : -1;
}

startFigures();
startRelabelling();
rove(document.querySelector("#matrix-table a[aria-current]") ?? document.querySelector("#matrix-table a"));
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "evaluation") rove(document.querySelector("#matrix-table a"));
});

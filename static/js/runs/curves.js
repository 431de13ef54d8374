// Loss and accuracy curves as Plotly figures, for one run (live) or for several beside each other.

const MANY = 8;
// Fewer batch losses are no line.
const STEPS_AT_LEAST = 3;
const LOG_TICKS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];

function line(run, field, more) {
  const rows = run.epochs.filter((row) => row[field] !== null);
  return {
    type: "scatter",
    x: rows.map((row) => row.epoch),
    y: rows.map((row) => row[field]),
    mode: rows.length < 2 ? "markers" : "lines+markers",
    ...more,
  };
}

function colour(index, several) {
  return several ? `var(--series-${(index % MANY) + 1})` : "var(--ink)";
}

/** The batch losses on the axis of epochs: steps are counted through, and the n-th epoch ends at n. */
function steps(run) {
  // An epoch that is over tells its length; before the first one is, the server's estimate holds.
  const current = run.steps.at(-1)[0];
  const over = run.steps.findLast(([epoch]) => epoch < current);
  const length = over ? over[1] / over[0] : Math.max(run.steps_per_epoch, run.steps.at(-1)[1] / current);
  return {
    type: "scatter",
    x: run.steps.map((step) => step[1] / length),
    y: run.steps.map((step) => step[2]),
    mode: run.steps.length < 30 ? "lines+markers" : "lines",
    name: gettext("batch"),
    line: { color: "var(--line-strong)", width: 1 },
    marker: { size: 4, color: "var(--line-strong)" },
    hovertemplate: `%{y:.3f}<extra>${gettext("batch")}</extra>`,
  };
}

function curves(run, index, several, measure, format) {
  const name = several ? run.name : null;
  const tint = colour(index, several);
  const train = line(run, `train_${measure}`, {
    name: name ? `${name}, ${gettext("train")}` : gettext("train"),
    line: { color: several ? tint : "var(--muted)", width: 1.5, dash: "dot" },
    marker: { size: 4, color: several ? tint : "var(--muted)" },
    legendgroup: several ? String(run.number) : undefined,
    showlegend: !several,
    hovertemplate: `%{y:${format}}<extra>${name ?? ""} ${gettext("train")}</extra>`,
  });
  const validation = line(run, `val_${measure}`, {
    name: name ?? gettext("validation"),
    line: { color: tint, width: 2.5 },
    marker: { size: 6, color: tint },
    legendgroup: several ? String(run.number) : undefined,
    hovertemplate: `%{y:${format}}<extra>${name ?? ""} ${gettext("validation")}</extra>`,
  });
  return [train, validation];
}

function best(run, measure, format) {
  const row = run.epochs.find((one) => one.epoch === run.best_epoch);
  if (!row || row[`val_${measure}`] === null) return [];
  return [
    {
      type: "scatter",
      x: [row.epoch],
      y: [row[`val_${measure}`]],
      mode: "markers",
      name: gettext("best epoch"),
      marker: { size: 13, color: "var(--hi)", line: { color: "var(--ink)", width: 2 } },
      hovertemplate: `%{y:${format}}<extra>${gettext("best epoch")}</extra>`,
    },
  ];
}

function layout(runs, title, yaxis) {
  const last = Math.max(1, ...runs.flatMap((run) => run.epochs.map((row) => row.epochs)), ...runs.map((run) => run.planned ?? 1));
  return {
    // The axis spans the planned epochs from the start: a growing curve does not rescale it.
    xaxis: {
      title: { text: gettext("epoch"), standoff: 6, font: { size: 12 } },
      range: [last === 1 ? 0 : 0.6, last * 1.015 + (last === 1 ? 1 : 0.1)],
      tickformat: "d",
      ...(last === 1 ? { tickvals: [1] } : last <= 12 ? { dtick: 1 } : {}),
      showgrid: false,
      showline: true,
    },
    yaxis: { title: { text: title, standoff: 4, font: { size: 12 } }, ...yaxis },
    hovermode: "x unified",
    hoverlabel: { bgcolor: "var(--raised)", bordercolor: "var(--line-strong)", font: { family: "var(--font)", size: 12, color: "var(--ink)" } },
    // Beside several runs the list above the figures is the legend.
    showlegend: runs.length === 1,
    legend: { orientation: "h", x: 0, xanchor: "left", yref: "container", y: 1, yanchor: "top", font: { color: "var(--ink-soft)" }, bgcolor: "rgba(0,0,0,0)" },
    margin: { l: 52, r: 12, t: runs.length === 1 ? 34 : 8, b: 42 },
    uirevision: "curves",
  };
}

/** All values of a measure that are drawn. */
function values(runs, measure) {
  const rows = runs.flatMap((run) => run.epochs);
  return rows.flatMap((row) => [row[`train_${measure}`], row[`val_${measure}`]]).filter((value) => value !== null);
}

/** Bounds on twentieths around the accuracies, never so near that a point fills the figure. */
function accuracyRange(runs) {
  const all = values(runs, "accuracy");
  if (!all.length) return [0, 1];
  const high = Math.min(1.005, Math.ceil((Math.max(...all) + 0.01) * 20) / 20);
  const low = Math.floor((Math.min(...all) - 0.01) * 20) / 20;
  return [Math.max(0, Math.min(low, high - 0.2)), high];
}

/** @param {Array} runs as the server's curve_data gives them  @param {{log?: boolean}} options */
export function lossFigure(runs, { log = false } = {}) {
  const several = runs.length > 1;
  const data = runs.flatMap((run, index) => curves(run, index, several, "loss", ".3f"));
  if (!several) data.unshift(...runs.filter((run) => run.steps.length >= STEPS_AT_LEAST).map(steps));
  if (!several && runs.length) data.push(...best(runs[0], "loss", ".3f"));
  const axis = log ? { type: "log", tickvals: LOG_TICKS, ticktext: LOG_TICKS.map(String) } : { rangemode: "tozero" };
  if (!log && !data.some((trace) => trace.y.length)) axis.range = [0, 2];
  return { data, layout: layout(runs, gettext("loss per photo"), axis) };
}

export function accuracyFigure(runs) {
  const several = runs.length > 1;
  const data = runs.flatMap((run, index) => curves(run, index, several, "accuracy", ".1%"));
  if (!several && runs.length) data.push(...best(runs[0], "accuracy", ".1%"));
  return { data, layout: layout(runs, gettext("accuracy"), { tickformat: ".0%", range: accuracyRange(runs) }) };
}

/** Wires the log scale switch of a loss figure; `redraw` is called with its new state. */
export function onLogSwitch(root, redraw) {
  const button = root.querySelector("[data-log-scale]");
  button?.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    redraw(on);
  });
}

// Loss and accuracy curves as Plotly figures, for one run (live) or for several beside each other.

const MANY = 8;

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

/** The batch losses of an epoch, spread evenly over it: the n-th epoch ends at n. */
function steps(run) {
  const counts = new Map();
  for (const [epoch] of run.steps) counts.set(epoch, (counts.get(epoch) ?? 0) + 1);
  const full = Math.max(run.points_per_epoch ?? 1, ...counts.values());
  const seen = new Map();
  const x = [];
  for (const [epoch] of run.steps) {
    const place = (seen.get(epoch) ?? 0) + 1;
    seen.set(epoch, place);
    x.push(epoch - 1 + place / full);
  }
  return {
    type: "scatter",
    x,
    y: run.steps.map((step) => step[2]),
    mode: "lines",
    name: gettext("batch"),
    line: { color: "var(--line-strong)", width: 1 },
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
    legendgroup: String(run.number),
    showlegend: !several,
    hovertemplate: `%{y:${format}}<extra>${name ?? ""} ${gettext("train")}</extra>`,
  });
  const validation = line(run, `val_${measure}`, {
    name: name ?? gettext("validation"),
    line: { color: tint, width: 2.5 },
    marker: { size: 6, color: tint },
    legendgroup: String(run.number),
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
    xaxis: { title: { text: gettext("epoch"), standoff: 6 }, range: [last === 1 ? 0 : Math.min(0.6, 1 - last / 40), last * 1.015 + 0.1], tickformat: "d", dtick: last <= 12 ? 1 : undefined, showgrid: false, showline: true },
    yaxis: { title: { text: title, standoff: 4 }, ...yaxis },
    hovermode: "x unified",
    hoverlabel: { bgcolor: "var(--raised)", bordercolor: "var(--line-strong)", font: { family: "var(--font)", size: 12, color: "var(--ink)" } },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { color: "var(--ink-soft)" } },
    margin: { l: 52, r: 12, t: 34, b: 42 },
    uirevision: "curves",
  };
}

/** @param {Array} runs as the server's curve_data gives them  @param {{log?: boolean}} options */
export function lossFigure(runs, { log = false } = {}) {
  const several = runs.length > 1;
  const data = runs.flatMap((run, index) => curves(run, index, several, "loss", ".3f"));
  if (!several) data.unshift(...runs.filter((run) => run.steps.length).map(steps));
  if (!several && runs.length) data.push(...best(runs[0], "loss", ".3f"));
  const axis = log ? { type: "log", dtick: "D2" } : { rangemode: "tozero" };
  return { data, layout: layout(runs, gettext("loss per photo"), axis) };
}

export function accuracyFigure(runs) {
  const several = runs.length > 1;
  const data = runs.flatMap((run, index) => curves(run, index, several, "accuracy", ".1%"));
  if (!several && runs.length) data.push(...best(runs[0], "accuracy", ".1%"));
  return { data, layout: layout(runs, gettext("accuracy"), { tickformat: ".0%" }) };
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

// Figures name colours as the style sheets do, "var(--ink)"; Plotly needs values, so they are looked up per drawing.

const VARIABLE = /var\((--[\w-]+)\)/g;

/** A copy of `value` in which every var(--name) is replaced by what the page's theme says now. */
export function resolved(value, styles = getComputedStyle(document.documentElement)) {
  if (typeof value === "string") {
    return value.includes("var(") ? value.replace(VARIABLE, (_, name) => styles.getPropertyValue(name).trim()) : value;
  }
  if (Array.isArray(value)) return value.map((one) => resolved(one, styles));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, resolved(one, styles)]));
  }
  return value;
}

const AXIS = {
  gridcolor: "var(--line)",
  linecolor: "var(--line-strong)",
  zerolinecolor: "var(--line-strong)",
  tickcolor: "var(--line-strong)",
  automargin: true,
  fixedrange: false,
};

/** The look that all figures share, below what a figure says itself. */
export function withLook(layout) {
  const axis = (own) => ({ ...AXIS, ...own });
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 48, r: 12, t: 8, b: 40 },
    hovermode: "closest",
    // A finger scrolls the page; zooming by drag is for pointers that can hover.
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    autosize: true,
    ...layout,
    font: { family: "var(--font)", size: 12, color: "var(--muted)", ...layout.font },
    hoverlabel: {
      bgcolor: "var(--ink)",
      bordercolor: "var(--ink)",
      font: { family: "var(--font)", size: 12, color: "var(--paper)" },
      ...layout.hoverlabel,
    },
    xaxis: axis(layout.xaxis),
    yaxis: axis(layout.yaxis),
  };
}

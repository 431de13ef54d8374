// The page of a run of preparation: its figures, and the way from a box or a bar to the photos behind it.
import { Figure } from "../charts/figure.js";

/** What a box covers, as whole pixels inside it, in the fields of the form beside the figure. */
function fill(form, { x, y }) {
  const bounds = { min_width: Math.ceil(x[0]), max_width: Math.floor(x[1]), min_height: Math.ceil(y[0]), max_height: Math.floor(y[1]) };
  for (const [name, value] of Object.entries(bounds)) form.elements[name].value = Math.max(0, value);
  form.dispatchEvent(new Event("box"));
}

for (const element of document.querySelectorAll("[data-figure]")) {
  const { keys, ...figure } = JSON.parse(document.getElementById(element.dataset.figure).textContent);
  const plot = new Figure(element);
  const form = document.getElementById(element.dataset.select);
  if (form) {
    plot.on("plotly_selected", (event) => {
      if (event?.range) fill(form, { x: [...event.range.x].sort((a, b) => a - b), y: [...event.range.y].sort((a, b) => a - b) });
    });
  }
  if (element.dataset.open) {
    plot.on("plotly_click", ({ points }) => {
      location.assign(`${element.dataset.open}?class=${encodeURIComponent(keys[points[0].x])}`);
    });
  }
  plot.draw(figure);
}

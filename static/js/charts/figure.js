// One figure: drawn by Plotly from {data, layout}, redrawn when the theme or the width changes.
// The element is a picture to screen readers (role="img" with a label); the numbers stand in a table beside it.
import { plotly } from "./plotly.js";
import { resolved, withLook } from "./theme.js";

const CONFIG = { displayModeBar: false, responsive: false, showTips: false, doubleClick: "reset" };

const figures = new Set();

export class Figure {
  #element;
  #figure = null;
  #drawn = false;
  #width = 0;
  #handlers = new Map();

  /** @param {HTMLElement} element has its height from the style sheet, so that drawing shifts nothing */
  constructor(element) {
    this.#element = element;
    figures.add(this);
    new ResizeObserver(() => this.#resize()).observe(element);
  }

  get element() {
    return this.#element;
  }

  /** Draws {data, layout}, or changes what is drawn. Resolves to false where Plotly can't be had. */
  async draw(figure) {
    this.#figure = figure;
    try {
      const Plotly = await plotly();
      if (this.#figure !== figure || !this.#element.isConnected) return this.#drawn; // a newer one came meanwhile
      await Plotly.react(this.#element, resolved(figure.data), resolved(withLook(figure.layout)), CONFIG);
    } catch (failure) {
      console.error(failure);
      this.#element.classList.add("undrawn");
      return false;
    }
    this.#width = this.#element.clientWidth;
    if (!this.#drawn) {
      this.#drawn = true;
      for (const [name, handler] of this.#handlers) this.#element.on(name, handler);
    }
    return true;
  }

  /** Calls `handler` with Plotly's event, e.g. on("plotly_click", …). */
  on(name, handler) {
    this.#handlers.set(name, handler);
    if (this.#drawn) this.#element.on(name, handler);
  }

  redraw() {
    if (!this.#element.isConnected) figures.delete(this);
    else if (this.#figure) this.draw({ ...this.#figure });
  }

  async #resize() {
    if (!this.#drawn || this.#element.clientWidth === this.#width || !this.#element.clientWidth) return;
    this.#width = this.#element.clientWidth;
    (await plotly()).Plots.resize(this.#element);
  }
}

document.addEventListener("themechange", () => {
  for (const figure of figures) figure.redraw();
});

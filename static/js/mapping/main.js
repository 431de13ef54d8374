// The map: puts canvas, pointer, the photos of an area and their gallery together.
import { fit } from "../gallery/match.js";
import { linkedImage } from "../gallery/drawer.js";
import { Gallery } from "../gallery/gallery.js";
import { toast } from "../toasts.js";
import { Area } from "./area.js";
import { Chart } from "./chart.js";
import { Gestures, rectangle } from "./gestures.js";
import { Points } from "./points.js";
import { Tip } from "./tip.js";
import { View } from "./view.js";

const REACH = 9; // px around the pointer
const REACH_OF_A_FINGER = 22;
const AGAIN_AFTER = 400; // ms after a change of labels

class MapPage {
  constructor(data) {
    this.data = data;
    this.map = data.map;
    this.canvas = document.getElementById("map");
    this.said = document.getElementById("map-said");
    this.gallery = new Gallery(data, document.getElementById("gallery-grid"));
    this.view = new View(this.map);
    this.points = new Points(this.map, this.view);
    const { rows, classes, selection } = this.gallery;
    const thumb = data.urls.thumb;
    this.chart = new Chart(this.canvas, { view: this.view, points: this.points, rows, map: this.map, thumb, selection });
    this.gestures = new Gestures(this.canvas, this.view);
    this.tip = new Tip({ element: document.getElementById("map-tip"), canvas: this.canvas, view: this.view, rows, classes, thumb });
    this.area = new Area(this.map, this.gallery);
    this.listen();
    this.tools();
    this.restore();
  }

  listen() {
    this.gestures.addEventListener("hover", ({ detail }) => this.point(detail && this.points.near(detail.left, detail.top, REACH)));
    this.gestures.addEventListener("tap", ({ detail }) => this.tap(detail));
    this.gestures.addEventListener("pen", ({ detail }) => {
      this.chart.pen = detail;
      this.chart.schedule();
    });
    this.gestures.addEventListener("area", ({ detail }) => this.choose(detail));
    this.view.addEventListener("change", () => this.point(null));
    this.points.addEventListener("change", () => this.tell());
    this.points.addEventListener("failed", ({ detail }) => toast(detail, { kind: "error" }));
    this.area.addEventListener("change", () => {
      this.chart.area = this.area.corners;
      this.chart.schedule();
      this.keep();
    });
    // Colours and figures follow what was labelled here.
    this.gallery.changes.addEventListener("settled", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => Promise.all([this.points.load(), this.area.recount()]), AGAIN_AFTER);
    });
    this.canvas.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.gallery.drawer.isOpen || this.gallery.selection.size) return;
      event.preventDefault();
      this.area.clear();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "S" || !event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest("input, select, textarea, dialog")) return;
      event.preventDefault();
      this.chooseShown();
    });
    addEventListener("pagehide", () => this.keep());
  }

  tools() {
    const acts = {
      in: () => this.view.zoom(1.6),
      out: () => this.view.zoom(1 / 1.6),
      whole: () => this.view.whole(),
      shown: () => this.chooseShown(),
    };
    const bar = document.getElementById("map-tools");
    bar.addEventListener("click", ({ target }) => {
      const button = target.closest("button");
      if (button?.dataset.mode) this.setMode(button.dataset.mode);
      else acts[button?.dataset.zoom]?.();
    });
    // A finger moves the map first; a mouse has its wheel for that.
    this.setMode(matchMedia("(pointer: coarse)").matches ? "move" : "lasso");
  }

  setMode(mode) {
    this.gestures.setMode(mode);
    for (const button of document.querySelectorAll("#map-tools [data-mode]")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    }
  }

  point(found) {
    if (this.chart.active === found) return;
    this.chart.active = found;
    this.canvas.classList.toggle("onpoint", Boolean(found));
    this.tip.show(found);
    this.chart.schedule();
  }

  tap({ left, top, touch }) {
    const found = this.points.near(left, top, touch ? REACH_OF_A_FINGER : REACH);
    if (!found) return this.area.clear();
    this.gallery.drawer.showId(found.id, !this.gallery.drawer.isOpen);
  }

  async choose(corners) {
    try {
      const n = await this.area.choose(corners);
      if (n === 0) this.say(gettext("There is no photo in this area."));
      else if (n) this.say(this.area.title.textContent);
    } catch (error) {
      this.area.clear();
      toast(error.message, { kind: "error" });
    }
  }

  chooseShown() {
    const { x0, y0, x1, y1 } = this.view.isWhole ? this.view.all() : this.view.box();
    this.choose(rectangle([x0, y0], [x1, y1]));
  }

  say(words) {
    this.gallery.live.textContent = words;
  }

  /** How many of how many on screen are drawn: those that ⇧S takes. A map drawn anew meanwhile is told of. */
  tell() {
    const { n, total } = this.points.inside;
    const figures = { n: n.toLocaleString("en"), all: total.toLocaleString("en") };
    const words = n < total
      ? gettext("%(n)s of %(all)s photos of this part are drawn. An area takes all of them; zoom in to see more.")
      : ngettext("%(n)s photo", "%(n)s photos", total);
    this.said.textContent = this.points.isStale ? gettext("The map was drawn anew. Load the page again.") : interpolate(words, figures, true);
    this.canvas.dataset.drawn = String(this.points.shown.length);
  }

  /** Part and area outlive a reload, so that another colour or filter shows the same place. */
  keep() {
    const { x, y, scale } = this.view;
    sessionStorage.setItem(`map:${this.map.id}`, JSON.stringify({ x, y, scale, corners: this.area.corners }));
  }

  restore() {
    const kept = JSON.parse(sessionStorage.getItem(`map:${this.map.id}`) ?? "{}");
    if (kept.scale) this.view.set(kept.x, kept.y, kept.scale);
    this.points.load();
    if (kept.corners) this.choose(kept.corners);
    const linked = linkedImage();
    if (linked) this.gallery.drawer.reveal(linked);
  }
}

/** The legend of many classes is searched as the gallery's list is. */
function startLegend() {
  const input = document.getElementById("legend-search");
  const lines = [...document.querySelectorAll("#map-legend [data-words]")];
  if (!input || lines.length < 10) return;
  input.hidden = false;
  input.addEventListener("input", () => {
    for (const line of lines) {
      const [en, zh, pinyin, initials, key] = line.dataset.words.split("|");
      line.hidden = fit({ en, zh, pinyin, initials, key }, input.value) === Infinity;
    }
  });
}

/** A map that is drawn while a person waits shows itself, unless something is chosen on the one before. */
function followDrawing(page) {
  document.body.addEventListener("htmx:afterSwap", () => {
    if (document.querySelector("#map-work[data-ended]") && !page?.area.corners) location.reload();
  });
}

startLegend();
const element = document.getElementById("map-data");
followDrawing(element ? new MapPage(JSON.parse(element.textContent)) : null);

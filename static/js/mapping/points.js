// The points of the part on screen, fetched anew when it has moved on: zoomed in, photos appear that a sample left out.
import { request } from "../http.js";

const ASK_AFTER = 180; // ms of rest
const CELL = 24; // px of the raster that finds what lies under a pointer

export class Points extends EventTarget {
  constructor(map, view) {
    super();
    Object.assign(this, { map, view });
    this.shown = []; // {id, x, y, group, aside}
    this.behind = []; // the same, of photos that the filter leaves out
    this.total = 0;
    this.inside = { n: 0, total: 0 }; // drawn, and all, of the part on screen without what lies around it
    this.asked = 0;
    view.addEventListener("change", () => this.soon());
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), ASK_AFTER);
  }

  async load() {
    clearTimeout(this.timer);
    const number = ++this.asked;
    const box = this.view.isWhole ? {} : { ...this.view.box(), beyond: 1 };
    const window_ = new URLSearchParams(box);
    try {
      const [shown, behind] = await Promise.all([
        request(`${this.map.points}?${this.map.query}&${window_}`),
        this.map.narrowed ? request(`${this.map.points}?behind=1&${window_}`) : null,
      ]);
      if (number !== this.asked) return; // a newer question is on its way
      this.isStale = shown.map !== this.map.id;
      if (this.isStale) return this.dispatchEvent(new Event("change")); // what is on screen stays: it is of one map
      this.shown = this.read(shown);
      this.behind = behind ? this.read(behind) : [];
      this.total = shown.total;
      this.inside = { n: shown.inside, total: shown.inside_total };
      this.dispatchEvent(new Event("change"));
    } catch (error) {
      this.dispatchEvent(new CustomEvent("failed", { detail: error.message }));
    }
  }

  read({ ids, x, y, group, aside, keys }) {
    const { grid } = this.map;
    return ids.map((id, at) => ({ id, x: x[at] / grid, y: y[at] / grid, group: keys[group[at]], aside: aside[at] === 1 }));
  }

  /** The point nearest to a place on screen, no further than `reach` pixels; null where there is none. */
  near(left, top, reach) {
    const raster = this.raster();
    const cells = Math.ceil(reach / CELL);
    const [column, row] = [Math.floor(left / CELL), Math.floor(top / CELL)];
    let best = null;
    let least = reach;
    for (let r = row - cells; r <= row + cells; r += 1) {
      for (let c = column - cells; c <= column + cells; c += 1) {
        for (const point of raster.get(`${c},${r}`) ?? []) {
          const [x, y] = this.view.toScreen(point.x, point.y);
          const distance = Math.hypot(x - left, y - top);
          if (distance <= least) [best, least] = [point, distance];
        }
      }
    }
    return best;
  }

  /** Points by their cell on screen, made again when the view or the points have changed. */
  raster() {
    const { view } = this;
    const stamp = [this.asked, this.shown.length, view.x, view.y, view.scale, view.width, view.height].join();
    if (this.stamp === stamp && this.rasterOf === this.shown) return this.cells;
    this.stamp = stamp;
    this.rasterOf = this.shown;
    this.cells = new Map();
    for (const point of this.shown) {
      const [x, y] = view.toScreen(point.x, point.y);
      const key = `${Math.floor(x / CELL)},${Math.floor(y / CELL)}`;
      const cell = this.cells.get(key);
      if (cell) cell.push(point);
      else this.cells.set(key, [point]);
    }
    return this.cells;
  }
}

// The photos of an area, drawn or not: asked from the server, then shown as a gallery below the map.
import { request } from "../http.js";
import { simplified } from "./gestures.js";

export class Area extends EventTarget {
  constructor(map, gallery) {
    super();
    Object.assign(this, { map, gallery });
    this.corners = null;
    this.section = document.getElementById("map-chosen");
    this.title = document.getElementById("map-chosen-title");
    this.summary = document.getElementById("map-summary");
    this.steps();
    document.getElementById("map-chosen-close").addEventListener("click", () => this.clear());
  }

  /** Chooses all photos inside; resolves to how many there are. */
  async choose(corners) {
    const asked = simplified(corners, this.map.corners);
    this.corners = asked;
    this.dispatchEvent(new Event("change"));
    const found = await this.ask(asked);
    if (this.corners !== asked) return null; // another one was drawn meanwhile
    let id = 0;
    const ids = found.steps.map((step) => (id += step));
    this.section.hidden = ids.length === 0;
    this.gallery.rows.show(ids, found.versions);
    this.steps();
    this.gallery.selection.set(ids);
    this.gallery.grid.activate(0, { scroll: false });
    this.tell(found.labels);
    if (!ids.length) this.corners = null;
    this.dispatchEvent(new Event("change"));
    return ids.length;
  }

  /** The photo before and the next one are those of the list; without one there are none. */
  steps() {
    for (const button of this.gallery.drawer.element.querySelectorAll("[data-step]")) button.hidden = !this.gallery.rows.ids.length;
  }

  ask(area) {
    return request(`${this.map.within}?${this.map.query}`, { method: "POST", json: { area, map: this.map.id } });
  }

  /** The figures anew, after labels have changed; the photos below keep their places. */
  async recount() {
    const asked = this.corners;
    if (!asked) return;
    const found = await this.ask(asked).catch(() => null);
    if (found && this.corners === asked) this.tell(found.labels);
  }

  tell(labels) {
    const counts = new Map();
    for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    const n = labels.length;
    this.title.textContent = interpolate(ngettext("%s photo in this area", "%s photos in this area", n), [n.toLocaleString("en")]);
    const rows = [...counts].sort((a, b) => b[1] - a[1]).map(([key, count]) => {
      const item = document.createElement("li");
      item.className = "chip";
      const name = document.createElement("span");
      name.className = "truncate";
      name.textContent = this.gallery.classes.nameOf(key || null);
      const figure = document.createElement("small");
      figure.className = "num";
      figure.textContent = count.toLocaleString("en");
      item.append(this.mark(key), name, figure);
      const digit = this.gallery.data.mayLabel && this.gallery.classes.get(key)?.digit;
      if (digit) {
        const press = document.createElement("kbd");
        press.textContent = digit;
        press.ariaHidden = "true";
        item.append(press);
      }
      return item;
    });
    this.summary.replaceChildren(...rows);
  }

  /** In the class's colour on the map, or that of its bin where the map has other colours. */
  mark(key) {
    const dot = document.createElement("span");
    if (!key) {
      dot.className = "dot cross";
      return dot;
    }
    dot.className = `dot bin-${this.gallery.classes.get(key)?.bin ?? ""}`;
    if (this.map.isByClass && this.map.colours[key]) dot.style.background = this.map.colours[key];
    return dot;
  }

  clear() {
    if (!this.corners) return;
    this.corners = null;
    this.section.hidden = true;
    this.gallery.selection.clear();
    this.gallery.rows.show([], []);
    this.steps();
    this.dispatchEvent(new Event("change"));
  }
}

// A grid in which only the rows near the viewport exist. Its height is that of all of them, so the scroll bar is true.

const OVERSCAN = 1.0; // screens above and below
const NARROW = matchMedia("(max-width: 720px)");
const NO_SHA = "0".repeat(64);

export class Grid extends EventTarget {
  /** @param {HTMLElement} box  @param {import("./rows.js").Rows} rows */
  constructor(box, rows, { classes, thumb, state, selection }) {
    super();
    Object.assign(this, { box, rows, classes, thumb, state, selection });
    this.active = 0;
    this.isPlaced = false; // whether somebody has chosen the active place yet
    this.tiles = new Map(); // index → element
    this.pane = document.createElement("div");
    this.pane.className = "pane";
    this.pane.setAttribute("role", "presentation");
    box.replaceChildren(this.pane);
    this.measure();
    const again = () => this.schedule();
    addEventListener("scroll", again, { passive: true });
    new ResizeObserver(() => {
      this.measure();
      this.render();
    }).observe(box);
    rows.addEventListener("index", () => {
      this.measure();
      this.render();
    });
    rows.addEventListener("rows", (event) => this.refresh(event.detail));
    selection.addEventListener("change", () => this.paintAll());
    this.render();
  }

  get count() {
    return this.rows.complete ? this.rows.ids.length : Math.max(this.rows.total, this.rows.ids.length);
  }

  measure() {
    const width = this.box.clientWidth;
    this.gap = NARROW.matches ? 4 : 8;
    this.columns = NARROW.matches ? 3 : Math.max(1, Math.floor((width + this.gap) / (148 + this.gap)));
    this.side = (width - this.gap * (this.columns - 1)) / this.columns;
    this.pitch = this.side + this.gap;
    const rowCount = Math.ceil(this.count / this.columns);
    this.box.style.height = `${Math.max(0, rowCount * this.pitch - this.gap)}px`;
    this.pane.style.gridTemplateColumns = `repeat(${this.columns}, minmax(0, 1fr))`;
    this.pane.style.gap = `${this.gap}px`;
  }

  get top() {
    return this.box.getBoundingClientRect().top + scrollY;
  }

  schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.render();
    });
  }

  visibleRange(screens) {
    const from = scrollY - this.top - innerHeight * screens;
    const to = scrollY - this.top + innerHeight * (1 + screens);
    const first = Math.max(0, Math.floor(from / this.pitch)) * this.columns;
    const last = Math.min(this.count, Math.max(0, Math.ceil(to / this.pitch)) * this.columns);
    return [Math.min(first, Math.max(0, last)), last];
  }

  render() {
    const [first, last] = this.visibleRange(OVERSCAN);
    const old = this.tiles;
    this.tiles = new Map();
    const nodes = [];
    for (let index = first; index < last; index += 1) {
      const id = this.rows.ids[index];
      let tile = old.get(index);
      if (!tile || tile.dataset.id !== String(id)) tile = this.build(index, id);
      else old.delete(index);
      this.tiles.set(index, tile);
      nodes.push(tile);
    }
    this.pane.style.transform = `translateY(${(first / this.columns) * this.pitch}px)`;
    this.arrange(nodes, old);
    this.rows.want(...this.visibleRange(OVERSCAN));
    this.markActive();
  }

  /** Moves as little as possible: tiles that stay keep their decoded pictures. */
  arrange(nodes, gone) {
    for (const tile of gone.values()) tile.remove();
    let here = this.pane.firstChild;
    for (const node of nodes) {
      if (node === here) here = here.nextSibling;
      else this.pane.insertBefore(node, here);
    }
    while (here) {
      const next = here.nextSibling;
      here.remove();
      here = next;
    }
  }

  build(index, id) {
    const tile = document.createElement("div");
    tile.className = "tile";
    tile.id = `tile-${index}`;
    tile.dataset.id = String(id);
    tile.dataset.index = String(index);
    tile.setAttribute("role", "option");
    tile.setAttribute("aria-setsize", String(this.count));
    tile.setAttribute("aria-posinset", String(index + 1));
    this.fill(tile);
    return tile;
  }

  fill(tile) {
    const row = this.rows.byId.get(Number(tile.dataset.id));
    if (!row || row.gone) {
      tile.replaceChildren();
      tile.setAttribute("aria-label", row ? gettext("no longer there") : gettext("loading"));
      this.paint(tile, row);
      return;
    }
    let image = tile.querySelector("img");
    if (!image) {
      image = document.createElement("img");
      image.alt = "";
      image.decoding = "async";
      image.draggable = false;
      image.addEventListener("error", () => tile.classList.add("nopicture"), { once: true });
      image.src = this.thumb.replace(NO_SHA, row.sha);
      tile.append(image);
    }
    tile.replaceChildren(image, ...this.overlays(row));
    const label = this.classes.nameOf(row.label);
    tile.setAttribute("aria-label", [row.name, label, this.stateWords(row)].filter(Boolean).join(", "));
    this.paint(tile, row);
  }

  overlays(row) {
    const parts = [];
    if (row.state === "quarantined") parts.push(span("warn", row.reason || gettext("quarantined")));
    // A photo that has left the state this page shows keeps its place until the page is loaded anew, with a word.
    else if (this.state !== "any" && row.state !== this.state) {
      parts.push(span("warn ok", row.state === "inbox" ? gettext("in the inbox") : gettext("accepted")));
    }
    const label = span("lab");
    const one = this.classes.get(row.label);
    if (one) label.append(span(`dot bin-${one.bin}`));
    label.append(span(`truncate${one ? "" : " nolabel"}`, this.classes.nameOf(row.label)));
    const open = span("openmark", "⤢");
    open.setAttribute("aria-hidden", "true");
    parts.push(label, open);
    return parts;
  }

  stateWords(row) {
    if (row.state === "quarantined") return gettext("quarantined");
    return row.state === "inbox" ? gettext("in the inbox") : "";
  }

  paint(tile, row = this.rows.byId.get(Number(tile.dataset.id))) {
    const chosen = this.selection.has(Number(tile.dataset.id));
    tile.classList.toggle("sel", chosen);
    tile.classList.toggle("gone", row?.state === "quarantined" && !["any", "quarantined"].includes(this.state));
    tile.setAttribute("aria-selected", String(chosen));
  }

  paintAll() {
    for (const tile of this.tiles.values()) this.paint(tile);
  }

  refresh(ids) {
    const these = new Set(ids);
    for (const tile of this.tiles.values()) if (these.has(Number(tile.dataset.id))) this.fill(tile);
  }

  /** Makes a place the one that keys act on, and brings it into view. */
  activate(index, { scroll = true } = {}) {
    if (this.count === 0) return;
    this.active = Math.min(this.count - 1, Math.max(0, index));
    this.isPlaced = true;
    if (scroll) this.reveal(this.active);
    this.markActive();
    this.dispatchEvent(new CustomEvent("active", { detail: this.active }));
  }

  markActive() {
    for (const tile of this.pane.querySelectorAll(".at")) tile.classList.remove("at");
    const tile = this.tiles.get(this.active);
    tile?.classList.add("at");
    if (tile) this.box.setAttribute("aria-activedescendant", tile.id);
    else this.box.removeAttribute("aria-activedescendant");
  }

  reveal(index) {
    const y = this.top + Math.floor(index / this.columns) * this.pitch;
    const head = parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 60;
    if (y < scrollY + head) scrollTo({ top: y - head });
    else if (y + this.side > scrollY + innerHeight - 84) scrollTo({ top: y + this.side - innerHeight + 84 });
    this.render();
  }

  /** The places whose tiles touch a rectangle, in the coordinates of the box. */
  within(x1, y1, x2, y2) {
    const [left, right] = [Math.min(x1, x2), Math.max(x1, x2)];
    const [top, bottom] = [Math.min(y1, y2), Math.max(y1, y2)];
    const found = [];
    const firstRow = Math.max(0, Math.floor((top + this.gap) / this.pitch));
    const lastRow = Math.min(Math.ceil(this.count / this.columns) - 1, Math.floor(bottom / this.pitch));
    const firstColumn = Math.max(0, Math.floor((left + this.gap) / this.pitch));
    const lastColumn = Math.min(this.columns - 1, Math.floor(right / this.pitch));
    for (let row = firstRow; row <= lastRow; row += 1) {
      for (let column = firstColumn; column <= lastColumn; column += 1) {
        const index = row * this.columns + column;
        if (index < this.count) found.push(index);
      }
    }
    return found;
  }
}

function span(className, text = "") {
  const one = document.createElement("span");
  one.className = className;
  one.textContent = text;
  return one;
}

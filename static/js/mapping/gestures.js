// Mouse, touch and keys on the map: move it, zoom it, draw a box or a lasso round photos, open one.

const SLACK = 5; // px a hand may tremble before a press becomes a drag
const STEP = 4; // px between two corners of a lasso
const WHEEL = 0.0016; // per px of the wheel
const KEY_PAN = 60; // px
const KEY_ZOOM = 1.4;

export class Gestures extends EventTarget {
  /** `mode` is move, box or lasso; events: tap {left, top, touch}, hover {left, top} or null, area {corners}, pen. */
  constructor(canvas, view) {
    super();
    Object.assign(this, { canvas, view, mode: "lasso" });
    this.pressed = new Map(); // pointer id → [left, top]
    this.drag = null;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", (event) => this.cancel(event));
    canvas.addEventListener("pointerleave", () => this.tell("hover", null));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    view.addEventListener("change", () => this.touchAction());
    this.touchAction();
  }

  setMode(mode) {
    this.mode = mode;
    this.canvas.dataset.mode = mode;
    this.touchAction();
  }

  /** A finger scrolls the page where there is nothing to move. */
  touchAction() {
    this.canvas.style.touchAction = this.mode === "move" && this.view.isWhole ? "pan-y" : "none";
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  place(event) {
    const bounds = this.canvas.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  }

  down(event) {
    if (event.button !== 0 && event.button !== 1) return;
    const at = this.place(event);
    this.pressed.set(event.pointerId, at);
    this.canvas.setPointerCapture(event.pointerId);
    if (this.pressed.size > 1) {
      this.dropPen(); // a second finger makes it a pinch
      return;
    }
    const mode = event.button === 1 ? "move" : this.mode;
    if (event.button === 1) event.preventDefault();
    this.drag = { at, last: at, mode, moved: false, corners: [this.view.toMap(...at)], touch: event.pointerType !== "mouse" };
    this.tell("hover", null);
  }

  move(event) {
    const at = this.place(event);
    if (!this.pressed.has(event.pointerId)) {
      if (event.pointerType === "mouse") this.tell("hover", { left: at[0], top: at[1] });
      return;
    }
    if (this.pressed.size > 1) return this.pinch(event.pointerId, at);
    this.pressed.set(event.pointerId, at);
    const { drag } = this;
    if (!drag) return;
    if (!drag.moved && Math.hypot(at[0] - drag.at[0], at[1] - drag.at[1]) < SLACK) return;
    drag.moved = true;
    if (drag.mode === "move") this.view.pan(at[0] - drag.last[0], at[1] - drag.last[1]);
    else this.draw(at);
    drag.last = at;
  }

  draw(at) {
    const { drag, view } = this;
    if (drag.mode === "box") drag.corners = rectangle(view.toMap(...drag.at), view.toMap(...at));
    else {
      const before = view.toScreen(...drag.corners.at(-1));
      if (Math.hypot(at[0] - before[0], at[1] - before[1]) >= STEP) drag.corners.push(view.toMap(...at));
    }
    this.tell("pen", drag.corners);
  }

  pinch(id, at) {
    const other = [...this.pressed].find(([one]) => one !== id)[1];
    const before = this.pressed.get(id);
    this.pressed.set(id, at);
    const span = (one) => Math.max(1, Math.hypot(one[0] - other[0], one[1] - other[1]));
    const middle = (one) => [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
    const [x, y] = middle(at);
    const [oldX, oldY] = middle(before);
    this.view.zoom(span(at) / span(before), x, y);
    this.view.pan(x - oldX, y - oldY);
  }

  up(event) {
    const { drag } = this;
    this.pressed.delete(event.pointerId);
    if (!drag || this.pressed.size) return;
    this.drag = null;
    if (!drag.moved) this.tell("tap", { left: drag.at[0], top: drag.at[1], touch: drag.touch });
    else if (drag.mode !== "move") {
      this.tell("pen", null);
      if (drag.corners.length > 2) this.tell("area", drag.corners);
    }
  }

  cancel(event) {
    this.pressed.delete(event.pointerId);
    this.dropPen();
  }

  dropPen() {
    this.drag = null;
    this.tell("pen", null);
  }

  /** Wheel down with the whole map on screen scrolls the page, as everywhere else. */
  wheel(event) {
    if (this.view.isWhole && event.deltaY > 0 && !event.ctrlKey) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 30 : 1;
    this.view.zoom(Math.exp(-event.deltaY * lines * WHEEL), ...this.place(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey && event.key !== "+") return;
    const acts = {
      ArrowLeft: () => this.view.pan(KEY_PAN, 0),
      ArrowRight: () => this.view.pan(-KEY_PAN, 0),
      ArrowUp: () => this.view.pan(0, KEY_PAN),
      ArrowDown: () => this.view.pan(0, -KEY_PAN),
      "+": () => this.view.zoom(KEY_ZOOM),
      "=": () => this.view.zoom(KEY_ZOOM),
      "-": () => this.view.zoom(1 / KEY_ZOOM),
      Home: () => this.view.whole(),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }
}

export function rectangle([x0, y0], [x1, y1]) {
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

/** At most `most` of the corners, so that what is left out lies nearest to the line (Douglas and Peucker 1973). */
export function simplified(corners, most, slack = 0) {
  if (corners.length <= most) return corners;
  const kept = new Set([0, corners.length - 1]);
  const parts = [[0, corners.length - 1]];
  while (parts.length) {
    const [first, last] = parts.pop();
    let [far, at] = [slack, -1];
    for (let i = first + 1; i < last; i += 1) {
      const distance = fromLine(corners[i], corners[first], corners[last]);
      if (distance > far) [far, at] = [distance, i];
    }
    if (at < 0) continue;
    kept.add(at);
    parts.push([first, at], [at, last]);
  }
  const rest = corners.filter((_corner, at) => kept.has(at));
  return rest.length <= most ? rest : simplified(rest, most, Math.max(1e-5, slack * 2));
}

function fromLine([x, y], [x1, y1], [x2, y2]) {
  const length = Math.hypot(x2 - x1, y2 - y1);
  return length ? Math.abs((x2 - x1) * (y1 - y) - (x1 - x) * (y2 - y1)) / length : Math.hypot(x - x1, y - y1);
}

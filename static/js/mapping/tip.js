// The photo under the pointer: its picture, name and label beside it.
const NO_SHA = "0".repeat(64);
const REST = 60; // ms: a pointer on its way passes many points

export class Tip {
  constructor({ element, canvas, view, rows, classes, thumb }) {
    Object.assign(this, { element, canvas, view, rows, classes, thumb });
    this.image = element.querySelector("img");
    this.name = element.querySelector("[data-name]");
    this.label = element.querySelector("[data-label]");
    this.point = null;
    rows.addEventListener("rows", ({ detail }) => {
      if (this.point && detail.includes(this.point.id)) this.fill();
    });
  }

  show(point) {
    if (this.point === point) return;
    this.point = point;
    clearTimeout(this.timer);
    if (!point) {
      this.element.hidden = true;
      return;
    }
    this.timer = setTimeout(() => {
      this.rows.fetchRows([point.id]);
      this.fill();
    }, REST);
  }

  fill() {
    const row = this.rows.byId.get(this.point.id);
    if (!row || row.gone) return;
    this.image.src = this.thumb.replace(NO_SHA, row.sha);
    this.name.textContent = row.name;
    const state = row.state === "quarantined" ? gettext("quarantined") : row.state === "inbox" ? gettext("in the inbox") : "";
    this.label.textContent = [this.classes.nameOf(row.label), state].filter(Boolean).join(" · ");
    this.element.hidden = false;
    this.put();
  }

  /** Beside the point, on the side that has room. */
  put() {
    const [x, y] = this.view.toScreen(this.point.x, this.point.y);
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const left = x + 14 + width > this.view.width ? x - 14 - width : x + 14;
    const top = Math.min(Math.max(4, y - height / 2), this.view.height - height - 4);
    this.element.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  }
}

// Which part of the map is on screen. Places are shares of the map, 0 to 1; the screen is in CSS pixels.

const MOST_SCALE = 200;
const MARGIN = 14; // px around the whole map, so that no point lies on the edge

export class View extends EventTarget {
  /** `reach`: how much of the unit square the map takes, in the middle of it. */
  constructor(reach) {
    super();
    this.reach = reach;
    this.width = this.height = 1;
    this.scale = 1; // 1: the whole map just fits
    this.x = this.y = 0.5; // the place in the middle
  }

  get side() {
    const fit = (length, share) => Math.max(1, length - 2 * MARGIN) / share;
    return Math.min(fit(this.width, this.reach.width), fit(this.height, this.reach.height)) * this.scale;
  }

  get isWhole() {
    return this.scale <= 1.0001;
  }

  resize(width, height) {
    this.width = width;
    this.height = height;
    this.set(this.x, this.y, this.scale);
  }

  set(x, y, scale) {
    this.scale = Math.min(MOST_SCALE, Math.max(1, scale));
    // The middle never leaves the map; seen whole, the map is in the middle.
    const room = (length, share) => Math.max(0, share / 2 - (length / 2 - MARGIN) / this.side);
    const hold = (value, most) => Math.min(0.5 + most, Math.max(0.5 - most, value));
    this.x = hold(x, room(this.width, this.reach.width));
    this.y = hold(y, room(this.height, this.reach.height));
    this.dispatchEvent(new Event("change"));
  }

  toScreen(x, y) {
    return [(x - this.x) * this.side + this.width / 2, (y - this.y) * this.side + this.height / 2];
  }

  toMap(left, top) {
    return [(left - this.width / 2) / this.side + this.x, (top - this.height / 2) / this.side + this.y];
  }

  pan(byX, byY) {
    this.set(this.x - byX / this.side, this.y - byY / this.side, this.scale);
  }

  /** Zooms by a factor; the place under [left, top] stays where it is. */
  zoom(factor, left = this.width / 2, top = this.height / 2) {
    const [x, y] = this.toMap(left, top);
    this.scale = Math.min(MOST_SCALE, Math.max(1, this.scale * factor));
    this.set(x - (left - this.width / 2) / this.side, y - (top - this.height / 2) / this.side, this.scale);
  }

  whole() {
    this.set(0.5, 0.5, 1);
  }

  /** All of the map; a hair more, so that what lies on its edge is inside. */
  all() {
    const [x, y] = [this.reach.width / 2 + 1e-6, this.reach.height / 2 + 1e-6];
    return { x0: 0.5 - x, y0: 0.5 - y, x1: 0.5 + x, y1: 0.5 + y };
  }

  /** The part on screen: {x0, y0, x1, y1}. */
  box() {
    const [x0, y0] = this.toMap(0, 0);
    const [x1, y1] = this.toMap(this.width, this.height);
    return { x0, y0, x1, y1 };
  }
}

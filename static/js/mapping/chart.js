// Draws the map on a canvas. 5,000 points are redrawn in some milliseconds, so that it follows a hand; as SVG each of
// them would be an element of the page.
import { resolved } from "../charts/theme.js";

const NO_SHA = "0".repeat(64);
const PICTURES = 150; // so many points on screen or fewer are shown as their photos, where these do not overlap
const FEW = 40; // on the whole map
const PICTURE = 44; // px

export class Chart {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas, { view, points, rows, map, thumb, selection }) {
    Object.assign(this, { canvas, view, points, rows, map, thumb, selection });
    this.context = canvas.getContext("2d");
    this.area = null; // corners of what is chosen, in places of the map
    this.pen = null; // corners of what is being drawn
    this.active = null; // the point under the pointer
    this.pictures = new Map(); // id → Image, loaded or not
    this.look();
    const again = () => this.schedule();
    view.addEventListener("change", again);
    points.addEventListener("change", again);
    selection.addEventListener("change", again);
    rows.addEventListener("rows", again);
    document.addEventListener("themechange", () => {
      this.look();
      this.schedule();
    });
    new ResizeObserver(() => this.fit()).observe(canvas);
    this.fit();
  }

  /** Colours as the page's theme has them now. */
  look() {
    const named = { ink: "var(--ink)", paper: "var(--surface)", hi: "var(--hi)", none: "var(--nobin)", line: "var(--line)", focus: "var(--focus)" };
    this.tones = resolved(named);
    this.colours = resolved(this.map.colours);
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    this.density = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * this.density);
    this.canvas.height = Math.round(height * this.density);
    this.view.resize(width, height);
    this.draw(); // at once: a canvas that has changed its size is empty
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    const { context, view } = this;
    context.setTransform(this.density, 0, 0, this.density, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    const seen = this.onScreen(this.points.shown);
    const radius = this.radius(seen.length);
    context.globalAlpha = 0.35;
    this.dots(this.onScreen(this.points.behind), this.tones.none, radius * 0.8);
    context.globalAlpha = 1;
    this.groups(seen, radius);
    if (this.selection.size) this.chosen(seen, radius);
    if (this.hasRoom(seen.length)) this.photos(seen);
    if (this.area) this.outline(this.area, true);
    if (this.pen) this.outline(this.pen, false);
    if (this.active) this.ring(this.active, radius + 4);
  }

  /** [point, left, top] of those that the window shows. */
  onScreen(points) {
    const found = [];
    for (const point of points) {
      const [x, y] = this.view.toScreen(point.x, point.y);
      if (x > -PICTURE && y > -PICTURE && x < this.view.width + PICTURE && y < this.view.height + PICTURE) found.push([point, x, y]);
    }
    return found;
  }

  /** Whether photos can be told apart: few of them, or zoomed in until they are. */
  hasRoom(n) {
    return n <= (this.view.isWhole ? FEW : PICTURES) && this.points.total <= this.points.shown.length;
  }

  radius(n) {
    const base = n > 2500 ? 2.4 : n > 800 ? 3 : 4;
    const small = Math.min(1, 0.5 + this.view.width / 1500); // a phone's map is no larger than a hand
    return Math.min(5.5, base * small * Math.min(1.6, Math.sqrt(this.view.scale)));
  }

  groups(seen, radius) {
    const byGroup = grouped(seen);
    // What is looked for lies on top.
    const order = [...byGroup.keys()].sort((a, b) => (a === this.map.last) - (b === this.map.last));
    const dim = this.selection.size > 0;
    for (const group of order) {
      const colour = this.colours[group] ?? this.tones.ink;
      const ones = byGroup.get(group);
      const grown = group === this.map.last && group ? radius + 1 : radius;
      this.context.globalAlpha = dim ? 0.3 : 0.85;
      this.marks(group, ones.filter(([point]) => !point.aside), colour, grown);
      this.rings(ones.filter(([point]) => point.aside), colour, grown);
    }
    this.context.globalAlpha = 1;
  }

  /** What has no class or bin is a cross: some of those are grey themselves. */
  marks(group, ones, colour, radius) {
    if (group) this.dots(ones, colour, radius);
    else this.crosses(ones, colour, radius * 0.8);
  }

  crosses(ones, colour, reach) {
    const { context } = this;
    context.beginPath();
    for (const [, x, y] of ones) {
      context.moveTo(x - reach, y - reach);
      context.lineTo(x + reach, y + reach);
      context.moveTo(x - reach, y + reach);
      context.lineTo(x + reach, y - reach);
    }
    context.strokeStyle = colour;
    context.lineWidth = Math.max(1.25, reach / 2);
    context.stroke();
  }

  dots(ones, colour, radius) {
    const { context } = this;
    context.beginPath();
    for (const [, x, y] of ones) {
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 7);
    }
    context.fillStyle = colour;
    context.fill();
  }

  /** Photos in quarantine are hollow. */
  rings(ones, colour, radius) {
    if (!ones.length) return;
    const { context } = this;
    context.beginPath();
    for (const [, x, y] of ones) {
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 7);
    }
    context.strokeStyle = colour;
    context.lineWidth = 1.25;
    context.stroke();
  }

  chosen(seen, radius) {
    const ones = seen.filter(([point]) => this.selection.has(point.id));
    this.context.globalAlpha = 1;
    this.dots(ones, this.tones.ink, radius + 1.5);
    for (const [group, some] of grouped(ones)) this.marks(group, some, group ? (this.colours[group] ?? this.tones.hi) : this.tones.paper, radius);
  }

  ring({ x, y }, radius) {
    const [left, top] = this.view.toScreen(x, y);
    const { context } = this;
    context.beginPath();
    context.arc(left, top, radius, 0, 7);
    context.lineWidth = 2;
    context.strokeStyle = this.tones.ink;
    context.stroke();
  }

  outline(corners, isClosed) {
    const { context } = this;
    context.beginPath();
    for (const [x, y] of corners) context.lineTo(...this.view.toScreen(x, y));
    if (isClosed) context.closePath();
    context.globalAlpha = 0.1;
    context.fillStyle = this.tones.hi;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    context.strokeStyle = this.tones.focus;
    context.stroke();
  }

  photos(seen) {
    this.rows.fetchRows(seen.map(([point]) => point.id));
    const { context } = this;
    const dim = this.selection.size > 0;
    const taken = [];
    for (const [point, x, y] of seen) {
      const picture = this.picture(point.id);
      if (!picture || taken.some(([left, top]) => Math.abs(left - x) < PICTURE && Math.abs(top - y) < PICTURE)) continue;
      taken.push([x, y]);
      const [width, height] = scaled(picture);
      context.globalAlpha = dim && !this.selection.has(point.id) ? 0.3 : 1;
      context.fillStyle = this.colours[point.group] ?? this.tones.ink;
      context.fillRect(x - width / 2 - 2, y - height / 2 - 2, width + 4, height + 4);
      context.drawImage(picture, x - width / 2, y - height / 2, width, height);
    }
    context.globalAlpha = 1;
  }

  /** The thumbnail once it is here; until then the point stands for it. */
  picture(id) {
    const row = this.rows.byId.get(id);
    if (!row?.sha) return null;
    let picture = this.pictures.get(id);
    if (!picture) {
      picture = new Image();
      picture.addEventListener("load", () => this.schedule());
      picture.src = this.thumb.replace(NO_SHA, row.sha);
      this.pictures.set(id, picture);
    }
    return picture.complete && picture.naturalWidth ? picture : null;
  }
}

function grouped(ones) {
  const found = new Map();
  for (const one of ones) {
    const { group } = one[0];
    if (found.has(group)) found.get(group).push(one);
    else found.set(group, [one]);
  }
  return found;
}

function scaled({ naturalWidth, naturalHeight }) {
  const factor = PICTURE / Math.max(naturalWidth, naturalHeight);
  return [naturalWidth * factor, naturalHeight * factor];
}

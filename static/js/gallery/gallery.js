// The parts of a gallery put together: the grid, its selection, what keys and buttons do with it, and the way back.
// The page of all photos builds one, and the map builds one of the photos of an area.
import { toast } from "../toasts.js";
import { Changes } from "./changes.js";
import { Drawer } from "./drawer.js";
import { countsFollower } from "./filters.js";
import { Giving } from "./give.js";
import { Grid } from "./grid.js";
import { startKeys } from "./keys.js";
import { shownName } from "./match.js";
import { Palette } from "./palette.js";
import { startPointer } from "./pointer.js";
import { Rows } from "./rows.js";
import { Selection } from "./selection.js";

class Classes {
  constructor(list) {
    this.list = list;
    this.byKey = new Map(list.map((one) => [one.key, one]));
  }

  get(key) {
    return this.byKey.get(key);
  }

  nameOf(key) {
    return key ? shownName(this.byKey.get(key) ?? { key }) : gettext("no label");
  }

  add(one) {
    this.list.push(one);
    this.byKey.set(one.key, one);
  }

  /** In place: the palette reads the same list. */
  remove(key) {
    const at = this.list.findIndex((one) => one.key === key);
    if (at >= 0) this.list.splice(at, 1);
    this.byKey.delete(key);
  }

  ofDigit(digit) {
    return this.list.find((one) => one.digit === digit);
  }
}

export class Gallery {
  /** `box` becomes the grid: a list of options that a screen reader can walk. */
  constructor(data, box) {
    this.data = data;
    this.rows = new Rows(data);
    this.classes = new Classes(data.classes);
    this.selection = new Selection();
    this.help = document.getElementById("help");
    this.live = document.getElementById("gallery-live");
    this.grid = new Grid(asListbox(box), this.rows, {
      classes: this.classes,
      thumb: data.urls.thumb,
      state: data.state,
      selection: this.selection,
    });
    // Where the hand is: on the grid, or on the map above it, which then stays in sight whatever is done.
    this.map = document.querySelector("[data-photo-keys]");
    this.lastAt = this.map ?? this.grid.box;
    this.changes = new Changes(this.rows, data.urls);
    this.giving = new Giving(data.giveUrls, data.query);
    this.palette = data.mayLabel
      ? new Palette(data.classes, (key) => this.assign(key), data.mayCurate ? (name) => this.split(name) : null)
      : null;
    this.drawer = new Drawer({
      rows: this.rows,
      grid: this.grid,
      url: data.urls.image,
      home: () => this.hand,
      act: {
        label: (ids, key) => this.change(ids, key),
        reference: (ids, on) => this.changes.reference(ids, on).then(() => this.drawer.refresh()),
        state: (ids, state, reason) => this.changes.state(ids, state, reason, this.stateWords(state)),
      },
    });
    this.listen();
  }

  listen() {
    for (const one of [this.grid.box, this.map]) one?.addEventListener("focus", () => (this.lastAt = one));
    startPointer({ grid: this.grid, rows: this.rows, selection: this.selection, open: (index) => this.open(index) });
    startKeys(this);
    this.selection.addEventListener("change", () => this.drawBulk());
    this.rows.addEventListener("failed", (event) => toast(event.detail, { kind: "error" }));
    const follow = countsFollower(this.data.urls, this.data.query);
    this.changes.addEventListener("settled", () => {
      follow();
      this.drawer.refresh();
    });
    this.changes.addEventListener("closed", (event) => this.classes.remove(event.detail));
    this.changes.addEventListener("done", (event) => this.say(event.detail));
    this.changes.addEventListener("undone", (event) => {
      this.say(`${gettext("Undone:")} ${event.detail.words}`, { undo: false });
      const index = this.rows.indexOf(event.detail.changed[0]);
      if (index >= 0) this.grid.activate(index, { scroll: this.isAtGrid });
    });
    const acts = {
      all: () => this.selectAll(),
      assign: () => this.openPalette(),
      quarantine: () => this.askReason(),
      accept: () => this.accept(),
      restore: () => this.restore(),
      give: () => this.give(),
      reference: () => this.mark(),
      open: () => this.open(this.grid.active),
      clear: () => this.selection.clear(),
    };
    document.getElementById("bulk").addEventListener("click", (event) => {
      acts[event.target.closest("[data-act]")?.dataset.act]?.();
    });
    const help = document.getElementById("help-open");
    help.hidden = false;
    help.addEventListener("click", () => this.help.showModal());
  }

  open(index) {
    this.grid.activate(index, { scroll: false });
    this.drawer.show(index);
  }

  say(words, { undo = true } = {}) {
    this.live.textContent = words;
    const old = this.told;
    this.told = toast(words, undo ? { action: { label: gettext("Undo"), run: () => this.undo() } } : {});
    old?.remove();
  }

  drawBulk() {
    const n = this.selection.size;
    const bulk = document.getElementById("bulk");
    bulk.hidden = n === 0;
    document.body.classList.toggle("has-bulk", n > 0);
    const count = interpolate(ngettext("%s selected", "%s selected", n), [n.toLocaleString("en")]);
    document.getElementById("bulk-count").textContent = count;
    const all = bulk.querySelector("[data-act=all]");
    all.hidden = n < 2 || n >= this.rows.ids.length;
    all.textContent = interpolate(gettext("Select all %s"), [this.rows.ids.length.toLocaleString("en")]);
  }

  selectAll() {
    if (!this.rows.complete) toast(gettext("Still reading the list of photos. Try again in a moment."));
    else this.selection.set(this.rows.ids);
  }

  /** A button or the page itself may have the focus meanwhile; a grid without photos is none to be at. */
  get isAtGrid() {
    return !this.map || (this.lastAt === this.grid.box && this.rows.ids.length > 0);
  }

  get hand() {
    return this.isAtGrid ? this.grid.box : this.map;
  }

  /** What an act is for: the selection, else the photo that keys act on, unless that is out of sight below a map. */
  targets() {
    if (this.selection.size) return [...this.selection.ids];
    if (!this.isAtGrid && !this.drawer.isOpen) return [];
    const id = this.rows.ids[this.grid.active];
    return id === undefined ? [] : [id];
  }

  /** Moves on to the next photo, so that a hand can stay on the number keys. */
  advance() {
    const places = this.selection.size ? [...this.selection.ids].map((id) => this.rows.indexOf(id)) : [this.grid.active];
    const last = places.reduce((a, b) => Math.max(a, b), 0);
    this.selection.clear();
    this.grid.activate(last + 1, { scroll: this.isAtGrid });
  }

  openPalette() {
    if (this.palette && this.targets().length) this.palette.open();
  }

  assignDigit(digit) {
    const one = this.classes.ofDigit(digit);
    if (one) this.assign(one.key);
  }

  assign(key) {
    if (!this.data.mayLabel) return;
    const ids = this.targets();
    if (!ids.length) return;
    this.change(ids, key);
    this.advance();
    this.hand.focus({ preventScroll: true });
  }

  change(ids, key) {
    const name = this.classes.nameOf(key);
    return this.changes.label(ids, key, (n) =>
      interpolate(ngettext("%(n)s photo labelled %(name)s", "%(n)s photos labelled %(name)s", n), { n, name }, true));
  }

  /** A new class with the photos chosen: what the server made of the name is added to the list. */
  split(name) {
    const ids = this.targets();
    if (!ids.length) return;
    this.changes.split(ids, name, (one) => this.classes.add(one));
    this.advance();
    this.hand.focus({ preventScroll: true });
  }

  give() {
    this.giving.ask(this.targets(), () => this.selection.clear());
  }

  async mark() {
    const ids = this.targets();
    if (!this.data.mayCurate || !ids.length) return;
    const on = ids.some((id) => !this.rows.byId.get(id)?.reference);
    await this.changes.reference(ids, on);
    this.drawer.refresh();
  }

  stateWords(state) {
    const words = {
      quarantined: (n) => ngettext("%(n)s photo put into quarantine", "%(n)s photos put into quarantine", n),
      accepted: (n) => ngettext("%(n)s photo accepted", "%(n)s photos accepted", n),
      inbox: (n) => ngettext("%(n)s photo put back into the inbox", "%(n)s photos put back into the inbox", n),
    };
    return (n) => interpolate(words[state](n), { n: n.toLocaleString("en") }, true);
  }

  moveTo(state, reason = "") {
    if (!this.data.mayLabel) return;
    const ids = this.targets();
    if (!ids.length) return;
    this.changes.state(ids, state, reason, this.stateWords(state));
    this.advance();
  }

  quarantine(reason) {
    this.moveTo("quarantined", reason);
  }

  accept() {
    this.moveTo("accepted");
  }

  /** Out of quarantine: what has a label is accepted again, the rest waits in the inbox. */
  restore() {
    const ids = this.targets();
    const labelled = ids.filter((id) => this.rows.byId.get(id)?.label);
    const bare = ids.filter((id) => !labelled.includes(id));
    const together = Symbol("restore"); // one press, one undo
    if (labelled.length) this.changes.state(labelled, "accepted", "", this.stateWords("accepted"), together);
    if (bare.length) this.changes.state(bare, "inbox", "", this.stateWords("inbox"), together);
    this.advance();
  }

  askReason() {
    if (!this.data.mayLabel || !this.targets().length) return;
    const dialog = document.getElementById("reason");
    const input = document.getElementById("reason-input");
    input.value = "";
    dialog.returnValue = "";
    dialog.showModal();
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "yes") this.quarantine(input.value);
    }, { once: true });
  }

  undo() {
    if (this.data.mayLabel) this.changes.undo();
  }
}

function asListbox(box) {
  box.classList.add("virtual");
  box.tabIndex = 0;
  box.setAttribute("role", "listbox");
  box.setAttribute("aria-multiselectable", "true");
  box.setAttribute("aria-label", gettext("Photos"));
  return box;
}

// The chosen photos, by id. An anchor remembers where a range begins.

export class Selection extends EventTarget {
  constructor() {
    super();
    this.ids = new Set();
    this.anchor = 0;
  }

  get size() {
    return this.ids.size;
  }

  has(id) {
    return this.ids.has(id);
  }

  set(ids) {
    this.ids = new Set(ids);
    this.dispatchEvent(new Event("change"));
  }

  toggle(id) {
    if (!this.ids.delete(id)) this.ids.add(id);
    this.dispatchEvent(new Event("change"));
  }

  clear() {
    if (this.ids.size) this.set([]);
  }
}

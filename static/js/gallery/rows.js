// What the gallery knows: the id of every photo that passes the filter, in order, and the rows of those looked at.
// 100,000 ids are a megabyte; rows come only for what is scrolled to. A photo keeps its place until the page is
// loaded anew, so nothing moves under the hand of someone who labels.
import { request } from "../http.js";

const ASK_AFTER = 60; // ms: a fast scroll passes many places and stops at one
const PAGE = 120;

export class Rows extends EventTarget {
  constructor(data) {
    super();
    this.urls = data.urls;
    this.query = data.query;
    this.total = data.total;
    this.ids = [];
    this.places = new Map(); // id → index
    this.byId = new Map();
    this.asked = new Set();
    this.wanted = [0, 0];
    this.complete = false;
    this.seen = new Map(); // id → version, of photos whose rows nobody has looked at yet
    this.addIds(data.rows.map((row) => row.id));
    for (const row of data.rows) this.byId.set(row.id, row);
  }

  addIds(ids) {
    for (const id of ids) {
      if (this.places.has(id)) continue;
      this.places.set(id, this.ids.length);
      this.ids.push(id);
    }
  }

  /** Loads the whole index, in parts. */
  async loadIndex() {
    let after = null;
    let fresh = true;
    do {
      const answer = await request(`${this.urls.ids}?${this.query}${after ? `&after=${after}` : ""}`);
      if (fresh) this.restart();
      fresh = false;
      let id = 0;
      const part = answer.steps.map((step) => (id += step));
      this.addIds(part);
      after = answer.after;
      this.dispatchEvent(new Event("index"));
    } while (after);
    this.complete = true;
    this.total = this.ids.length;
    this.dispatchEvent(new Event("index"));
  }

  /** The first page may have begun in the middle (a link with "after"): the index has the true order. */
  restart() {
    this.ids = [];
    this.places = new Map();
  }

  /** Takes these photos for the whole list; `versions` are those that are known without a row. */
  show(ids, versions) {
    this.restart();
    this.addIds(ids);
    this.seen = new Map(ids.map((id, at) => [id, versions[at]]));
    // A row fetched for an earlier list may be older than what was seen now.
    for (const [id, version] of this.seen) if (this.byId.get(id)?.version < version) this.byId.delete(id);
    this.complete = true;
    this.total = ids.length;
    this.dispatchEvent(new Event("index"));
  }

  /** The server has changed these photos once. */
  wentOn(ids) {
    for (const id of ids) if (this.seen.has(id)) this.seen.set(id, this.seen.get(id) + 1);
  }

  /** Versions as the server has them now. */
  see(rows) {
    for (const { id, version } of rows) if (this.seen.has(id)) this.seen.set(id, version);
  }

  at(index) {
    return this.byId.get(this.ids[index]);
  }

  indexOf(id) {
    return this.places.get(id) ?? -1;
  }

  /** Says which places are on screen: rows missing there are fetched once the scrolling rests. */
  want(first, last) {
    this.wanted = [first, last];
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetchWanted(), ASK_AFTER);
  }

  fetchWanted() {
    const [first, last] = this.wanted;
    this.fetchRows(this.ids.slice(Math.max(0, first), last));
  }

  /** Rows of photos that need not stand in the list; those that are known or on their way are not asked for. */
  fetchRows(ids) {
    const missing = ids.filter((id) => !this.byId.has(id) && !this.asked.has(id));
    for (let start = 0; start < missing.length; start += PAGE) this.fetch(missing.slice(start, start + PAGE));
  }

  async fetch(ids) {
    for (const id of ids) this.asked.add(id);
    try {
      const { rows } = await request(`${this.urls.page}?ids=${ids.join(",")}`);
      for (const row of rows) this.byId.set(row.id, row);
      const found = new Set(rows.map((row) => row.id));
      for (const id of ids) if (!found.has(id)) this.byId.set(id, { id, gone: true });
      this.changed(ids);
    } catch (error) {
      this.dispatchEvent(new CustomEvent("failed", { detail: error.message }));
    } finally {
      for (const id of ids) this.asked.delete(id);
    }
  }

  /** Takes rows as the server has them now. */
  take(rows) {
    for (const row of rows) if (this.byId.has(row.id)) this.byId.set(row.id, { ...this.byId.get(row.id), ...row });
    this.changed(rows.map((row) => row.id));
  }

  /** Drops what is known of these photos; what is on screen is fetched again. */
  forget(ids) {
    for (const id of ids) this.byId.delete(id);
    this.changed(ids);
    this.want(...this.wanted);
  }

  changed(ids) {
    this.dispatchEvent(new CustomEvent("rows", { detail: ids }));
  }
}

// Labels and states change on screen at once and on the server right after, one act behind the other. What the server
// refuses is put back and said. Each act can be undone as a whole.
import { request } from "../http.js";
import { toast } from "../toasts.js";

const PART = 2000; // ids in one request, so that none takes long
const KEPT = 100;

export class Changes extends EventTarget {
  constructor(rows, urls) {
    super();
    Object.assign(this, { rows, urls });
    this.chain = Promise.resolve();
    this.waiting = 0;
    this.done = []; // of operations, newest last: what Ctrl+Z takes back
    addEventListener("beforeunload", (event) => {
      if (this.waiting) event.preventDefault();
    });
  }

  label(ids, key, words) {
    return this.act(ids, this.urls.label, { label: key }, (row) => ({
      label: key || null,
      state: key && row.state === "inbox" ? "accepted" : row.state,
    }), words);
  }

  /** Acts with the same `group` are undone together. */
  state(ids, state, reason, words, group = null) {
    return this.act(ids, this.urls.state, { state, reason }, () => ({ state, reason }), words, group);
  }

  /** A class that does not exist yet, so nothing can be shown before the answer; `made` hears of it. */
  split(ids, name, made) {
    return this.enqueue(() => this.splitNow(ids, name, made));
  }

  async splitNow(ids, name, made) {
    try {
      const versions = this.versionsOf(ids);
      const answer = await request(this.urls.split, { method: "POST", json: { ids, name, versions } });
      made(answer.class);
      this.rows.wentOn(answer.changed);
      this.rows.take(answer.rows);
      this.rows.forget(answer.changed.slice(answer.rows.length));
      if (answer.stale_message) toast(answer.stale_message, { kind: "warning" });
      this.remember({ operations: [answer.operation], words: answer.message, group: null });
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
  }

  versionsOf(ids) {
    const known = ids.map((id) => [id, this.rows.byId.get(id)?.version ?? this.rows.seen.get(id)]);
    return Object.fromEntries(known.filter(([, seen]) => seen));
  }

  /** Reference pictures are marked, not labelled: nothing to undo but pressing again. */
  async reference(ids, on) {
    try {
      const answer = await request(this.urls.reference, { method: "POST", json: { ids, on: on ? "1" : "" } });
      for (const id of ids) {
        const row = this.rows.byId.get(id);
        if (row?.label) this.rows.byId.set(id, { ...row, reference: on });
      }
      this.rows.changed(ids);
      toast(answer.message);
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
  }

  /** One act behind the other, and the page is not left while one waits. */
  enqueue(task) {
    this.waiting += 1;
    this.chain = this.chain.then(task).finally(() => {
      this.waiting -= 1;
      this.dispatchEvent(new Event("settled"));
    });
    return this.chain;
  }

  act(ids, url, values, change, words, group = null) {
    const before = new Map();
    const versions = {};
    for (const id of ids) {
      const row = this.rows.byId.get(id);
      if (!row || row.gone) continue;
      const next = { ...row, ...change(row) };
      // Also where nothing is to change: as the server has it by now, it might.
      versions[id] = row.version;
      if (next.label === row.label && next.state === row.state) continue;
      before.set(id, row);
      // The server counts versions up by one: naming the next one now lets a second act follow before the answer.
      next.version = row.version + 1;
      this.rows.byId.set(id, next);
    }
    this.rows.changed([...before.keys()]);
    return this.enqueue(() => this.send(ids, url, values, versions, before, { words, group }));
  }

  async send(ids, url, values, versions, before, { words, group }) {
    const operations = [];
    let changed = 0;
    try {
      for (let start = 0; start < ids.length; start += PART) {
        const part = ids.slice(start, start + PART);
        // Of a photo whose row nobody has looked at, the version that the list was made with.
        const known = Object.fromEntries(part.map((id) => [id, versions[id] ?? this.rows.seen.get(id)]).filter(([, seen]) => seen));
        const answer = await request(url, { method: "POST", json: { ...values, ids: part, versions: known } });
        changed += answer.changed.length;
        this.rows.wentOn(answer.changed);
        if (answer.changed.length) operations.push(answer.operation);
        this.settle(answer);
        for (const id of part) before.delete(id);
      }
    } catch (error) {
      this.putBack(before);
      toast(`${error.message} ${gettext("Nothing was lost: the photos show their old labels again.")}`, { kind: "error" });
    }
    if (operations.length) this.remember({ operations, words: words(changed), group });
  }

  /** Rows as the server has them, unless a later act has already changed them here. */
  settle(answer) {
    const stale = new Set(answer.stale);
    this.rows.see(answer.rows);
    this.rows.take(answer.rows.filter((row) => {
      const here = this.rows.byId.get(row.id);
      return here && (stale.has(row.id) || here.version <= row.version);
    }));
    if (answer.stale_message) toast(answer.stale_message, { kind: "warning" });
  }

  putBack(before) {
    for (const [id, row] of before) this.rows.byId.set(id, row);
    this.rows.changed([...before.keys()]);
  }

  remember(entry) {
    const last = this.done.at(-1);
    if (entry.group && last?.group === entry.group) {
      this.done.pop();
      entry = { ...entry, operations: [...last.operations, ...entry.operations], words: `${last.words} · ${entry.words}` };
    }
    this.done.push(entry);
    if (this.done.length > KEPT) this.done.shift();
    this.dispatchEvent(new CustomEvent("done", { detail: entry.words }));
  }

  /** Takes back the newest act; answers the ids that changed. */
  undo() {
    this.chain = this.chain.then(() => this.undoNow());
    return this.chain;
  }

  async undoNow() {
    const entry = this.done.pop();
    if (!entry) {
      toast(gettext("There is nothing to undo."));
      return [];
    }
    const changed = [];
    try {
      for (const operation of entry.operations.toReversed()) {
        const answer = await request(this.urls.undo, { method: "POST", json: { operation } });
        this.rows.wentOn(answer.changed);
        this.rows.take(answer.rows);
        this.rows.forget(answer.changed.slice(200));
        changed.push(...answer.changed);
        for (const key of answer.closed ?? []) this.dispatchEvent(new CustomEvent("closed", { detail: key }));
        if (answer.stale_message) toast(answer.stale_message, { kind: "warning" });
      }
      this.dispatchEvent(new CustomEvent("undone", { detail: { words: entry.words, changed } }));
    } catch (error) {
      this.done.push(entry);
      toast(error.message, { kind: "error" });
    }
    this.dispatchEvent(new Event("settled"));
    return changed;
  }
}

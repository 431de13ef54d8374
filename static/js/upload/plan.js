// What an upload will be: which files go, which classes their folders or a list of labels name, what is left out and why.
// The rules are those of webapp/ingest/folders.py; the server has the last word.

import { match } from "./labels.js";
import { split } from "./resume.js";

const NO_PHOTO = /\.(txt|md|rst|csv|tsv|json|jsonl|xml|ya?ml|html?|css|js|py|ipynb|pdf|docx?|xlsx?|pptx?|rtf|log|ini|cfg|mp3|wav|mp4|mov|avi|mkv|m4[av]|exe|dll|bat|sh|lnk|url|db|sqlite3?|pth?|onnx|npy|npz|pkl)$/i;
const ARCHIVE = /\.zip$/i;
const LIST = /\.(csv|tsv)$/i;

export const isArchive = (path) => ARCHIVE.test(path);
export const isList = (path) => LIST.test(path);

export function classFolder(path) {
  const parts = path.replaceAll("\\", "/").split("/").slice(0, -1).filter((part) => !["", ".", ".."].includes(part));
  return parts.length ? clean(parts.at(-1)).slice(0, 120).trim() : "";
}

function clean(name) {
  return name.normalize("NFC").replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, " ").split(/\s+/u).filter(Boolean).join(" ");
}

const categoryNames = (known) => new Map(known.map((name) => [clean(name).toLowerCase(), name]));

/** [category or null, class] of a folder, given the names that are known to be categories (see `categoryNames`). */
export function splitCategory(folder, names) {
  for (let cut = folder.length - 1; cut > 0; cut -= 1) {
    if (folder[cut] !== "_") continue;
    const head = folder.slice(0, cut).trim();
    const rest = folder.slice(cut + 1).trim();
    if (rest && names.has(head.toLowerCase())) return [names.get(head.toLowerCase()), rest];
  }
  return [null, folder];
}

export class Plan {
  constructor(config) {
    this.config = config;
    this.confirmed = new Set();
    this.arrived = null; // of an upload that is gone on with
    this.clear();
  }

  clear() {
    this.useFolders = true;
    this.photos = [];
    this.archives = [];
    this.lists = []; // {file, path, rows, faulty, faults}
    this.bytes = 0;
    this.leftOut = { noPhoto: [], tooLarge: [], badLists: [] };
    this.seen = new Set();
    this.confirmed.clear();
    this.forget();
  }

  /** What was worked out from the files is worked out again when it is asked for next. */
  forget() {
    this.known = {};
  }

  once(name, work) {
    return (this.known[name] ??= work());
  }

  /** Takes a file; true for a list of labels, which has to be read before `addList` takes it. */
  add({ file, path }) {
    const key = `${path}\n${file.size}\n${file.lastModified}`;
    if (this.seen.has(key)) return false; // dropped twice
    this.seen.add(key);
    this.forget();
    if (isList(path)) return true;
    if (isArchive(path)) {
      if (file.size > this.config.maxArchiveBytes) this.leftOut.tooLarge.push(path);
      else this.take(this.archives, { file, path });
    } else if (NO_PHOTO.test(path)) this.leftOut.noPhoto.push(path);
    else if (file.size > this.config.maxFileBytes) this.leftOut.tooLarge.push(path);
    else this.take(this.photos, { file, path });
    return false;
  }

  addList(file, path, answer) {
    this.forget();
    this.take(this.lists, { file, path, ...answer });
  }

  take(list, one) {
    list.push(one);
    this.bytes += one.file.size;
  }

  /**
   * The folder above all class folders, "" if there is none. It is no class itself: a photo that lies loose in it beside
   * them has none.
   */
  get root() {
    return this.once("root", () => {
      const roots = new Set(this.photos.map(({ path }) => (path.includes("/") ? path.split("/")[0] : "")));
      const [root] = roots;
      const holdsFolders = roots.size === 1 && root && this.photos.some(({ path }) => path.split("/").length > 2);
      return holdsFolders ? `${root}/` : "";
    });
  }

  placed(path) {
    return this.root && path.startsWith(this.root) ? path.slice(this.root.length) : path;
  }

  /** {file, path to send} of everything that goes. */
  get files() {
    return this.once("files", () =>
      [...this.photos, ...this.archives, ...this.lists].map(({ file, path }) => ({ file, path: this.placed(path) })),
    );
  }

  get count() {
    return this.photos.length + this.archives.length + this.lists.length;
  }

  get isEmpty() {
    return !this.count;
  }

  /** {left, there}: what is to be sent, and what an upload that is gone on with has already. */
  get sending() {
    return this.once("sending", () => split(this.files, this.arrived));
  }

  /** What the lists of labels say about these photos. */
  get labels() {
    return this.once("labels", () => {
      const lists = this.lists.map((list) => ({ ...list, path: this.placed(list.path) }));
      return match(lists, this.photos.map(({ path }) => this.placed(path)));
    });
  }

  /** Class folder → number of photos that no list names. */
  get folders() {
    return this.once("folders", () => {
      const found = new Map();
      for (const { path } of this.photos) {
        const placed = this.placed(path);
        if (this.labels.found.has(placed)) continue;
        const folder = classFolder(placed);
        found.set(folder, (found.get(folder) ?? 0) + 1);
      }
      return found;
    });
  }

  /** Rows of the preview, most photos first: {category, label, count}. */
  classes() {
    const names = categoryNames([...this.config.categories, ...this.confirmed, ...this.labels.categories]);
    const rows = new Map();
    const add = (folder, count) => {
      const [category, label] = splitCategory(folder, names);
      const row = rows.get(label) ?? { category, label, count: 0 };
      row.count += count;
      rows.set(label, row);
    };
    for (const [folder, count] of this.useFolders ? this.folders : []) if (folder) add(folder, count);
    for (const folder of this.labels.found.values()) if (folder) add(folder, 1);
    return [...rows.values()].sort((a, b) => b.count - a.count);
  }

  get hasFolders() {
    return [...this.folders.keys()].some(Boolean);
  }

  get withoutFolder() {
    if (this.useFolders) return this.folders.get("") ?? 0;
    return this.photos.length - this.labels.found.size;
  }

  /** Beginnings that several folders share ("a_…"), which may be categories: only a person can tell. */
  proposals() {
    const names = categoryNames(this.config.categories);
    const shared = new Map();
    for (const folder of this.folders.keys()) {
      const [category] = splitCategory(folder, names);
      const head = folder.split("_")[0].trim();
      if (category === null && head && head.length < folder.length - 1) shared.set(head, (shared.get(head) ?? 0) + 1);
    }
    return [...shared].filter(([, n]) => n > 1).sort((a, b) => b[1] - a[1]).map(([name, count]) => ({ name, count }));
  }
}

// What an upload will be: which files go, which classes their folders name, what is left out and why.
// The rules are those of webapp/ingest/folders.py; the server has the last word.

const NO_PHOTO = /\.(txt|md|rst|csv|tsv|json|jsonl|xml|ya?ml|html?|css|js|py|ipynb|pdf|docx?|xlsx?|pptx?|rtf|log|ini|cfg|mp3|wav|mp4|mov|avi|mkv|m4[av]|exe|dll|bat|sh|lnk|url|db|sqlite3?|pth?|onnx|npy|npz|pkl)$/i;
const ARCHIVE = /\.zip$/i;

export const isArchive = (path) => ARCHIVE.test(path);

export function classFolder(path) {
  const parts = path.replaceAll("\\", "/").split("/").slice(0, -1).filter((part) => !["", ".", ".."].includes(part));
  return parts.length ? clean(parts.at(-1)).slice(0, 120).trim() : "";
}

function clean(name) {
  return name.normalize("NFC").replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, " ").split(/\s+/u).filter(Boolean).join(" ");
}

/** [category or null, class] of a folder, given the names that are known to be categories. */
export function splitCategory(folder, known) {
  const names = new Map(known.map((name) => [clean(name).toLowerCase(), name]));
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
    this.useFolders = true;
    this.confirmed = new Set();
    this.clear();
  }

  clear() {
    this.photos = [];
    this.counted = null;
    this.archives = [];
    this.bytes = 0;
    this.leftOut = { noPhoto: 0, tooLarge: [] };
    this.seen = new Set();
    this.confirmed.clear();
  }

  add({ file, path }) {
    const key = `${path}\n${file.size}\n${file.lastModified}`;
    if (this.seen.has(key)) return; // dropped twice
    this.seen.add(key);
    if (isArchive(path)) {
      if (file.size > this.config.maxArchiveBytes) this.leftOut.tooLarge.push(path);
      else this.take(this.archives, file, path);
    } else if (NO_PHOTO.test(path)) this.leftOut.noPhoto += 1;
    else if (file.size > this.config.maxFileBytes) this.leftOut.tooLarge.push(path);
    else this.take(this.photos, file, path);
  }

  /** Class folder → number of photos; counted anew only when files were added. */
  get folders() {
    if (this.counted?.photos === this.photos.length) return this.counted.found;
    const found = new Map();
    this.counted = { photos: this.photos.length, found };
    for (const { path } of this.placed(this.photos)) {
      const folder = classFolder(path);
      found.set(folder, (found.get(folder) ?? 0) + 1);
    }
    return found;
  }

  /**
   * Files with the paths to send. When one folder holds the class folders, it is no class itself: a photo that lies
   * loose in it beside them has none.
   */
  placed(files) {
    const roots = new Set(this.photos.map(({ path }) => (path.includes("/") ? path.split("/")[0] : "")));
    const [root] = roots;
    const holdsFolders = roots.size === 1 && root && this.photos.some(({ path }) => path.split("/").length > 2);
    if (!holdsFolders) return files;
    return files.map(({ file, path }) => ({ file, path: path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path }));
  }

  take(list, file, path) {
    list.push({ file, path });
    this.bytes += file.size;
  }

  get files() {
    return this.placed([...this.photos, ...this.archives]);
  }

  get isEmpty() {
    return !this.photos.length && !this.archives.length;
  }

  /** Rows of the preview, most photos first: {category, label, count}. */
  classes() {
    const known = [...this.config.categories, ...this.confirmed];
    const rows = new Map();
    for (const [folder, count] of this.folders) {
      if (!folder) continue;
      const [category, label] = splitCategory(folder, known);
      const row = rows.get(label) ?? { category, label, count: 0 };
      row.count += count;
      rows.set(label, row);
    }
    return [...rows.values()].sort((a, b) => b.count - a.count);
  }

  get count() {
    return this.photos.length + this.archives.length;
  }

  get withoutFolder() {
    return this.useFolders ? (this.folders.get("") ?? 0) : this.photos.length;
  }

  /** Beginnings that several folders share ("a_…"), which may be categories: only a person can tell. */
  proposals() {
    const shared = new Map();
    for (const folder of this.folders.keys()) {
      const [category] = splitCategory(folder, this.config.categories);
      const head = folder.split("_")[0].trim();
      if (category === null && head && head.length < folder.length - 1) shared.set(head, (shared.get(head) ?? 0) + 1);
    }
    return [...shared].filter(([, n]) => n > 1).sort((a, b) => b[1] - a[1]).map(([name, count]) => ({ name, count }));
  }
}

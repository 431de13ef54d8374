// From what was dropped or chosen to a list of {file, path}. Folders are walked in small steps, so that 5,000 files do not
// freeze the page.

const LEFT_BEHIND = /(^|\/)(__MACOSX(\/|$)|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)/i;
const BREATH = 200;

const breathe = () => new Promise((resolve) => setTimeout(resolve));

/** Chosen with a file field. */
export async function* fromList(files) {
  let n = 0;
  for (const file of files) {
    const path = file.webkitRelativePath || file.name;
    if (!LEFT_BEHIND.test(path)) yield { file, path };
    if (++n % BREATH === 0) await breathe();
  }
}

/** Takes hold of what was dropped. Must run inside the event: afterwards the browser forgets it. */
export function holdDropped(transfer) {
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.());
  return entries.some(Boolean) ? { entries: entries.filter(Boolean) } : { files: [...transfer.files] };
}

export async function* fromDropped({ entries, files }) {
  if (files) return yield* fromList(files);
  let n = 0;
  const queue = [...entries];
  while (queue.length) {
    const entry = queue.shift();
    if (entry.isDirectory) {
      const children = [];
      const reader = entry.createReader();
      // A reader answers in parts of about 100 and an empty one at the end.
      for (let part; (part = await read(reader)).length; ) children.push(...part);
      queue.unshift(...children);
    } else {
      const path = entry.fullPath.replace(/^\//, "");
      if (!LEFT_BEHIND.test(path)) yield { file: await fileOf(entry), path };
    }
    if (++n % BREATH === 0) await breathe();
  }
}

const read = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

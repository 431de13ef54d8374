// Which photo a row of a list of labels means. The rules are those of webapp/ingest/labels.py; the server has the last word.

const plain = (path) => path.normalize("NFC").replaceAll("\\", "/").replace(/^(\.\/|\/)+/, "");
const base = (path) => path.slice(path.lastIndexOf("/") + 1);
const above = (path) => path.slice(0, Math.max(0, path.lastIndexOf("/")));
const folderOf = (label, category) => (category ? `${category}_${label}` : label);

/** {found: photo → class folder ("" if the list contradicts itself), categories, unknown: rows that name none of them} */
export function match(lists, photos) {
  const found = new Map();
  const categories = new Set();
  let unknown = 0;
  if (!lists.length) return { found, categories, unknown };
  const near = new Map();
  for (const path of photos) {
    const name = plain(path);
    const same = near.get(base(name));
    if (same) same.push([path, name]);
    else near.set(base(name), [[path, name]]);
  }
  for (const list of lists) {
    const said = new Map();
    for (const [path, label, category] of list.rows) {
      if (category) categories.add(category);
      const photo = find(near.get(base(path)) ?? [], path, above(plain(list.path)));
      if (photo === undefined) unknown += 1;
      else if (!said.has(photo)) said.set(photo, folderOf(label, category));
      else if (said.get(photo) !== folderOf(label, category)) said.set(photo, "");
    }
    for (const [photo, folder] of said) found.set(photo, folder);
  }
  return { found, categories, unknown };
}

function find(near, path, folder) {
  for (const wanted of [folder ? `${folder}/${path}` : path, path]) {
    const exact = near.find(([, name]) => name === wanted);
    if (exact) return exact[0];
  }
  const fitting = near.filter(([, name]) => name.endsWith(`/${path}`) || path.endsWith(`/${name}`));
  return fitting.length === 1 ? fitting[0][0] : undefined;
}

// Shows what will be sent before it is sent.

// A table of thousands of rows would hold the page up, and nobody reads it to its end.
const SHOWN_CLASSES = 300;
const SHOWN_PROPOSALS = 20;
const NAMED = 5;

/** A path without signs that could hide what it is, and not longer than a line. */
export const shownName = (path) => path.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd").slice(0, 160);

const number = new Intl.NumberFormat("en");
export const count = (n) => number.format(n);

export function size(bytes) {
  if (bytes < 2 ** 20) return `${count(Math.ceil(bytes / 1024))} kB`;
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MB` : `${(bytes / 2 ** 30).toFixed(2)} GB`;
}

function make(tag, className = "", text = "") {
  const one = document.createElement(tag);
  if (className) one.className = className;
  if (text !== "") one.textContent = text;
  return one;
}

function figure(value, words) {
  const box = make("div", "fig num", value);
  box.append(make("small", "", words));
  return box;
}

function sum(plan, rows) {
  const box = make("div", "sum");
  if (plan.photos.length) box.append(figure(count(plan.photos.length), ngettext("photo", "photos", plan.photos.length)));
  if (plan.archives.length) box.append(figure(count(plan.archives.length), ngettext("archive", "archives", plan.archives.length)));
  if (plan.lists.length) box.append(figure(count(plan.lists.length), ngettext("list of labels", "lists of labels", plan.lists.length)));
  const { left, there } = plan.sending;
  if (there.length) box.append(figure(count(there.length), gettext("there already")));
  box.append(figure(size(there.length ? left.reduce((sum, one) => sum + one.file.size, 0) : plan.bytes), gettext("to send")));
  if (rows.length) box.append(figure(count(rows.length), ngettext("class", "classes", rows.length)));
  return box;
}

function check(text, on, changed, fixed = false) {
  const label = make("label", "check");
  const input = make("input");
  input.type = "checkbox";
  input.checked = on;
  input.disabled = fixed;
  input.addEventListener("change", () => changed(input.checked));
  label.append(input, make("span", "", text));
  return label;
}

function table(rows, known) {
  const box = make("div", "classplan");
  box.tabIndex = 0;
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", gettext("Classes found"));
  const grid = make("table");
  const head = make("tr");
  const withCategory = rows.some((row) => row.category);
  const titles = [gettext("Class"), ...(withCategory ? [gettext("Category")] : []), gettext("New"), gettext("Photos")];
  const styles = { [titles.length - 1]: "n", [titles.length - 2]: "state" };
  for (const [at, title] of titles.entries()) {
    const cell = make("th", styles[at] ?? "", title);
    cell.scope = "col";
    head.append(cell);
  }
  grid.append(make("thead"), make("tbody"));
  grid.tHead.append(head);
  for (const row of rows.slice(0, SHOWN_CLASSES)) {
    const line = make("tr");
    const state = make("td", "state");
    if (!known.has(row.label)) state.append(make("span", "badge", gettext("new")));
    line.append(make("td", "", row.label), ...(withCategory ? [make("td", "", row.category ?? "–")] : []), state, make("td", "n", count(row.count)));
    grid.tBodies[0].append(line);
  }
  box.append(grid);
  return box;
}

function leftOut(plan, rows) {
  const box = make("div", "leftout");
  const say = (text) => box.append(make("p", "", text));
  const bare = plan.withoutFolder;
  if (bare) say(interpolate(ngettext("%s photo has no class folder and goes to the inbox to be labelled.", "%s photos have no class folder and go to the inbox to be labelled.", bare), [count(bare)]));
  if (plan.archives.length) say(gettext("The folders inside an archive are read once it has arrived."));
  for (const text of aboutLists(plan)) say(text);
  const { noPhoto, tooLarge, badLists } = plan.leftOut;
  const named = (words, paths) => say(`${interpolate(words, [count(paths.length)])} ${paths.slice(0, NAMED).map(shownName).join(", ")}${paths.length > NAMED ? " …" : ""}`);
  if (noPhoto.length) named(ngettext("%s other file is left out, by its name it is no photo:", "%s other files are left out, by their names they are no photos:", noPhoto.length), noPhoto);
  if (tooLarge.length) named(ngettext("%s file is left out because it is too large:", "%s files are left out because they are too large:", tooLarge.length), tooLarge);
  for (const { path, error } of badLists) say(`${path}: ${error}`);
  if (rows.length > SHOWN_CLASSES) say(interpolate(gettext("And %s more classes."), [count(rows.length - SHOWN_CLASSES)]));
  if (plan.useFolders && !plan.lists.length && rows.length === 1 && plan.photos.length > 1) say(gettext("All photos are in one folder, so all get one class. To train, a data set needs two."));
  return box;
}

function* aboutLists(plan) {
  const { found, unknown } = plan.labels;
  const contradicted = [...found.values()].filter((folder) => !folder).length;
  for (const list of plan.lists) {
    const n = list.rows.length + list.faulty;
    yield interpolate(ngettext("%(path)s: %(n)s row.", "%(path)s: %(n)s rows.", n), { path: list.path, n: count(n) }, true);
    for (const { line, sentence } of list.faults) yield interpolate(gettext("Line %(line)s: %(sentence)s"), { line, sentence }, true);
    const more = list.faulty - list.faults.length;
    if (more > 0) yield interpolate(gettext("And %s more such rows."), [count(more)]);
  }
  if (plan.lists.length && plan.photos.length) yield interpolate(ngettext("%s of these photos has its label from the list.", "%s of these photos have their labels from the list.", found.size - contradicted), [count(found.size - contradicted)]);
  if (unknown && !plan.photos.length) yield interpolate(ngettext("%s row is looked for in the archives and among the photos that are here already.", "%s rows are looked for in the archives and among the photos that are here already.", unknown), [count(unknown)]);
  else if (unknown) yield interpolate(ngettext("%s row names none of these photos: it is looked for in the archives and among the photos that are here already.", "%s rows name none of these photos: they are looked for in the archives and among the photos that are here already.", unknown), [count(unknown)]);
  if (contradicted) yield interpolate(ngettext("%s photo has two different labels in the list, so neither is used.", "%s photos have two different labels in the list, so neither is used.", contradicted), [count(contradicted)]);
}

/** Draws the preview anew; `changed` is called when the person decides something in it. */
export function drawPreview(box, plan, changed) {
  const rows = plan.classes();
  const parts = [make("h2", "", gettext("Before it is sent")), sum(plan, rows)];
  const goesOn = plan.arrived !== null;
  if (plan.hasFolders) {
    parts.push(check(gettext("Use folder names as classes"), plan.useFolders, (on) => {
      plan.useFolders = on;
      changed();
    }, goesOn));
  }
  if (plan.useFolders && !goesOn) {
    for (const { name, count: n } of plan.proposals().slice(0, SHOWN_PROPOSALS)) {
      const words = interpolate(gettext("“%(name)s” at the beginning of %(n)s folders is a category: “%(name)s_…” has the class after the line"), { name, n }, true);
      parts.push(check(words, plan.confirmed.has(name), (on) => {
        plan.confirmed[on ? "add" : "delete"](name);
        changed();
      }));
    }
  }
  if (rows.length) parts.push(table(rows, new Set(plan.config.classes)));
  parts.push(leftOut(plan, rows));
  box.replaceChildren(...parts);
  box.hidden = false;
}

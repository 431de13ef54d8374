// The filter bar: search in the long list of classes, and figures that follow while labels change.
import { request } from "../http.js";
import { fit } from "./match.js";

export function startClassSearch() {
  const menu = document.getElementById("more-classes");
  const input = document.getElementById("class-search");
  if (!menu || !input) return;
  input.hidden = false;
  const items = [...menu.querySelectorAll("a[data-class]")].map((link) => {
    const [en, zh, pinyin, initials, key] = link.dataset.words.split("|");
    return { link, one: { en, zh, pinyin, initials, key } };
  });
  const search = () => {
    let shown = 0;
    for (const { link, one } of items) {
      link.hidden = fit(one, input.value) === Infinity;
      shown += link.hidden ? 0 : 1;
    }
    document.getElementById("class-none").hidden = shown > 0;
  };
  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    items.filter(({ link }) => !link.hidden).sort((a, b) => fit(a.one, input.value) - fit(b.one, input.value))[0]?.link.click();
  });
  menu.addEventListener("toggle", () => {
    if (!menu.open) return;
    input.value = "";
    search();
    input.focus();
  });
}

/** How far somebody is with what they were given. */
function writeProgress({ done, total, held }, number) {
  const line = document.getElementById("queue-line");
  if (!line) return;
  line.querySelector("progress").value = total ? done / total : 1;
  const figures = { done: number.format(done), total: number.format(total) };
  // What a curator took back or gave to somebody else still stands on the page: it is no longer this person's.
  const gone = Number(line.dataset.held) - held;
  line.querySelector("[data-gone]").hidden = gone <= 0;
  line.querySelector("[data-gone-words]").textContent = interpolate(ngettext(
    "%s photo is no longer in this queue: a curator took it back.",
    "%s photos are no longer in this queue: a curator took them back.", gone), [number.format(gone)]);
  line.querySelector("[data-words]").textContent = total || gone > 0
    ? interpolate(gettext("%(done)s of %(total)s done"), figures, true)
    : gettext("All done");
}

/** Fetches the figures of the chips again, at most every second and a half. */
export function countsFollower(urls, query) {
  const number = new Intl.NumberFormat("en");
  const write = (element, n) => {
    const figure = element?.querySelector(".num");
    if (figure) figure.textContent = number.format(n ?? 0);
  };
  const bar = document.getElementById("filters");
  let timer = null;
  return () => {
    if (timer) return;
    timer = setTimeout(async () => {
      timer = null;
      const { states, classes, unlabelled, queue } = await request(`${urls.counts}?${query}`).catch(() => ({}));
      if (!states) return;
      const all = Object.values(states).reduce((sum, n) => sum + n, 0);
      for (const link of bar.querySelectorAll("[data-state]")) {
        write(link, link.dataset.state === "any" ? all : states[link.dataset.state]);
      }
      for (const link of bar.querySelectorAll("[data-class]")) write(link, classes[link.dataset.class]);
      write(bar.querySelector("[data-unlabelled]"), unlabelled);
      if (queue) writeProgress(queue, number);
    }, 1500);
  };
}

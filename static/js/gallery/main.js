// The page of all photos: takes over the tiles that the server drew.
import { toast } from "../toasts.js";
import { linkedImage } from "./drawer.js";
import { startClassSearch } from "./filters.js";
import { Gallery } from "./gallery.js";

/** The server's tiles carry check boxes and links for those without scripts; the grid of options replaces them. */
function prepareBox() {
  const box = document.getElementById("gallery-grid");
  const form = document.getElementById("gallery");
  document.documentElement.classList.add("scripted");
  document.getElementById("gallery-plain").remove();
  form.replaceWith(box);
  return box;
}

/** Back from another page: the same place, though the tiles there did not exist a moment ago. */
function keepPlace(gallery) {
  const address = new URL(location);
  address.searchParams.delete("image");
  const key = `gallery:${address.pathname}${address.search}`;
  history.scrollRestoration = "manual";
  const kind = performance.getEntriesByType("navigation")[0]?.type;
  const kept = sessionStorage.getItem(key);
  if (kept && (kind === "back_forward" || kind === "reload")) {
    const { y, active } = JSON.parse(kept);
    gallery.grid.activate(active, { scroll: false });
    scrollTo(0, y);
    gallery.grid.render();
  }
  addEventListener("pagehide", () => {
    sessionStorage.setItem(key, JSON.stringify({ y: scrollY, active: gallery.grid.active }));
  });
}

/** Photos alike are looked for while a person waits: once they are found the page shows them. */
function followLikeness() {
  const isWaiting = document.querySelector("#alike[data-poll]");
  if (!isWaiting) return;
  document.body.addEventListener("htmx:afterSwap", () => {
    if (document.querySelector("#alike[data-found]")) location.reload();
  });
}

async function start() {
  startClassSearch();
  followLikeness();
  const element = document.getElementById("gallery-data");
  if (!element) return;
  const gallery = new Gallery(JSON.parse(element.textContent), prepareBox());
  keepPlace(gallery);
  const linked = linkedImage();
  if (linked) gallery.drawer.reveal(linked);
  try {
    await gallery.rows.loadIndex();
  } catch (error) {
    toast(error.message, { kind: "error" });
  }
  if (linked && gallery.rows.indexOf(linked) >= 0) gallery.grid.activate(gallery.rows.indexOf(linked));
}

start();

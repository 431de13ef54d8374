// The photo's details beside the grid. Its address is the page's own with ?image=ID, so it can be linked and gone back from.
import { HttpError } from "../http.js";

/** The photo that the address names; 0 where it names none, or what can be no row's id. */
export function linkedImage() {
  const id = Number(new URL(location).searchParams.get("image"));
  return Number.isSafeInteger(id) && id > 0 ? id : 0;
}

export class Drawer extends EventTarget {
  constructor({ rows, grid, url, home, act }) {
    super();
    Object.assign(this, { rows, grid, url, home, act });
    this.element = document.getElementById("drawer");
    this.body = document.getElementById("drawer-body");
    this.id = null;
    this.element.querySelector("[data-close-drawer]").addEventListener("click", () => this.close());
    for (const button of this.element.querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => grid.activate(grid.active + Number(button.dataset.step)));
    }
    grid.addEventListener("active", (event) => {
      if (this.isOpen) this.show(event.detail);
    });
    this.body.addEventListener("submit", (event) => this.onSubmit(event));
    addEventListener("popstate", () => this.fromAddress());
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** Opens for a place in the grid. */
  show(index) {
    const id = this.rows.ids[index];
    if (!id) return;
    this.showId(id, !this.isOpen);
  }

  showId(id, isNew) {
    if (this.isOpen && this.id === id) return;
    const address = new URL(location);
    address.searchParams.set("image", id);
    history[isNew ? "pushState" : "replaceState"]({ ...history.state, drawer: isNew || history.state?.drawer }, "", address);
    this.reveal(id);
  }

  reveal(id) {
    this.id = id;
    this.element.hidden = false;
    document.body.classList.add("has-drawer");
    clearTimeout(this.timer);
    // Holding an arrow key passes many photos: only the one it rests on is fetched.
    this.timer = setTimeout(() => this.load(id), this.body.childElementCount ? 90 : 0);
  }

  async load(id) {
    try {
      const response = await fetch(this.url.replace("/0/", `/${id}/`), { headers: { "X-Fragment": "drawer" } });
      if (!response.ok) throw new HttpError(response.status, gettext("This photo is no longer there."));
      const html = await response.text();
      if (this.id !== id) return;
      const parsed = new DOMParser().parseFromString(html, "text/html");
      this.body.replaceChildren(...parsed.body.childNodes);
    } catch (error) {
      if (this.id === id) this.body.textContent = error.message;
    }
    this.dispatchEvent(new CustomEvent("shown", { detail: id }));
  }

  refresh() {
    if (this.isOpen) this.load(this.id);
  }

  close() {
    if (!this.isOpen) return;
    if (history.state?.drawer) history.back();
    else {
      const address = new URL(location);
      address.searchParams.delete("image");
      history.replaceState(history.state, "", address);
      this.hide();
    }
  }

  hide() {
    this.id = null;
    this.element.hidden = true;
    this.body.replaceChildren();
    document.body.classList.remove("has-drawer");
    this.home().focus({ preventScroll: true });
  }

  fromAddress() {
    const id = linkedImage();
    if (id) this.reveal(id);
    else if (this.isOpen) this.hide();
  }

  onSubmit(event) {
    const form = event.target.closest("form[data-drawer]");
    if (!form) return;
    event.preventDefault();
    const values = new FormData(form);
    const id = Number(values.get("ids"));
    if (form.dataset.drawer === "reference") this.act.reference([id], values.get("on") === "1");
    else if (form.dataset.drawer === "label") this.act.label([id], values.get("label"));
    else this.act.state([id], values.get("state"), values.get("reason") ?? "");
  }
}

// The type-ahead: a letter opens it, Enter assigns the class on top.
import { matches, otherName, shownName } from "./match.js";

export class Palette {
  /** `create` makes a class of the name typed; null for those who may not. */
  constructor(classes, assign, create = null) {
    this.classes = classes;
    this.assign = assign;
    this.create = create;
    this.dialog = document.getElementById("palette");
    this.input = document.getElementById("palette-input");
    this.list = document.getElementById("palette-list");
    this.at = 0;
    this.found = [];
    this.input.addEventListener("input", () => this.search());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.choose(Number(option.dataset.at));
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  /** Opens without eating the key that opened it: the letter (or an input method's) lands in the field. */
  open() {
    this.input.value = "";
    this.search();
    this.dialog.showModal();
    this.input.focus();
  }

  search() {
    this.found = matches(this.classes, this.input.value);
    this.at = 0;
    const typed = this.input.value.trim();
    const known = this.found.some((one) => [one.key, one.zh, one.en].includes(typed));
    if (this.create && typed && !known) this.found.push({ isNew: true, name: typed });
    this.list.replaceChildren(...this.found.map((one, at) => (one.isNew ? this.newOption(one, at) : this.option(one, at))));
    if (!this.found.length) {
      const nothing = document.createElement("p");
      nothing.className = "muted none";
      nothing.textContent = gettext("No class of that name.");
      this.list.append(nothing);
    }
    this.mark();
  }

  option(one, at) {
    const option = document.createElement("div");
    option.id = `palette-${at}`;
    option.dataset.at = String(at);
    option.className = "item";
    option.setAttribute("role", "option");
    const dot = document.createElement("span");
    dot.className = `dot bin-${one.bin}`;
    const name = document.createElement("span");
    name.className = "truncate";
    name.textContent = shownName(one);
    const other = document.createElement("small");
    other.className = "truncate";
    other.textContent = [otherName(one), one.initials].filter(Boolean).join(" · ");
    option.append(dot, name, other);
    if (one.digit) {
      const key = document.createElement("kbd");
      key.textContent = String(one.digit);
      option.append(key);
    }
    return option;
  }

  newOption(one, at) {
    const option = document.createElement("div");
    option.id = `palette-${at}`;
    option.dataset.at = String(at);
    option.className = "item new";
    option.setAttribute("role", "option");
    option.textContent = interpolate(gettext("New class “%s”"), [one.name]);
    return option;
  }

  mark() {
    for (const option of this.list.querySelectorAll("[role=option]")) {
      const on = Number(option.dataset.at) === this.at;
      option.setAttribute("aria-selected", String(on));
      if (on) option.scrollIntoView({ block: "nearest" });
    }
    if (this.found.length) this.input.setAttribute("aria-activedescendant", `palette-${this.at}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  onKey(event) {
    if (event.isComposing || event.keyCode === 229) return; // an input method is at work: Enter is its own
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.at = (this.at + step + this.found.length) % Math.max(1, this.found.length);
      this.mark();
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.choose(this.at);
    }
  }

  choose(at) {
    const one = this.found[at];
    if (!one) return;
    this.dialog.close();
    if (one.isNew) this.create(one.name);
    else this.assign(one.key);
  }
}

// Giving the selected photos to people to label: asks whom, then says what became of it, with a way back.
import { request } from "../http.js";
import { toast } from "../toasts.js";

const MOST = 10000; // in one request, as the server takes it

export class Giving {
  /** `urls`: {give, take_back}; the dialog stands on pages of the inbox that a curator sees. `query`: of the gallery. */
  constructor(urls, query) {
    this.urls = urls;
    this.sort = new URLSearchParams(query).get("sort") ?? "";
    this.dialog = document.getElementById("give");
  }

  /** Asks whom; `done` is called once the photos were given. */
  ask(ids, done) {
    if (!this.dialog || !ids.length) return;
    if (ids.length > MOST) {
      toast(interpolate(gettext("At most %s photos at a time: use “Give out” for more."), [MOST.toLocaleString("en")]), { kind: "warning" });
      return;
    }
    this.dialog.returnValue = "";
    this.dialog.showModal();
    this.dialog.addEventListener("close", () => {
      const people = [...this.dialog.querySelectorAll("[name=people]:checked")].map((one) => one.value);
      if (this.dialog.returnValue === "yes") this.give(ids, people, done);
    }, { once: true });
  }

  async give(ids, people, done) {
    try {
      const answer = await request(this.urls.give, { method: "POST", json: { ids, people, sort: this.sort } });
      const undo = { label: gettext("Undo"), run: () => this.takeBack(answer.operation) };
      toast(answer.message, answer.given ? { kind: "success", action: undo } : { kind: "warning" });
      done();
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
  }

  async takeBack(operation) {
    try {
      const { message } = await request(this.urls.take_back, { method: "POST", json: { operation } });
      toast(message);
    } catch (error) {
      toast(error.message, { kind: "error" });
    }
  }
}

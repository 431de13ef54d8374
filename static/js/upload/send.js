// Sends files in small requests, three at a time. A request that fails is tried again, later each time; what the server
// took once it recognises, so nothing is stored twice.
import { csrfToken } from "../http.js";

const AT_ONCE = 3;
const TRIES = 6;
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 20_000;

export class Refused extends Error {}

/** Groups of at most `maxFiles` files and `maxBytes`; a larger file goes alone. */
export function* groupsOf(files, { maxFiles, maxBytes }) {
  let group = [];
  let bytes = 0;
  for (const one of files) {
    if (group.length && (group.length === maxFiles || bytes + one.file.size > maxBytes)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(one);
    bytes += one.file.size;
  }
  if (group.length) yield group;
}

export class Sender extends EventTarget {
  constructor(files, { addUrl, useFolders, maxFiles, maxBytes }) {
    super();
    Object.assign(this, { addUrl, useFolders });
    this.groups = [...groupsOf(files, { maxFiles, maxBytes })];
    this.total = files.reduce((sum, one) => sum + one.file.size, 0);
    this.count = files.length;
    this.sentFiles = 0;
    this.sentBytes = 0;
    this.underWay = new Map();
  }

  /** Resolves when all are there; rejects when one could not be sent. Calling it again goes on with what is left. */
  async run() {
    this.failed = null;
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.lane()));
    if (this.failed) throw this.failed;
  }

  async lane() {
    while (this.groups.length && !this.failed) {
      const group = this.groups.shift();
      try {
        await this.deliver(group);
      } catch (error) {
        this.groups.unshift(group);
        this.failed ??= error;
      }
    }
  }

  async deliver(group) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await this.post(group);
        this.sentFiles += group.length;
        this.sentBytes += group.reduce((sum, one) => sum + one.file.size, 0);
        this.report();
        if (answer.rejected.length) this.dispatchEvent(new CustomEvent("rejected", { detail: answer.rejected }));
        return;
      } catch (error) {
        if (error instanceof Refused || attempt === TRIES || this.failed) throw error;
        const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1));
        await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
      }
    }
  }

  post(group) {
    const body = new FormData();
    body.append("paths", JSON.stringify(group.map((one) => one.path)));
    body.append("use_folders", this.useFolders ? "1" : "0");
    for (const one of group) body.append("files", one.file);
    return new Promise((resolve, reject) => {
      // fetch tells nothing of how much was sent.
      const http = new XMLHttpRequest();
      http.open("POST", this.addUrl);
      http.setRequestHeader("X-CSRFToken", csrfToken());
      http.setRequestHeader("Accept", "application/json");
      http.responseType = "json";
      http.upload.addEventListener("progress", (event) => {
        this.underWay.set(group, Math.min(event.loaded, event.total));
        this.report();
      });
      http.addEventListener("loadend", () => {
        this.underWay.delete(group);
        const answer = http.response;
        if (http.status === 200 && answer) resolve(answer);
        else if (isFinal(http.status)) reject(new Refused(answer?.error ?? gettext("The server refused these files.")));
        else reject(new Error(gettext("The server can't be reached. Check the connection and try again.")));
      });
      http.send(body);
    });
  }

  report() {
    const moving = [...this.underWay.values()].reduce((sum, bytes) => sum + bytes, 0);
    const bytes = Math.min(this.total, this.sentBytes + moving);
    this.dispatchEvent(new CustomEvent("progress", { detail: { bytes, files: this.sentFiles } }));
  }
}

/** Answers that trying again will not change: the request is wrong, the person signed out, the disk is full. */
function isFinal(status) {
  return (status >= 400 && status < 500 && status !== 408 && status !== 429) || status === 507;
}

// Sends files in small requests, three at a time, large files in parts. A request that fails is tried again, later each
// time; what the server took once it recognises, so nothing is stored twice. A file that can't be read any more costs
// only itself.
import { csrfToken } from "../http.js";

const AT_ONCE = 3;
const TRIES = 6;
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 20_000;

export class Refused extends Error {}

/** The server has come to another byte of a large file than this page thinks. */
class Elsewhere extends Error {
  constructor(received) {
    super("elsewhere");
    this.received = received;
  }
}

const sizeOf = (group) => group.reduce((sum, one) => sum + one.file.size, 0);

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
  /** `there`: files that had arrived before; `bytesOf(one)`: how much of a large file had. */
  constructor(files, { addUrl, partUrl, maxFiles, maxBytes, partBytes, there = [], bytesOf = () => 0 }) {
    super();
    Object.assign(this, { addUrl, partUrl, maxBytes, partBytes });
    this.groups = [...groupsOf(files, { maxFiles, maxBytes })];
    this.sentFiles = there.length;
    this.sentBytes = sizeOf(there);
    this.total = this.sentBytes + sizeOf(files);
    this.count = files.length + there.length;
    this.offsets = new Map();
    for (const one of files) {
      if (one.file.size <= maxBytes) continue;
      const offset = bytesOf(one);
      this.offsets.set(one, offset);
      this.sentBytes += offset;
    }
    this.bytesBefore = this.sentBytes;
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
        if (this.offsets.has(group[0])) await this.deliverInParts(group[0]);
        else await this.deliver(group);
      } catch (error) {
        this.groups.unshift(group);
        this.failed ??= error;
      }
    }
  }

  async deliver(group) {
    const answer = await this.tried(group, () => this.post(this.addUrl, this.groupBody(group), group));
    this.sentFiles += group.length;
    this.sentBytes += sizeOf(group);
    this.took(answer);
  }

  async deliverInParts(one) {
    const group = [one];
    for (;;) {
      const offset = this.offsets.get(one);
      const answer = await this.tried(group, () => this.post(this.partUrl, this.partBody(one, offset), one));
      if (!group.length) return;
      this.offsets.set(one, answer.received);
      this.sentBytes += answer.received - offset;
      if (answer.whole) {
        this.sentFiles += 1;
        return this.took(answer);
      }
      this.report();
    }
  }

  took(answer) {
    this.report();
    if (answer.rejected?.length) this.dispatchEvent(new CustomEvent("rejected", { detail: answer.rejected }));
  }

  /** Tries until the answer comes; takes what can't be read out of `group`, and answers {} when none is left. */
  async tried(group, attempt) {
    for (let n = 1; ; n += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (error instanceof Elsewhere) return { received: error.received };
        if (error instanceof Refused) throw error;
        if (await this.leaveOutUnreadable(group)) {
          if (!group.length) return {};
          continue;
        }
        if (n === TRIES || this.failed) throw error;
        const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (n - 1));
        await new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
      }
    }
  }

  async leaveOutUnreadable(group) {
    const gone = [];
    for (const one of group) if (!(await isReadable(one.file))) gone.push(one);
    if (!gone.length) return false;
    for (const one of gone) {
      group.splice(group.indexOf(one), 1);
      this.count -= 1;
      this.total -= one.file.size;
      this.sentBytes -= this.offsets.get(one) ?? 0;
    }
    const sentence = gettext("The file was changed, moved or removed since it was chosen, so it can't be read. Choose it again.");
    this.took({ rejected: gone.map(({ path }) => ({ name: path, sentence })) });
    return true;
  }

  groupBody(group) {
    const body = new FormData();
    body.append("paths", JSON.stringify(group.map((one) => one.path)));
    for (const one of group) body.append("files", one.file);
    return body;
  }

  partBody({ file, path }, offset) {
    const body = new FormData();
    for (const [name, value] of Object.entries({ path, size: file.size, modified: file.lastModified, offset })) body.append(name, value);
    const piece = file.slice(offset, offset + this.partBytes);
    if (piece.size) body.append("part", piece, "part");
    return body;
  }

  post(url, body, key) {
    return new Promise((resolve, reject) => {
      // fetch tells nothing of how much was sent.
      const http = new XMLHttpRequest();
      http.open("POST", url);
      http.setRequestHeader("X-CSRFToken", csrfToken());
      http.setRequestHeader("Accept", "application/json");
      http.responseType = "json";
      http.upload.addEventListener("progress", (event) => {
        this.underWay.set(key, Math.min(event.loaded, event.total));
        this.report();
      });
      http.addEventListener("loadend", () => {
        this.underWay.delete(key);
        const answer = http.response;
        if (http.status === 200 && answer) resolve(answer);
        else if (http.responseURL.includes("/sign-in/")) reject(new Refused(gettext("You were signed out. Sign in in another tab, then try again.")));
        else if (http.status === 409 && answer?.received !== undefined) reject(new Elsewhere(answer.received));
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

async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** Answers that trying again will not change: the request is wrong, the person signed out, the disk is full. */
function isFinal(status) {
  return (status >= 400 && status < 500 && status !== 408 && status !== 429) || status === 507;
}

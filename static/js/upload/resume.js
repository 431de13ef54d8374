// What an upload that was broken off has already, so that only the rest is sent.
import { request } from "../http.js";

/** How the server knows a file of a batch. */
export const keyOf = (path, size) => `${path.length > 1000 ? [...path].slice(0, 1000).join("") : path}\n${size}`;

export class Arrived {
  constructor() {
    this.files = new Map(); // key → how many of it
    this.parts = new Map(); // key and time of change → bytes that are there
    this.count = 0;
    this.bytes = 0;
  }

  has(key, wanted) {
    return (this.files.get(key) ?? 0) >= wanted;
  }

  bytesOf({ file, path }) {
    return this.parts.get(`${keyOf(path, file.size)}\n${file.lastModified}`) ?? 0;
  }
}

/** Asks page by page: there may be 100,000 files. */
export async function whatArrived(url) {
  const arrived = new Arrived();
  for (let after = ""; after !== null; ) {
    const page = await request(after === "" ? url : `${url}?after=${after}`);
    for (const [name, size] of page.files) {
      const key = `${name}\n${size}`;
      arrived.files.set(key, (arrived.files.get(key) ?? 0) + 1);
      arrived.count += 1;
      arrived.bytes += size;
    }
    for (const [name, size, modified, received] of page.parts) arrived.parts.set(`${name}\n${size}\n${modified}`, received);
    after = page.next;
  }
  return arrived;
}

/** {left, there}: of two files with one path and size both count as left until both are there. */
export function split(files, arrived) {
  if (!arrived) return { left: files, there: [] };
  const wanted = new Map();
  const keys = files.map(({ file, path }) => keyOf(path, file.size));
  for (const key of keys) wanted.set(key, (wanted.get(key) ?? 0) + 1);
  const left = [];
  const there = [];
  for (const [at, one] of files.entries()) (arrived.has(keys[at], wanted.get(keys[at])) ? there : left).push(one);
  return { left, there };
}

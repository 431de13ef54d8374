// The upload page: collect, preview, send, then on to the page that tells what became of each file. An upload that was
// broken off goes on where it was.
import { csrfToken, request } from "../http.js";
import { fromDropped, fromList, holdDropped } from "./collect.js";
import { Plan } from "./plan.js";
import { count, drawPreview, shownName, size } from "./preview.js";
import { split, whatArrived } from "./resume.js";
import { Sender } from "./send.js";

const SHOWN_REFUSALS = 100;
const REDRAW_EVERY = 150; // ms

const byId = (id) => document.getElementById(id);
const config = JSON.parse(byId("upload-config").textContent);
const form = byId("upload");
const plan = new Plan(config);
let sender = null;
let busy = false;
let resumed = null; // the unfinished upload that is gone on with
let recognised = false; // by the chosen files, not by its button
let declined = false; // these files are to be an upload of their own
let before = null; // what stood in the form before an upload was gone on with
let asking = Promise.resolve(); // for what has arrived of it

document.documentElement.classList.add("scripted");

function redraw() {
  document.body.classList.toggle("has-plan", !plan.isEmpty);
  byId("start-over").hidden = plan.isEmpty;
  const { noPhoto, tooLarge, badLists } = plan.leftOut;
  if (plan.isEmpty && !noPhoto.length && !tooLarge.length && !badLists.length) byId("preview").hidden = true;
  else drawPreview(byId("preview"), plan, redraw);
  byId("send").disabled = plan.isEmpty || busy;
  byId("send").textContent = resumed ? gettext("Go on with the upload") : gettext("Upload");
  drawGoingOn();
}

/** What going on means for the files that were chosen, above all when they are other ones. */
function drawGoingOn() {
  const note = byId("going-on");
  note.hidden = !resumed;
  if (!resumed) return;
  const { left, there } = plan.sending;
  const are = { there: count(there.length), left: count(left.length), arrived: count(plan.arrived.count), when: resumed.when };
  const isOther = !plan.isEmpty && plan.arrived.count > 0 && !shared(plan.arrived);
  note.classList.toggle("bad", isOther);
  let words = gettext("Going on with the upload of %(when)s: choose the same folder or files again.");
  if (isOther) words = gettext("These are other files: none of the %(arrived)s that arrived with the upload of %(when)s is among them. They can be added to it, or make a new upload.");
  else if (!plan.isEmpty && !left.length) words = gettext("All %(there)s of these files have arrived already. Going on only finishes the upload.");
  else if (recognised) words = gettext("These files belong to the upload of %(when)s that was broken off, so it goes on: %(there)s have arrived already, %(left)s are left to send.");
  else if (!plan.isEmpty) words = gettext("%(there)s of these files have arrived already; %(left)s are left to send.");
  byId("going-on-words").textContent = interpolate(words, are, true);
}

async function collect(source) {
  busy = true;
  const finding = byId("finding");
  let drawn = 0;
  finding.hidden = false;
  try {
    for await (const one of source) {
      if (plan.add(one)) await readList(one);
      if (performance.now() - drawn > REDRAW_EVERY) {
        drawn = performance.now();
        finding.textContent = interpolate(gettext("Looking through the folder: %s files"), [count(plan.count)]);
      }
    }
    finding.hidden = true;
  } catch (error) {
    finding.textContent = `${gettext("The folder can't be read to its end.")} ${error.message}`;
  }
  await asking;
  await recognise();
  busy = false;
  redraw();
  if (!plan.isEmpty) byId("send").focus({ preventScroll: true });
}

/** The server reads lists of labels: it knows what spreadsheets write. */
async function readList({ file, path }) {
  const body = new FormData();
  body.append("list", file);
  try {
    if (file.size > config.maxListBytes) throw new Error(gettext("The list of labels is too large."));
    plan.addList(file, path, await request(config.listUrl, { method: "POST", body }));
  } catch (error) {
    plan.leftOut.badLists.push({ path, error: error.message });
  }
}

for (const button of document.querySelectorAll("[data-resume]")) {
  button.addEventListener("click", () => {
    const batch = config.unfinished.find((one) => String(one.batch) === button.dataset.resume);
    asking = resume(batch);
    // At once: a browser opens it only in answer to the click itself.
    byId(batch.fromFolder ? "folder" : "files").click();
  });
}

/** How many of the chosen files an upload has, or has a part of. */
function shared(arrived) {
  const { left, there } = split(plan.files, arrived);
  return there.length + left.filter((one) => arrived.bytesOf(one)).length;
}

/** Files that a broken-off upload of this person has already belong to it: chosen again, they go on with it. */
async function recognise() {
  if (resumed || declined || plan.isEmpty) return;
  let best = { n: 0 };
  for (const batch of config.unfinished) {
    try {
      const arrived = await (batch.asked ??= whatArrived(batch.arrivedUrl));
      const n = shared(arrived);
      if (n > best.n) best = { n, batch, arrived };
    } catch {
      // Finished or discarded in another tab: nothing to go on with.
    }
  }
  if (best.n) goOn(best.batch, best.arrived, true);
}

async function resume(batch) {
  try {
    goOn(batch, await whatArrived(batch.arrivedUrl), false);
  } catch (error) {
    byId("finding").hidden = false;
    byId("finding").textContent = error.message;
    return;
  }
  byId("dropzone").scrollIntoView({ block: "center" });
}

function goOn(batch, arrived, byFiles) {
  plan.arrived = arrived;
  resumed = batch;
  recognised = byFiles;
  const { author, licence } = form.elements;
  before = { author: author.value, licence: licence.value, useFolders: plan.useFolders };
  Object.assign(author, { value: batch.author, disabled: true });
  Object.assign(licence, { value: batch.licence, disabled: true });
  plan.useFolders = batch.useFolders;
  plan.forget();
  for (const card of document.querySelectorAll(".unfinished")) card.hidden = true;
  redraw();
}

byId("going-on-stop").addEventListener("click", () => {
  declined = true;
  stopGoingOn();
  redraw();
});

function stopGoingOn() {
  resumed = null;
  plan.arrived = null;
  plan.useFolders = before.useFolders;
  plan.forget();
  for (const name of ["author", "licence"]) Object.assign(form.elements[name], { value: before[name], disabled: false });
  for (const card of document.querySelectorAll(".unfinished")) card.hidden = false;
}

for (const field of [byId("files"), byId("folder")]) {
  field.addEventListener("change", async () => {
    const chosen = [...field.files];
    field.value = "";
    await collect(fromList(chosen));
  });
}

// The whole window takes what is dropped: a browser would otherwise open the photo and lose the page.
let depth = 0;
const zone = byId("dropzone");
const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
addEventListener("dragenter", (event) => {
  if (!carriesFiles(event)) return;
  depth += 1;
  zone.classList.add("over");
});
addEventListener("dragleave", () => {
  depth = Math.max(0, depth - 1);
  if (!depth) zone.classList.remove("over");
});
addEventListener("dragover", (event) => {
  if (carriesFiles(event)) event.preventDefault();
});
addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  depth = 0;
  zone.classList.remove("over");
  if (!sender) collect(fromDropped(holdDropped(event.dataTransfer)));
});

byId("start-over").addEventListener("click", () => {
  plan.clear();
  declined = false;
  if (recognised && resumed) stopGoingOn();
  if (resumed) plan.useFolders = resumed.useFolders;
  redraw();
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  event.stopPropagation();
  if (!plan.isEmpty && !busy) begin();
}, { capture: true });

async function begin() {
  busy = true;
  byId("send").disabled = true;
  let batch;
  try {
    batch = resumed ?? (await open());
  } catch (error) {
    busy = false;
    byId("finding").hidden = false;
    byId("finding").textContent = error.message;
    byId("send").disabled = false;
    return;
  }
  const { left, there } = plan.sending;
  const bytesOf = (one) => plan.arrived?.bytesOf(one) ?? 0;
  sender = new Sender(left, { ...config, addUrl: batch.addUrl, partUrl: batch.partUrl, there, bytesOf });
  form.hidden = true;
  for (const card of document.querySelectorAll(".unfinished")) card.hidden = true;
  byId("sending").hidden = false;
  sender.addEventListener("progress", (event) => showProgress(event.detail));
  sender.addEventListener("rejected", (event) => showRefused(event.detail));
  byId("sending-retry").addEventListener("click", () => go(batch));
  addEventListener("online", () => !byId("sending-fault").hidden && go(batch));
  addEventListener("beforeunload", guard);
  go(batch);
}

function open() {
  const body = new FormData();
  body.append("author", form.elements.author.value);
  body.append("licence", form.elements.licence.value);
  body.append("use_folders", plan.useFolders ? "on" : "");
  body.append("expected", plan.count);
  body.append("categories", JSON.stringify(plan.useFolders ? [...plan.confirmed] : []));
  body.append("csrfmiddlewaretoken", csrfToken());
  return request(config.openUrl, { method: "POST", body });
}

function guard(event) {
  event.preventDefault();
}

async function go(batch) {
  byId("sending-fault").hidden = true;
  try {
    await sender.run();
    const { url } = await request(batch.closeUrl, { method: "POST" });
    removeEventListener("beforeunload", guard);
    location.assign(url);
  } catch (error) {
    byId("sending-fault").hidden = false;
    byId("sending-fault-words").textContent = `${error.message} ${gettext("What has arrived is kept; only the rest is sent again.")}`;
  }
}

let started = null;
let reached = null;
let speaking = 0;

function showProgress({ bytes, files }) {
  started ??= performance.now();
  reached = { bytes, files };
  byId("sending-bar").value = sender.total ? bytes / sender.total : files / sender.count;
  // Screen readers read every change: two a second are more than enough for eyes too.
  speaking ||= setTimeout(sayProgress, 500);
}

function sayProgress() {
  speaking = 0;
  const words = interpolate(gettext("%(files)s of %(all)s files · %(sent)s of %(size)s"), {
    files: count(reached.files), all: count(sender.count), sent: size(reached.bytes), size: size(sender.total),
  }, true);
  byId("sending-words").textContent = `${words}${timeLeft(reached.bytes)}`;
}

function timeLeft(bytes) {
  const seconds = (performance.now() - started) / 1000;
  const sent = bytes - sender.bytesBefore;
  if (seconds < 3 || sent <= 0) return "";
  const left = ((sender.total - bytes) / sent) * seconds;
  if (left < 60) return ` · ${gettext("less than a minute left")}`;
  return ` · ${interpolate(gettext("about %s min left"), [Math.round(left / 60)])}`;
}

let refusals = 0;

function showRefused(rejected) {
  byId("refused").hidden = false;
  for (const { name, sentence } of rejected) {
    refusals += 1;
    if (refusals > SHOWN_REFUSALS) continue;
    const line = document.createElement("li");
    const file = document.createElement("b");
    file.textContent = shownName(name);
    line.append(file, ` ${sentence}`);
    byId("refused-list").append(line);
  }
  const more = byId("refused-more");
  more.hidden = refusals <= SHOWN_REFUSALS;
  more.textContent = interpolate(gettext("And %s more: the next page lists all of them."), [count(refusals - SHOWN_REFUSALS)]);
}

redraw();

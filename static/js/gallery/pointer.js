// Mouse and touch: click, Ctrl-click, Shift-click, a box drawn with the mouse; a tap on a phone toggles.

const SLACK = 6; // px a hand may tremble before a press becomes a drag
const EDGE = 60;

export function startPointer({ grid, rows, selection, open }) {
  const { box } = grid;
  let drag = null;

  const range = (from, to) => {
    const [first, last] = [Math.min(from, to), Math.max(from, to)];
    return rows.ids.slice(first, last + 1);
  };

  box.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (!tile || drag?.moved) return;
    const index = Number(tile.dataset.index);
    const id = rows.ids[index];
    box.focus({ preventScroll: true });
    if (event.target.closest(".openmark")) return open(index);
    const touch = event.pointerType === "touch";
    if (event.shiftKey) selection.set([...(event.ctrlKey ? selection.ids : []), ...range(selection.anchor, index)]);
    else {
      if (touch || event.ctrlKey || event.metaKey) selection.toggle(id);
      else if (selection.size === 1 && selection.has(id)) selection.clear();
      else selection.set([id]);
      selection.anchor = index;
    }
    grid.activate(index, { scroll: false });
  });

  box.addEventListener("dblclick", (event) => {
    const tile = event.target.closest(".tile");
    if (tile && !event.target.closest(".openmark")) open(Number(tile.dataset.index));
  });

  const place = (event) => {
    const bounds = box.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  };

  box.addEventListener("pointerdown", (event) => {
    drag = null;
    if (event.button !== 0 || event.pointerType !== "mouse" || event.shiftKey) return;
    const [x, y] = place(event);
    drag = { x, y, moved: false, base: event.ctrlKey || event.metaKey ? [...selection.ids] : [], last: event };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end, { once: true });
    addEventListener("pointercancel", end, { once: true });
  });

  function move(event) {
    drag.last = event;
    const [x, y] = place(event);
    if (!drag.moved && Math.hypot(x - drag.x, y - drag.y) < SLACK) return;
    if (!drag.moved) begin();
    paint();
  }

  function begin() {
    drag.moved = true;
    drag.band = document.createElement("div");
    drag.band.className = "band";
    box.append(drag.band);
    document.body.classList.add("dragging");
    drag.timer = setInterval(scrollAtEdge, 30);
  }

  function scrollAtEdge() {
    const y = drag.last.clientY;
    const by = y < EDGE + 48 ? -14 : y > innerHeight - EDGE ? 14 : 0;
    if (!by) return;
    scrollBy(0, by);
    paint();
  }

  function paint() {
    const [x, y] = place(drag.last);
    const { band } = drag;
    band.style.transform = `translate(${Math.min(x, drag.x)}px, ${Math.min(y, drag.y)}px)`;
    band.style.width = `${Math.abs(x - drag.x)}px`;
    band.style.height = `${Math.abs(y - drag.y)}px`;
    const inside = grid.within(x, y, drag.x, drag.y);
    selection.set([...drag.base, ...inside.map((index) => rows.ids[index]).filter(Boolean)]);
    if (inside.length) selection.anchor = inside[0];
  }

  function end() {
    removeEventListener("pointermove", move);
    if (!drag?.moved) return;
    clearInterval(drag.timer);
    drag.band.remove();
    document.body.classList.remove("dragging");
    // The click that follows belongs to this drag; the next press starts anew.
    setTimeout(() => (drag = null));
  }
}

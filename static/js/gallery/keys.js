// Keys of the gallery. Commands never sit on bare letters: a letter begins the name of a class.

const LETTER = /^\p{L}$/u;

/** Whether a key belongs to something else: a field, a button, an open dialog or menu. */
function isElsewhere(event, box) {
  const target = event.target;
  if (document.querySelector("dialog[open]")) return true;
  if (target === box || target === document.body || target.id === "main" || target.hasAttribute("data-photo-keys")) return false;
  if (target.closest("#drawer")) {
    return target.closest("input, select, textarea") !== null || ((event.key === "Enter" || event.key === " ") && target.closest("a, button") !== null);
  }
  return true;
}

export function startKeys(gallery) {
  const { grid, selection, rows, palette, drawer, help } = gallery;

  const moves = {
    ArrowLeft: () => -1,
    ArrowRight: () => 1,
    ArrowUp: () => -grid.columns,
    ArrowDown: () => grid.columns,
    PageUp: () => -grid.columns * Math.max(1, Math.floor(innerHeight / grid.pitch) - 1),
    PageDown: () => grid.columns * Math.max(1, Math.floor(innerHeight / grid.pitch) - 1),
    Home: () => -grid.active,
    End: () => grid.count - 1 - grid.active,
  };

  function move(event) {
    // The first arrow shows where the keys act; from there it goes on.
    if (!grid.isPlaced && event.key.startsWith("Arrow") && !event.shiftKey) return grid.activate(grid.active);
    const target = Math.min(grid.count - 1, Math.max(0, grid.active + moves[event.key]()));
    if (event.shiftKey) {
      if (!selection.size) selection.anchor = grid.active;
      const [first, last] = [Math.min(selection.anchor, target), Math.max(selection.anchor, target)];
      selection.set(rows.ids.slice(first, last + 1));
    }
    grid.activate(target);
  }

  const withControl = {
    z: () => gallery.undo(),
    a: () => gallery.selectAll(),
  };
  const withShift = {
    O: () => (drawer.isOpen ? drawer.close() : drawer.show(grid.active)),
    A: () => gallery.accept(),
    R: () => gallery.mark(),
    G: () => gallery.give(),
  };
  const plain = {
    " ": () => {
      if (!grid.count) return;
      selection.toggle(rows.ids[grid.active]);
      selection.anchor = grid.active;
    },
    Enter: () => gallery.openPalette(),
    Delete: () => gallery.quarantine(""),
    Backspace: () => gallery.quarantine(""),
    Escape: () => (drawer.isOpen ? drawer.close() : selection.clear()),
    "?": () => help.showModal(),
  };

  function commandFor(event) {
    if (event.ctrlKey || event.metaKey) return event.altKey || event.shiftKey ? null : withControl[event.key.toLowerCase()];
    if (event.altKey) return null;
    if (moves[event.key]) return () => move(event);
    if (event.shiftKey && event.key === "Delete") return () => gallery.askReason();
    if (event.shiftKey && withShift[event.key]) return withShift[event.key];
    if (plain[event.key]) return plain[event.key];
    if (/^[1-9]$/.test(event.key)) return () => gallery.assignDigit(Number(event.key));
    return null;
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isElsewhere(event, grid.box)) return;
    const command = commandFor(event);
    if (command) {
      event.preventDefault();
      if (document.activeElement === document.body) (moves[event.key] ? grid.box : gallery.hand).focus({ preventScroll: true });
      command();
    } else if (!event.ctrlKey && !event.metaKey && !event.altKey && (LETTER.test(event.key) || event.key === "Process")) {
      if (palette) gallery.openPalette(); // the letter itself goes on into the field
    }
  });
}

"""A real Chromium, driven by Playwright; what it complains about fails the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, ViewportSize

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


def launch(playwright: Playwright) -> Browser:
    assert Path(CHROMIUM).exists(), "the browser tests need Chromium: sh scripts/ensure_browser.sh"
    return playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


class Complaints(list[str]):
    """Errors on the console (CSP violations are among them) and exceptions in scripts."""

    def listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.append(f"exception: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        # Answers such as 409 or 429 that a page handles are logged by the browser as well: not a fault of the page.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.append(message.text)


@contextmanager
def open_page(
    browser: Browser, *, viewport: ViewportSize = DESKTOP, state: Path | None = None, **options: object
) -> Iterator[Page]:
    """A page in a context of its own; raises at the end if the page complained."""
    context: BrowserContext = browser.new_context(
        viewport=viewport,
        storage_state=str(state) if state else None,
        **options,  # type: ignore[arg-type]
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    complaints = Complaints()
    complaints.listen(page)
    try:
        yield page
        assert complaints == []
    finally:
        context.close()


# Finds what a reader can't see whole. Scrolling areas and text that ends in an ellipsis on purpose are fine.
LAYOUT_FAULTS = """() => {
  const faults = [];
  const wide = document.documentElement.scrollWidth - window.innerWidth;
  if (wide > 0) faults.push(`the page is ${wide} px too wide`);
  const UNSEEN = "[hidden], .sr-only, .skip, svg, datalist, dialog:not([open]), details:not([open]) > :not(summary)";
  const gone = (style) => style.visibility === "hidden" || style.display === "none" || style.opacity === "0";
  const clips = (value) => value === "hidden" || value === "clip";
  const scrolls = (value) => value === "auto" || value === "scroll";
  for (const element of document.body.querySelectorAll("*")) {
    const style = getComputedStyle(element);
    if (gone(style) || element.closest(UNSEEN) || style.clipPath !== "none") continue;
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const control = element.matches("button, input, select, textarea, a");
    if (!own && !control) continue;
    const text = (element.textContent.trim() || element.getAttribute("aria-label") || element.name || "").slice(0, 40);
    const name = `${element.tagName.toLowerCase()}.${[...element.classList].join(".")} “${text}”`;
    const shortens = style.textOverflow === "ellipsis" || style.webkitLineClamp !== "none";
    if (own && !shortens && clips(style.overflowX) && element.scrollWidth > element.clientWidth + 1)
      faults.push(`cut off: ${name}`);
    if (own && !shortens && clips(style.overflowY) && element.scrollHeight > element.clientHeight + 3)
      faults.push(`cut off below: ${name}`);
    let inScroll = false;
    let unseen = false;
    let cutter = null;
    let isShort = shortens;
    for (let parent = element.parentElement; parent && parent !== document.body; parent = parent.parentElement) {
      const around = getComputedStyle(parent);
      if (scrolls(around.overflowX)) inScroll = true;
      if (around.clipPath !== "none" || gone(around)) unseen = true;
      const edge = parent.getBoundingClientRect();
      isShort ||= around.textOverflow === "ellipsis" || around.webkitLineClamp !== "none";
      if (!inScroll && !isShort && clips(around.overflowX) && (box.right > edge.right + 2 || box.left < edge.left - 2))
        cutter ??= parent;
    }
    if (unseen) continue;
    if (cutter) faults.push(`cut off by ${cutter.tagName.toLowerCase()}.${[...cutter.classList].join(".")}: ${name}`);
    if (!inScroll && !shortens && (box.right > window.innerWidth + 1 || box.left < -1))
      faults.push(`outside the window: ${name}`);
    // A button that is as wide as its words overlaps its neighbour as soon as they grow.
    if (element.matches(".btn, .chip, .badge") && element.scrollWidth > element.clientWidth + 1 && !inScroll)
      faults.push(`wider than its frame: ${name}`);
  }
  return [...new Set(faults)];
}"""

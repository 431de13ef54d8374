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
  const hidden = (style) => style.visibility === "hidden" || style.display === "none" || style.opacity === "0";
  for (const element of document.body.querySelectorAll("*")) {
    const style = getComputedStyle(element);
    if (hidden(style) || element.closest("[hidden], .visually-hidden, .sr-only, svg, dialog:not([open])")) continue;
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!text) continue;
    const name = `${element.tagName.toLowerCase()}.${[...element.classList].join(".")} “${element.textContent.trim().slice(0, 40)}”`;
    const clips = (value) => value === "hidden" || value === "clip";
    const ellipsis = style.textOverflow === "ellipsis" || style.webkitLineClamp !== "none";
    if (clips(style.overflowX) && !ellipsis && element.scrollWidth > element.clientWidth + 1) faults.push(`cut off: ${name}`);
    let parent = element.parentElement;
    let scrolls = false;
    while (parent && parent !== document.body) {
      const around = getComputedStyle(parent);
      if (/auto|scroll/.test(around.overflowX)) scrolls = true;
      parent = parent.parentElement;
    }
    if (!scrolls && style.position !== "fixed" && (box.right > window.innerWidth + 1 || box.left < -1) && !ellipsis)
      faults.push(`outside the window: ${name}`);
  }
  return faults;
}"""

"""Pages in a real browser: headless Chromium, which may reach nothing, and whose complaints are noted."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Page, Route, sync_playwright

PROGRAM = shutil.which("chromium")


@dataclass
class OpenedPage:
    """A page, and what it did that it should not have.

    Attributes:
        page: of Playwright.
        complaints: errors and warnings of its console, and exceptions.
        requests: addresses that it asked for and was not allowed to reach; the file that was opened is not one.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def opened(address: str, *, reach: Sequence[str] = (), flags: Sequence[str] = ()) -> Iterator[OpenedPage]:
    """Open a page.

    Args:
        address: of it, `file://` or `http://localhost...`.
        reach: beginnings of the addresses that it may ask for, besides its own; all others are refused and noted.
        flags: of Chromium.
    """
    assert PROGRAM is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=PROGRAM, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", *flags]
        )
        context = browser.new_context(viewport={"width": 1400, "height": 950}, accept_downloads=True)
        found = OpenedPage(context.new_page())

        def decide(route: Route) -> None:
            url = route.request.url
            if url == address or url.startswith(("data:", "blob:", *reach)):
                route.continue_()
            else:
                found.requests.append(url)
                route.abort()

        context.route("**/*", decide)
        found.page.on(
            "console", lambda said: found.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.goto(address)
        yield found
        browser.close()

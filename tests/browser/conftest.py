"""A browser that opens pages from disk, and a page whose tables are written by hand.

Whatever page a test opens, it fails where the page asks for anything but itself, or complains.
"""

import os

import pytest

from genbench.reporting.page.rendering import render
from tests.browser.by_hand import BODY
from tests.browser.installed import PROGRAMS, installed_browser

CLIPBOARD = ("clipboard-read", "clipboard-write")


@pytest.fixture(scope="session")
def browser():
    program = installed_browser()
    if program is None:
        reason = f"no browser is installed; looked for {', '.join(PROGRAMS)}"
        (pytest.fail if os.environ.get("GENBENCH_REQUIRE_BROWSER") else pytest.skip)(reason)
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=program)


@pytest.fixture(scope="session")
def tab(browser):
    """A page that tests share one after the other, since a new one takes a second."""
    return browser.new_context(permissions=CLIPBOARD).new_page()


@pytest.fixture
def visit(browser, tab):
    """Opens pages: ``visit(path, "#anchor", width=390)`` is a page of the browser."""
    complaints, requests, contexts, watched = [], [], [], []

    def opened(path, anchor="", width=1280, **options):
        page = tab
        if options:
            contexts.append(browser.new_context(permissions=CLIPBOARD, **options))
            page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.set_viewport_size({"width": width, "height": 800})
        page.goto("about:blank")
        for event, act in (
            ("console", lambda message: complaints.append(message.text)),
            ("pageerror", lambda error: complaints.append(str(error))),
            ("request", lambda request: requests.append(request.url)),
        ):
            page.on(event, act)
            watched.append((page, event, act))
        page.goto(path.as_uri() + anchor)
        return page

    yield opened
    for page, event, act in watched:
        page.remove_listener(event, act)
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


@pytest.fixture(scope="session")
def by_hand(tmp_path_factory):
    """The page whose tables are written by hand."""
    path = tmp_path_factory.mktemp("by_hand") / "index.html"
    path.write_text(render("base.html.j2").replace("<body>", f"<body>{BODY}"))
    return path

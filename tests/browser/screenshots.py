"""Pictures of the first screen of a page, on a desk and on a phone, for the README.

Run as ``python -m tests.browser.screenshots PAGE FOLDER``: it writes ``first_screen_desktop.png``
and ``first_screen_phone.png``, each in 256 colours.
"""

import argparse
import io
from pathlib import Path

from PIL import Image

from tests.browser.installed import installed_browser

SIZES = {"desktop": (1280, 800), "phone": (390, 800)}


def first_screen(browser, page, size):
    """Return the first screen of a page as a PNG file of few colours."""
    tab = browser.new_page(viewport=dict(zip(("width", "height"), size, strict=True)))
    tab.goto(page.resolve().as_uri())
    picture = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
    tab.close()
    file = io.BytesIO()
    few = picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(file, format="PNG", optimize=True)
    return file.getvalue()


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Take pictures of the first screen of a page.")
    parser.add_argument("page", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright  # tests are collected without it

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=installed_browser())
        for name, size in SIZES.items():
            path = asked.folder / f"first_screen_{name}.png"
            path.write_bytes(first_screen(browser, asked.page, size))


if __name__ == "__main__":
    main()

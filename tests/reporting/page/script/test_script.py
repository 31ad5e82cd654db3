"""What the scripts of a page are, and the policy that lets them run."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from genbench.reporting.page.rendering import render
from genbench.reporting.page.script import content_policy, inline_scripts


class Scripts(HTMLParser):
    """The text of each script of a page, as a browser sees it, and the page's policy."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.policy, self.inside = [], "", False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        known = dict(attrs)
        self.inside = tag == "script" and "type" not in known
        assert "src" not in known
        if known.get("http-equiv") == "Content-Security-Policy":
            self.policy = known["content"]

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.texts.append(data)


def digest(script):
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@pytest.mark.parametrize("charts", [False, True])
def test_the_policy_allows_exactly_the_scripts_of_the_page(charts):
    page = Scripts(render("base.html.j2", has_charts=charts))
    allowed = re.findall(r"'sha256-([^']+)'", page.policy)
    assert allowed == [digest(script) for script in page.texts]
    assert len(allowed) == len(inline_scripts(charts)) > 4


def test_the_policy_allows_no_other_script_and_no_address():
    assert content_policy([]) == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'none'"
    )
    rules = content_policy(inline_scripts(charts=True)).partition("script-src ")[2]
    assert all(re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", rule) for rule in rules.split())


def test_the_plotting_library_is_only_in_pages_that_have_charts():
    assert sum(map(len, inline_scripts())) < 25_000
    assert set(inline_scripts()) < set(inline_scripts(charts=True))
    assert sum(map(len, inline_scripts(charts=True))) < 250_000


@pytest.mark.parametrize("words", ["http:", "https:", "sourceMappingURL", "</script", "<!--", "\r"])
def test_scripts_name_no_address_and_cannot_end_early(words):
    assert not [script for script in inline_scripts(charts=True) if words in script]


@pytest.mark.parametrize("author", ["Chart.js Contributors", "Jukka Kurkela", "Tristen Brown"])
def test_a_library_stands_in_the_page_below_its_licence(author):
    (script,) = [script for script in inline_scripts(charts=True) if author in script]
    licence, _, code = script.partition("*/")
    assert "Permission is hereby granted, free of charge" in licence
    assert "WITHOUT WARRANTY OF ANY KIND" in licence
    assert len(code) > 2_000

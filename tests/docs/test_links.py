"""Every relative link of README, CONTRIBUTING and docs leads to a file and a heading."""

import re

from tests.docs.conftest import DOCS, PAGES, REPOSITORY, name_of

LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
INCLUDED = re.compile(r"^```\{(?:literalinclude|include)\} (\S+)$", re.M)


def targets(path):
    text = path.read_text(encoding="utf-8")
    return [t for t in [*LINK.findall(text), *INCLUDED.findall(text)] if "://" not in t]


def slugs(path):
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def is_broken(path, target):
    file, _, heading = target.partition("#")
    page = (path.parent / file).resolve() if file else path
    return not page.exists() or bool(heading and heading not in slugs(page))


def test_every_relative_link_leads_somewhere():
    broken = [(name_of(p), t) for p in PAGES for t in targets(p) if is_broken(p, t)]
    assert broken == []


def test_links_are_found():
    assert sum(len(targets(path)) for path in PAGES) > 60


def test_every_page_stands_in_the_contents_of_its_folder():
    for path in (page for page in PAGES if DOCS in page.parents and page.name != "index.md"):
        contents = (path.parent / "index.md").read_text(encoding="utf-8").splitlines()
        assert path.stem in contents


def test_every_committed_report_says_how_to_build_it_again():
    text = (REPOSITORY / "reports" / "README.md").read_text(encoding="utf-8")
    kept = re.findall(r"^!/reports/(\w+)/$", (REPOSITORY / ".gitignore").read_text(), re.M)
    assert len(kept) >= 3
    for name in kept:
        assert f"| `{name}/` | `{name}`" in text
        assert re.search(rf"`python -m genbench run --suite {name}( --[^`|]+)?` \|", text)

from genbench.reporting.page.impossible_page import Story, write_impossible_page
from genbench.reporting.tables.small_table import SmallTable, heads_of, row_of
from tests.reporting.page.dom import parse

TABLE = SmallTable("gallery", "2 of 2", heads_of("fault", "found"), (row_of("a <b>", "2.2"),))
STORIES = [
    Story("a <b> fault", "What it does.", "https://example.org/issues/1"),
    Story("another", "Nobody asked.", ""),
]


def test_the_page_has_table_stories_and_links_and_requests_nothing(tmp_path):
    path = write_impossible_page("Sums", ["2 bugs"], "Why.", TABLE, STORIES, tmp_path)
    text = path.read_text(encoding="utf-8")
    page = parse(text)
    assert page.one("h1").text.split() == ["Sums", "2", "bugs"]
    assert [item.text for item in page.all("dt")] == ["A <b> fault", "Another"]
    links = [link["href"] for link in page.all("a") if link["href"].startswith("http")]
    assert links == ["https://example.org/issues/1"]
    assert "a &lt;b&gt;" in text
    assert 'src="http' not in text

"""What a reader does with a table: sort, filter, hide columns, look closer, copy."""

import csv
import io

import pytest

from genbench.reporting.tables.latex import tex

NO_CLIPBOARD = """
window.real = navigator.clipboard;
Object.defineProperty(navigator, "clipboard", { value: undefined });
"""


@pytest.fixture
def page(visit, by_hand):
    return visit(by_hand)


def column(page, index=0):
    """The texts of a column, in the rows that are shown."""
    cells = page.locator("tbody tr:visible").locator(f":nth-child({index + 1})")
    return [text for text in cells.all_inner_texts() if text]


def models(page):
    return page.locator("tbody th:visible").all_inner_texts()


def head(page, text):
    return page.get_by_role("columnheader", name=text)


def test_the_order_at_first_is_that_of_the_page(page):
    assert models(page) == ["vae", "gan", "flow|x", "beta_vae", "copier"]
    assert page.locator("[aria-sort]").count() == 0


def test_numbers_are_sorted_by_value_and_absent_ones_stay_last(page):
    head(page, "log-likelihood").click()
    assert models(page) == ["beta_vae", "flow|x", "vae", "gan", "copier"]
    assert head(page, "log-likelihood").get_attribute("aria-sort") == "ascending"
    head(page, "log-likelihood").click()
    assert models(page) == ["vae", "flow|x", "beta_vae", "gan", "copier"]
    assert head(page, "log-likelihood").get_attribute("aria-sort") == "descending"


def test_powers_of_ten_are_numbers(page):
    head(page, "KL").click()
    assert models(page) == ["copier", "flow|x", "beta_vae", "vae", "gan"]


def test_words_are_sorted_as_words(page):
    head(page, "Model").click()
    assert models(page) == ["beta_vae", "copier", "flow|x", "gan", "vae"]


@pytest.mark.parametrize("key", ["Enter", " "])
def test_a_column_is_sorted_by_the_keyboard(page, key):
    head(page, "KL").focus()
    page.keyboard.press(key)
    assert models(page)[0] == "copier"


def test_a_column_without_order_cannot_be_sorted(page):
    head(page, "remark").click()
    assert page.locator("[aria-sort]").count() == 0


def test_the_filter_keeps_the_models_with_one_of_its_words(page):
    box = page.get_by_role("searchbox")
    box.fill("vae")
    assert models(page) == ["vae", "beta_vae"]
    box.fill("GAN, copier")
    assert models(page) == ["gan", "copier"]
    box.fill("")
    assert len(models(page)) == 5


def test_a_column_is_hidden_and_shown_again(page):
    page.get_by_role("button", name="Columns").click()
    box = page.get_by_role("checkbox", name="KL")
    box.uncheck()
    assert not head(page, "KL").is_visible()
    assert page.locator("tbody td:visible").count() == 15
    box.check()
    assert page.locator("tbody td:visible").count() == 20
    page.keyboard.press("Escape")
    assert not box.is_visible()


@pytest.mark.parametrize("touch", [False, True])
def test_a_click_or_a_tap_tells_what_hovering_would(visit, by_hand, touch):
    page = visit(by_hand, **({"has_touch": True} if touch else {}))
    cell = page.get_by_role("cell", name="≥ −9.50")
    cell.tap() if touch else cell.click()
    assert page.get_by_role("tooltip").inner_text() == "K = 200\nMC 0.013"
    page.locator("h1").click()
    assert not page.get_by_role("tooltip").is_visible()


def test_arrow_keys_lead_from_hint_to_hint_and_escape_closes_it(page):
    page.locator("td[tabindex='0']").focus()
    assert page.get_by_role("tooltip").inner_text() == "K = 200\nMC 0.013"
    page.keyboard.press("ArrowDown")
    assert page.get_by_role("tooltip").inner_text() == "the model has no posterior(x)"
    page.keyboard.press("Escape")
    assert not page.get_by_role("tooltip").is_visible()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "–"


def copied(page, name, read="navigator.clipboard"):
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name=name).click()
    page.get_by_text(f"Table as {name} copied").wait_for()
    return page.evaluate(f"{read}.readText()")


def test_a_copy_as_csv_is_read_back(page):
    assert list(csv.reader(io.StringIO(copied(page, "CSV")))) == [
        ["Model", "log-likelihood nats", "KL", 'remark, "free"'],
        ["vae", "≥ -9.50 ± 0.20", "12", "50 % & more"],
        ["gan", "n/a", "–", "50 % & more"],
        ["flow|x", "-10.0 ± 0.1", "1e-5", "50 % & more"],
        ["beta_vae", "≥ -123 ± 4", "7", "50 % & more"],
        ["copier", "n/a", "-0.5", "50 % & more"],
    ]


def test_a_copy_as_markdown_is_a_table(page):
    assert copied(page, "Markdown").splitlines()[:5] == [
        '| Model | log-likelihood nats | KL | remark, "free" |',
        "| --- | ---: | ---: | --- |",
        "| vae | ≥ -9.50 ± 0.20 | 12 | 50 % & more |",
        "| gan | n/a | – | 50 % & more |",
        r"| flow\|x | -10.0 ± 0.1 | 1e-5 | 50 % & more |",
    ]


def test_a_copy_as_latex_is_a_table(page):
    lines = copied(page, "LaTeX").splitlines()
    assert lines[:2] == [r"\begin{tabular}{lrrl}", r"\toprule"]
    assert lines[2].startswith("Model & log-likelihood nats & KL & ")
    number = r"\ensuremath{\geq} \ensuremath{-}9.50 \ensuremath{\pm} 0.20"
    assert lines[4] == rf"vae & {number} & 12 & 50 \% \& more \\"
    assert lines[7].startswith(r"beta\_vae & ")
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]


def test_letters_are_made_safe_for_latex_as_in_the_report(page):
    letters = '\\~^<>|"±↑↓≤≥−–—·\u202f‖†‡≈→∞²³λβ&%$#_{}aé'
    assert page.evaluate("text => tex(text)", letters) == tex(letters)


def test_a_copy_holds_what_is_shown_in_the_order_that_is_shown(page):
    head(page, "KL").click()
    page.get_by_role("searchbox").fill("vae")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="log-likelihood").uncheck()
    page.keyboard.press("Escape")
    rows = list(csv.reader(io.StringIO(copied(page, "CSV"))))
    assert [row[:2] for row in rows] == [["Model", "KL"], ["beta_vae", "7"], ["vae", "12"]]


def test_a_table_is_copied_where_the_browser_gives_no_clipboard(visit, by_hand):
    page = visit(by_hand)
    page.evaluate(NO_CLIPBOARD)
    assert copied(page, "CSV", read="real").startswith('Model,log-likelihood nats,KL,"remark')


def test_a_table_has_an_address(page, by_hand):
    page.get_by_role("link", name="Link to Board").click()
    page.get_by_text("Address copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == f"{by_hand.as_uri()}#table-board"
    assert page.url.endswith("#table-board")

"""What a reader does with a page: fold, follow links, enlarge figures, choose models, print."""

import pytest


@pytest.fixture
def page(visit, by_hand):
    return visit(by_hand)


def unfolded(page):
    return page.eval_on_selector_all("details[open]", "all => all.map(one => one.id)")


def test_sections_fold_and_unfold(page):
    assert not page.locator("#inside").is_visible()
    page.locator("#samples > summary").click()
    assert page.locator("#inside").is_visible()
    page.locator("#samples > summary").click()
    assert not page.locator("#inside").is_visible()


def test_all_sections_are_opened_and_closed_at_once(page):
    page.get_by_role("button", name="Open all").click()
    assert unfolded(page) == ["samples", "deeper", "training"]
    page.get_by_role("button", name="Close all").click()
    assert unfolded(page) == []


def test_paper_shows_everything_and_the_screen_is_as_before(page):
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert unfolded(page) == ["samples", "deeper", "training"]
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert unfolded(page) == ["training"]


@pytest.mark.parametrize("anchor", ["inside", "samples", "figure-vae"])
def test_an_address_unfolds_what_it_leads_into(visit, by_hand, anchor):
    page = visit(by_hand, f"#{anchor}")
    assert "samples" in unfolded(page)
    assert page.locator(f"#{anchor}").is_visible()


def test_a_link_unfolds_its_target_each_time(page):
    page.evaluate("location.hash = '#inside'")
    page.wait_for_function("document.querySelector('#samples').open")
    page.locator("#samples > summary").click()
    page.evaluate("document.body.append(Object.assign(document.createElement('a'), "
                  "{ href: '#inside', textContent: 'go inside' }))")  # fmt: skip
    page.get_by_role("link", name="go inside").click()
    assert page.locator("#inside").is_visible()


@pytest.mark.parametrize("key", ["", "Enter", " "])
def test_a_figure_is_enlarged_and_escape_brings_the_focus_back(visit, by_hand, key):
    page = visit(by_hand, "#figure-vae")
    image = page.get_by_role("button", name="a pixel")
    if key:
        image.focus()
        page.keyboard.press(key)
    else:
        image.click()
    box = page.locator("dialog img").bounding_box()
    assert box["width"] > 1000
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    assert page.evaluate("document.activeElement.alt") == "a pixel"


def test_a_figure_has_an_address(visit, by_hand):
    page = visit(by_hand, "#samples")
    page.get_by_role("button", name="Open all").click()
    page.get_by_role("link", name="Link to this figure").click(force=True)
    page.get_by_text("Address copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == f"{by_hand.as_uri()}#figure-vae"


def test_a_model_is_hidden_in_all_tables_and_figures(page):
    page.get_by_role("button", name="Open all").click()
    page.get_by_role("button", name="Models").click()
    page.get_by_role("checkbox", name="vae", exact=True).uncheck()
    assert page.locator("[data-model=vae]:visible").count() == 0
    assert page.locator("tbody tr:visible").count() == 4
    page.get_by_role("button", name="All", exact=True).click()
    assert page.locator("[data-model=vae]:visible").count() == 2


def test_without_scripts_all_can_be_read_and_nothing_useless_is_shown(visit, by_hand):
    page = visit(by_hand, java_script_enabled=False)
    assert page.locator("tbody tr:visible").count() == 5
    page.locator("#samples > summary").click()
    assert page.locator("#inside").is_visible()
    assert page.locator("button, input, [role=button]").count() == 0

"""The README is short, and holds the two lines that set everything up."""

from tests.docs.conftest import REPOSITORY

README = REPOSITORY / "README.md"


def test_the_readme_has_at_most_eight_kilobytes():
    assert len(README.read_bytes()) <= 8192


def test_the_two_set_up_lines_stand_in_the_readme():
    text = README.read_text(encoding="utf-8")
    assert text.count("python -m pip install -e . && python -m genbench run ") == 1
    test = "python -m pip install -c constraints.txt -e '.[test]' && python -m pytest "
    assert text.count(test) == 1


def test_five_recipes_have_at_most_five_lines_each():
    recipes = README.read_text(encoding="utf-8").split("\n## Five recipes\n")[1].split("\n## ")[0]
    blocks = recipes.split("```")[1::2]
    assert len(blocks) == 5
    assert all(len(block.strip().splitlines()) - 1 <= 5 for block in blocks)

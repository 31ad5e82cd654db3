from tests.certify.honest import main


def test_honest_recipes_raise_no_alarm(capsys):
    """A part of what ``python -m tests.certify.honest`` counts."""
    assert main(["--runs", "1", "--seed", "7"]) == []
    assert "1 runs of 1 recipes" in capsys.readouterr().out

"""What a command does not take is answered with what it takes."""

import pytest

from genbench import cli


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("run", "--seed", "3"), "genbench run: unknown option '--seed'; did you mean '--seeds'?"),
        (("run", "--sui"), "genbench run: unknown option '--sui'; did you mean '--suite'?"),
        (("run", "--epochs=3"), "keys of a suite are set by --set, as --set train.epochs=1"),
        (("certify", "--model", "vae"), "genbench certify: unknown option '--model'; did you mean"),
        (("data", "fetch", "--forced"), "genbench data fetch: unknown option '--forced'; did you"),
        (("run", "--epoch", "3"), "unknown option '--epoch'; known: --cpus-per-run,"),
        (("run", "digits"), "unexpected argument 'digits'; a suite is named by --suite NAME; see"),
        (("selftest", "vae"), "unexpected argument 'vae'; see `genbench selftest --help`"),
        (("--verison", "run"), "genbench: unknown option '--verison'; did you mean '--version'?"),
        (("report", "--\x1b[2J"), "genbench report: unknown option '--"),
    ],
)
def test_an_unknown_option_is_one_line_with_the_nearest(argv, told, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(list(argv))
    found = capsys.readouterr()
    assert ended.value.code == 2
    assert found.out == ""
    assert told in found.err
    assert found.err.count("\n") == 1
    assert "\x1b" not in found.err


def test_a_command_without_suite_keys_offers_no_set(capsys):
    with pytest.raises(SystemExit):
        cli.main(["report", "--epochs", "3"])
    assert "--set" not in capsys.readouterr().err

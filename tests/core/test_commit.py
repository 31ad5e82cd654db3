"""Which commit of genbench runs."""

import subprocess

from genbench.core.commit import commit


def git(folder, *words):
    who = ("-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", folder, *who, *words], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_the_commit_says_whether_files_were_changed(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "one")
    known = git(tmp_path, "rev-parse", "--short=12", "HEAD")
    assert commit(tmp_path) == known
    commit.cache_clear()
    (tmp_path / "a").write_text("2")
    assert commit(tmp_path) == f"{known}-dirty"


def test_outside_a_repository_of_its_own_no_commit_is_known(tmp_path, monkeypatch):
    git(tmp_path, "init", "-q")
    (tmp_path / "site-packages").mkdir()
    assert commit(tmp_path / "site-packages") == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit(tmp_path) == ""

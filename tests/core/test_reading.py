"""Files that anybody may have written are read in bounds, or refused with one sentence."""

import json
import os

import pytest

from genbench.core.errors import StorageError
from genbench.core.reading import contained, has, is_part, read_bytes, read_json, read_utf8, visible
from tests.results.damages import CONTENTS, GB

REFUSED = {**CONTENTS}
for valid_json in ("a list", "a text"):
    REFUSED.pop(valid_json)


@pytest.mark.parametrize("what", REFUSED)
def test_json_that_genbench_never_writes_is_damaged(tmp_path, what):
    path, content = tmp_path / "x.json", CONTENTS[what]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(StorageError, match=r"x\.json is damaged: not valid JSON") as caught:
        read_json(path)
    assert len(str(caught.value)) < 500


def test_a_missing_file_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="cannot read"):
        read_json(tmp_path / "x.json")


def test_the_size_of_a_file_is_looked_at_before_it_is_read(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{}")
    os.truncate(path, 20 * GB)
    with pytest.raises(StorageError, match=r"20000000000 bytes, at most 16777216 expected"):
        read_json(path)


def test_neither_a_link_nor_a_pipe_nor_a_folder_is_read(tmp_path):
    (tmp_path / "real").write_text("1")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, what in (("link", "link"), ("folder", "folder"), ("pipe", "no plain file")):
        with pytest.raises(StorageError, match=what):
            read_bytes(tmp_path / name, 10)
    assert read_bytes(tmp_path / "real", 10) == b"1"
    assert has(tmp_path / "real", b"1")
    assert not any(has(tmp_path / name, b"1") for name in ("link", "folder", "pipe", "none"))


HIDDEN = ("\x1b[2J", "\u202e", "\x08\x0c", "a\rb", "\u2028", "\x7f", "\ufeff")


@pytest.mark.parametrize("text", HIDDEN)
def test_what_cannot_be_seen_is_spelled_out_wherever_it_stands(tmp_path, text):
    path = tmp_path / "x"
    for plain in (True, False):
        path.write_text(json.dumps([text, {text: 1}], ensure_ascii=plain))
        assert read_json(path) == [visible(text), {visible(text): 1}]
    path.write_bytes(f"{text}\n".encode())
    assert read_utf8(path, 100) == f"{visible(text)}\n"
    assert visible(text).isprintable()


def test_what_can_be_seen_stays(tmp_path):
    text = 'tab\tline\n"quoted" \\u001b \\ é ≥ 漢'
    (tmp_path / "x").write_text(json.dumps(text))
    assert read_json(tmp_path / "x") == visible(text) == text


def test_numbers_are_read_to_the_last_digit(tmp_path):
    numbers = [0.1 + 0.2, -1e-300, 2**63, -(2**63), 1e308]
    (tmp_path / "x").write_text(json.dumps(numbers))
    assert read_json(tmp_path / "x") == numbers


def test_no_name_leads_out_of_a_folder(tmp_path):
    for name in ("../x", "/etc/passwd", "a/../../x", "a\x00b", "x" * 300):
        with pytest.raises(StorageError, match="no name of a file"):
            contained(tmp_path, name)
    assert contained(tmp_path, "a/b") == tmp_path / "a" / "b"
    assert not any(map(is_part, ("", ".", "..", "a/b", "\\", "\0")))


def test_no_link_leads_out_of_a_folder(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link").symlink_to("/etc")
    with pytest.raises(StorageError, match="inside/link is a symbolic link"):
        contained(tmp_path, "inside/link/passwd")
    assert contained(tmp_path / "inside", "x") == tmp_path / "inside" / "x"

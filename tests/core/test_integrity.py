"""What was changed since it was written is named; what has no hash is read as it is."""

import json

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.integrity import changed, hashes, known_hashes, refuse_changed
from hf_selfdemo.core.manifest import read_json, write_checked_json, write_json


def test_a_manifest_that_was_changed_is_named(tmp_path):
    path = tmp_path / "manifest.json"
    write_checked_json(path, {"rows": 4, "loss": 0.25, "share": float("nan"), "by": {1: ("a", None)}})
    assert read_json(path)["by"] == {"1": ["a", None]} and "checksum" not in read_json(path)
    text = path.read_text()
    for one, other in (('"rows": 4', '"rows": 5'), ("0.25", "0.35"), ('"loss"', '"lose"')):
        path.write_text(text.replace(one, other))
        with pytest.raises(UserError, match=r"manifest\.json was changed since it was written: restore it from a copy"):
            read_json(path)
    path.write_text(json.dumps(json.loads(text), indent=4))
    assert read_json(path)["rows"] == 4, "other spacing is no change"
    write_json(path, {"rows": 4})
    assert read_json(path) == {"rows": 4}, "as earlier versions wrote it"


def test_a_file_that_was_changed_or_is_gone_is_named(tmp_path):
    for name in ("a.txt", "b/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    known = hashes(tmp_path, [tmp_path / "b/c.txt", tmp_path / "a.txt"])
    assert list(known) == ["a.txt", "b/c.txt"] and list(changed(tmp_path, known)) == []
    (tmp_path / "a.txt").unlink()
    (tmp_path / "b/c.txt").write_text("b/d.txt")
    assert list(changed(tmp_path, known)) == ["a.txt", "b/c.txt"]
    with pytest.raises(UserError, match=r"a\.txt was changed since it was written: restore the copy"):
        refuse_changed(tmp_path, known, "restore the copy")
    assert known_hashes(tmp_path) == {}
    write_checked_json(tmp_path / "manifest.json", {"files": known})
    assert known_hashes(tmp_path) == known

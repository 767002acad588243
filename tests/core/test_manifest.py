"""A folder belongs to one run, its files are whole or absent, and equal things have equal hashes."""

import json
import os
import stat
from pathlib import Path

import pytest

from hf_selfdemo.core import manifest
from hf_selfdemo.core.claim import claim_folder
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import file_hash, fingerprint, put_in_place, staged, versions, write_json

SETTINGS = {"seed": 0, "model": "m", "sources": ["a", "b"], "limit": None}


def test_json_is_written_whole_sorted_and_readable_by_others(tmp_path):
    path = tmp_path / "deep" / "x.json"
    write_json(path, {"b": "ö", "a": 1})
    assert path.read_text(encoding="utf-8") == '{\n "a": 1,\n "b": "ö"\n}\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [p.name for p in path.parent.iterdir()] == ["x.json"]


def test_what_cannot_be_written_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": 2, "b": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["x.json"]


def test_two_writers_of_one_file_have_places_of_their_own(tmp_path):
    path = tmp_path / "train.parquet"
    with staged(path) as one, staged(path) as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one" and os.listdir(tmp_path) == ["train.parquet"]


def test_a_link_where_a_file_is_put_together_leads_nowhere(tmp_path):
    """Of a name that could be foreseen, the link's target would be written over."""
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "x.json.part").symlink_to(tmp_path / "thesis.txt")
    write_json(tmp_path / "x.json", {})
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.fixture
def disk(monkeypatch):
    """What reaches the disk and what is renamed, in order."""
    found, replace = [], os.replace

    def fsync(handle):
        found.append("on disk: " + Path(os.readlink(f"/proc/self/fd/{handle}")).name.partition(".part")[0])

    def rename(source, target):
        found.append(f"renamed: {Path(target).name}")
        replace(source, target)

    monkeypatch.setattr(manifest.os, "fsync", fsync)
    monkeypatch.setattr(manifest.os, "replace", rename)
    return found


def test_a_file_is_on_the_disk_before_it_has_its_name_and_its_name_after(disk, tmp_path):
    write_json(tmp_path / "x.json", {})
    first, *rest = disk
    assert first.startswith("on disk: x.json.") and rest == ["renamed: x.json", f"on disk: {tmp_path.name}"]


def test_a_folder_is_on_the_disk_with_all_its_files_before_it_has_its_name(disk, tmp_path):
    (tmp_path / "staging" / "inner").mkdir(parents=True)
    (tmp_path / "staging" / "inner" / "passages.jsonl").write_text("{}")
    put_in_place(tmp_path / "staging", tmp_path / "index")
    before = {f"on disk: {name}" for name in ("inner", "passages.jsonl", "staging")}
    assert set(disk[:3]) == before and disk[3:] == ["renamed: index", f"on disk: {tmp_path.name}"]


def test_a_folder_is_claimed_once_and_known_again(tmp_path):
    assert claim_folder(tmp_path / "run", SETTINGS) is False
    assert claim_folder(tmp_path / "run", dict(reversed(SETTINGS.items()))) is True
    (tmp_path / "run" / "candidates.jsonl").write_text("")
    assert claim_folder(tmp_path / "run", SETTINGS) is True


def test_an_empty_folder_may_be_claimed(tmp_path):
    assert claim_folder(tmp_path, SETTINGS) is False


def test_settings_that_are_no_json_are_compared_by_what_they_say(tmp_path):
    settings = SETTINGS | {"folder": Path("somewhere"), "pair": (1, 2)}
    assert claim_folder(tmp_path / "run", settings) is False
    assert claim_folder(tmp_path / "run", settings) is True
    (tmp_path / "run" / "candidates.jsonl").write_text("")
    assert_refused(["elsewhere"], tmp_path / "run", settings | {"folder": Path("elsewhere")})


def started_run(folder):
    claim_folder(folder, SETTINGS)
    (folder / "candidates.jsonl").write_text("")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 1}, ["seed (there 0, now 1)"]),
        ({"sources": ["b", "a"]}, ["sources (there ['a', 'b'], now ['b', 'a'])"]),
        ({"new": "x"}, ["new (there None, now 'x')"]),
        ({"seed": 1, "model": "n"}, ["model (there 'm', now 'n')", "seed (there 0, now 1)"]),
    ],
)
def test_another_run_is_refused_with_the_keys_that_differ(tmp_path, change, words):
    started_run(tmp_path / "run")
    before = (tmp_path / "run" / "run.json").read_bytes()
    assert_refused([*words, "another output_dir"], tmp_path / "run", SETTINGS | change)
    assert (tmp_path / "run" / "run.json").read_bytes() == before


def test_a_hash_is_told_of_by_what_it_stands_for(tmp_path):
    started_run(tmp_path / "run")
    wanted = SETTINGS | {"model": fingerprint("n"), "seed": 1}
    with pytest.raises(UserError) as caught:
        claim_folder(tmp_path / "run", wanted, "take another name", {"model": "base model"})
    assert str(caught.value).endswith("another run: other base model, seed (there 0, now 1): take another name")


def test_a_setting_that_is_gone_is_a_difference(tmp_path):
    started_run(tmp_path / "run")
    assert_refused(["seed (there 0, now None)"], tmp_path / "run", {k: v for k, v in SETTINGS.items() if k != "seed"})


def test_a_run_that_stopped_before_it_wrote_anything_gives_way(tmp_path):
    claim_folder(tmp_path / "run", SETTINGS)
    assert claim_folder(tmp_path / "run", SETTINGS | {"seed": 1}) is True
    assert json.loads((tmp_path / "run" / "run.json").read_text())["seed"] == 1


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    assert_refused([str(tmp_path), "another output_dir"], tmp_path, SETTINGS)
    assert os.listdir(tmp_path) == ["thesis.txt"]


@pytest.mark.parametrize("content", ["", '{"seed":', "[1]"])
def test_a_broken_run_file_is_refused(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    assert_refused(["run.json", "another output_dir"], tmp_path, SETTINGS)


def test_a_file_where_the_folder_should_be_is_refused(tmp_path):
    (tmp_path / "run").write_text("mine")
    assert_refused(["run", "another output_dir"], tmp_path / "run", SETTINGS)


def assert_refused(words, folder, settings):
    with pytest.raises(UserError) as caught:
        claim_folder(folder, settings)
    message = str(caught.value)
    assert "\n" not in message
    assert [word for word in words if word not in message] == [], message


def test_a_fingerprint_follows_content_not_order():
    base = fingerprint({"a": 1, "b": [1, 2], "c": Path("x")})
    assert base == fingerprint({"c": Path("x"), "b": [1, 2], "a": 1})
    others = [{"a": 1, "b": [2, 1], "c": Path("x")}, {"a": "1", "b": [1, 2], "c": Path("x")}, {}, None]
    assert len({base, *map(fingerprint, others)}) == 5


def test_a_file_hash_is_sha256(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")
    assert file_hash(tmp_path / "f") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "f").write_bytes(b"abc" * 1_000_000)
    long = file_hash(tmp_path / "f")
    (tmp_path / "f").write_bytes(b"abc" * 999_999 + b"abd")
    assert file_hash(tmp_path / "f") != long


def test_versions_name_packages_and_nothing_of_the_environment(monkeypatch):
    monkeypatch.setenv("A_SECRET", "hush")
    found = versions()
    assert {"python", "torch", "transformers"} <= found.keys()
    assert "hush" not in repr(found)
    assert all(found.values())

"""Training never goes on from a checkpoint whose files are not those that were written."""

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.training.checkpoints import check_settings, mark_complete


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "checkpoint-4"
    (folder / "inner").mkdir(parents=True)
    for name in ("adapter_model.safetensors", "optimizer.pt", "trainer_state.json", "inner/rng_state.pth"):
        (folder / name).write_bytes(b"whole" * 100)
    mark_complete(folder, {"seed": 1}, {"num_tokens": 7})
    return folder


def test_a_whole_checkpoint_is_gone_on_from(checkpoint):
    assert check_settings(checkpoint, {"seed": 1}, {}) == {"num_tokens": 7}


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "optimizer.pt", "inner/rng_state.pth"])
def test_a_file_that_is_torn_flipped_or_gone_is_named(checkpoint, name):
    path = checkpoint / name
    whole = path.read_bytes()
    for damaged in (whole[:-1], bytes([whole[0] ^ 1]) + whole[1:], None):
        path.unlink()
        if damaged is not None:
            path.write_bytes(damaged)
        with pytest.raises(UserError, match=rf"checkpoint-4/{name} was changed since it was written: delete"):
            check_settings(checkpoint, {"seed": 1}, {})
        path.write_bytes(whole)


def test_a_checkpoint_without_hashes_is_still_gone_on_from(checkpoint):
    note = checkpoint / "selfdemo.json"
    note.write_text('{"settings": {"seed": 1}, "counted": {"num_tokens": 7}}')
    assert check_settings(checkpoint, {"seed": 1}, {}) == {"num_tokens": 7}


def test_a_damaged_note_is_named(checkpoint):
    (checkpoint / "selfdemo.json").write_text('{"settings": {"see')
    with pytest.raises(UserError, match=r"checkpoint-4/selfdemo\.json is not (a )?JSON"):
        check_settings(checkpoint, {"seed": 1}, {})

"""A GGUF file is a model: converted once, under a name that follows its content, and refused in one line."""

import json
import shutil
import threading
from collections import namedtuple

import pytest
import torch
from made_up_gguf import write_gguf
from transformers import AutoModelForCausalLM

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import STAGING
from hf_selfdemo.generation.gguf import converted
from hf_selfdemo.generation.models import load_model, load_tokenizer, resolve_model
from hf_selfdemo.hub.card import is_hub_id
from hf_selfdemo.verbs.cli import main


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of this test's own."""
    monkeypatch.setenv("HF_SELFDEMO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def write(model, tokenizer, tmp_path):
    """Writes a GGUF of the tiny model."""

    def written(name="tiny.gguf", **what):
        return write_gguf(tmp_path / name, model, tokenizer, **what)

    return written


@pytest.fixture
def conversions(monkeypatch):
    """Counts the models that transformers is asked to make dense."""
    made, load = [], AutoModelForCausalLM.from_pretrained

    def counted(path, **keys):
        made.append(keys.get("gguf_file"))
        return load(path, **keys)

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", counted)
    return made


def test_a_gguf_file_is_the_model_that_was_written_into_it(write, model, tokenizer):
    found = resolve_model(str(write()))
    ids = torch.arange(40)[None]
    loaded = load_model(found)
    torch.testing.assert_close(loaded(ids).logits, model(ids).logits)
    text = "Who built it, <|im_start|> and when?"
    assert load_tokenizer(found)(text).input_ids == tokenizer(text).input_ids
    assert load_tokenizer(found).chat_template == tokenizer.chat_template
    assert loaded.name_or_path == found.name == str(loaded.config.name_or_path)


@pytest.mark.parametrize(("kind", "kept"), [("F32", "float32"), ("F16", "float16"), ("Q8_0", "bfloat16")])
def test_a_file_keeps_its_precision_and_a_quantised_one_has_bfloat16(write, kind, kept):
    folder = converted(write(kind=kind))
    assert json.loads((folder / "config.json").read_text())["dtype"] == kept


def test_it_is_converted_once_wherever_it_lies(write, conversions, tmp_path):
    first = resolve_model(str(write()))
    again = resolve_model(shutil.copy(tmp_path / "tiny.gguf", tmp_path / "copy.gguf"))
    assert (first.path, first.fingerprint) == (again.path, again.fingerprint) and first.name != again.name
    assert conversions == ["tiny.gguf"]
    other = resolve_model(str(write("other.gguf", kind="F16")))
    assert other.fingerprint != first.fingerprint and len(conversions) == 2


def test_two_that_begin_at_once_convert_once(write, conversions):
    path, found = write(), []
    starts = [threading.Thread(target=lambda: found.append(converted(path))) for _ in range(2)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert len(set(found)) == len(conversions) == 1


def test_a_conversion_that_is_stopped_leaves_nothing_and_the_next_one_sweeps(write, cache, monkeypatch):
    def stopped(self, *_):
        raise KeyboardInterrupt

    path = write()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("transformers.PreTrainedModel.save_pretrained", stopped)
        converted(path)
    assert [found for found in cache.iterdir() if "gguf" in found.name] == []
    folder = converted(path)
    shutil.rmtree(folder)
    killed = cache / f".{folder.name}.abc{STAGING}"
    killed.mkdir()
    assert converted(path) == folder and not killed.exists()


def test_without_room_on_the_disk_nothing_is_begun(write, conversions, monkeypatch):
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 10**6)
    monkeypatch.setattr("hf_selfdemo.generation.gguf.shutil.disk_usage", lambda _: usage)
    with pytest.raises(UserError, match=r"needs 0\.1 GB in .* 0\.0 GB are free: .* HF_SELFDEMO_CACHE"):
        converted(write())
    assert conversions == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ({"vocabulary": False}, "contains no tokenizer: give the file of a language model"),
        ({"architecture": "clip"}, "this version of transformers cannot convert the architecture 'clip' of "),
        (
            {"leave_out": ["layers.1.mlp.up"]},
            r"contains no weights for model\.layers\.1\.mlp\.up_proj\.weight: download",
        ),
        ({"name": "m-00001-of-00003.gguf"}, "is part 1 of 3 of a split GGUF file, .*`llama-gguf-split --merge"),
        ({"name": "renamed.gguf", "split": 2}, "is part 1 of 2 of a split GGUF file, .*`llama-gguf-split --merge"),
    ],
)
def test_what_cannot_be_a_model_is_one_line(write, cache, what, line):
    path = write(**what)
    with pytest.raises(UserError, match=line) as refused:
        resolve_model(str(path))
    assert str(path) in str(refused.value)
    assert [found for found in cache.iterdir() if "gguf" in found.name] == []


def test_a_single_part_of_one_is_a_whole_file(write):
    assert resolve_model(str(write("m-00001-of-00001.gguf", split=1))).fingerprint


def test_without_a_chat_template_one_can_be_given(write):
    found = resolve_model(str(write(template=False)))
    with pytest.raises(UserError, match="has no chat template: use its instruct version, or set chat_template_path"):
        load_tokenizer(found)
    assert load_tokenizer(found, chat_template="{{ messages[0]['content'] }}").chat_template


@pytest.mark.parametrize("kept", [0.9, 0.1, 0.001])
def test_a_file_that_was_cut_short_is_told(write, kept):
    path = write()
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(UserError, match=r"tiny\.gguf is damaged or incomplete .*: download the whole file again"):
        resolve_model(str(path))


def test_other_files_and_misspelt_names_are_told(write, tmp_path, monkeypatch):
    path = write()
    with pytest.raises(UserError, match=r"tinny\.gguf' is neither a model folder nor a GGUF file: .*tiny\.gguf'"):
        resolve_model(str(tmp_path / "tinny.gguf"))
    with pytest.raises(
        UserError, match=f"contains GGUF files but no config.json: give one of the files, such as {path}"
    ):
        resolve_model(str(tmp_path))
    (tmp_path / "words.gguf").write_text("not a model")
    with pytest.raises(UserError, match=r"words\.gguf is not a GGUF file"):
        resolve_model(str(tmp_path / "words.gguf"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"did you mean 'tiny\.gguf'"):
        resolve_model("tiny.guff.gguf")
    assert resolve_model("tiny.gguf").name == "tiny.gguf"
    shutil.copy(path, "no_ending")
    assert resolve_model("./no_ending").fingerprint == resolve_model("tiny.gguf").fingerprint


def test_a_plan_makes_no_weights(write, conversions, cache, tmp_path):
    keys = [f"--model_name_or_path={write()}", f"--output_dir={tmp_path / 'run'}", "--plan_questions=0"]
    assert main(["plan", *keys, "--max_train_questions=2", "--max_train_unanswerable=0"]) == 0
    plan = json.loads((tmp_path / "run/plan.json").read_text())
    assert plan["lengths"]["source"] == "the tokenizer" and plan["model"]["parameters"] > 100_000
    assert conversions == [] and not list(cache.rglob("*.safetensors"))


def test_a_run_takes_it_and_no_card_tells_where_it_lay(write, tmp_path, capsys):
    path, run = write(), tmp_path / "run"
    keys = [f"--model_name_or_path={path}", f"--output_dir={run}", "--method=ra_it", "--max_train_questions=4"]
    keys += ["--max_train_unanswerable=0", "--max_test_questions=2", "--max_test_unanswerable=0", "--use_cpu"]
    keys += ["--passages_per_question=2", "--num_train_epochs=1", "--max_answer_tokens=3", "--lora_r=2"]
    assert main(["run", *keys, "--on_policy_rows=0", "--meter_rows=0"]) == 0
    card = (run / "model/README.md").read_text()
    assert "`tiny.gguf`" in card and "base_model" not in card and str(tmp_path) not in card
    assert main(["preflight", *keys]) == 0
    capsys.readouterr()
    push = ["push", *keys, "--dry_run", "--hub_namespace=me", "--artefacts", "model"]
    assert main(push) == 2
    assert "is not a Hub id" in capsys.readouterr().err
    assert main([*push, "--hub_base_model=org/theirs", "--model_license=mit"]) == 0
    cards = [path.read_text() for path in run.glob("hub/preview/*.md")]
    assert cards and str(tmp_path / "tiny") not in "".join([*capsys.readouterr(), *cards])
    assert not is_hub_id("models/tiny.gguf"), "also where the file is not there any more"

"""However many models are evaluated, memory holds one at a time, and the base beside it only where it judges."""

import gc
import shutil
import weakref

import pytest
import torch

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Request
from hf_selfdemo.generation.tuned import merged
from hf_selfdemo.recipe import recipe as module
from hf_selfdemo.recipe.engine import LateEngine
from hf_selfdemo.verbs.cli import main, parse
from hf_selfdemo.verbs.networks import Networks


@pytest.fixture
def alive(monkeypatch):
    """How many networks are there whenever another one was loaded."""
    loaded, counts, load = [], [], module.load_model

    def noted(*args):
        network = load(*args)
        loaded.append(weakref.ref(network))
        gc.collect()
        counts.append(sum(one() is not None for one in loaded))
        return network

    monkeypatch.setattr(module, "load_model", noted)
    return counts


@pytest.fixture
def adapters(gold, tmp_path):
    """Three adapters under names of their own."""
    assert main(["demonstrate", *gold]) == main(["train", *gold]) == 0
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        shutil.copytree(tmp_path / "run/model", folder)
    return folders


@pytest.mark.parametrize(("judge", "most"), [("answer_match", 1), ("llm_label", 2)])
def test_adapters_do_not_add_up(gold, adapters, alive, judge, most):
    named = [f"{folder.name}={folder}" for folder in adapters]
    keys = [*gold, f"--evaluate_judge={judge}", "--choice_questions=embedded", "--max_choice_questions=2"]
    assert main(["evaluate", *keys, "--adapters", *named]) == 0
    assert len(alive) >= 4 and max(alive) == most


def test_each_is_asked_as_if_it_were_alone(gold, adapters):
    recipe, ids = parse(gold), torch.arange(30)[None]
    networks = Networks(recipe, recipe.resolve())
    base, identity = networks.network(None)(ids).logits, networks.engine(None).identity
    tuned, its = networks.network(adapters[0])(ids).logits, networks.engine(adapters[0]).identity
    alone = merged(recipe.load(recipe.resolve())[0], adapters[0])(ids).logits
    assert torch.equal(tuned, alone) and not torch.equal(tuned, base)
    assert torch.equal(networks.network(None)(ids).logits, base), "what was merged is not left in the base"
    assert networks.engine(adapters[1]).identity == its != identity == networks.engine(None).identity


ASK = [Request("1", ({"role": "user", "content": "hello"},), "rag", max_new_tokens=2)]


def test_a_model_that_was_asked_elsewhere_is_loaded_when_it_is_asked_here(gold, alive):
    recipe = parse(gold)
    networks = Networks(recipe, recipe.resolve())
    networks.known({None: "theirs"})
    late = LateEngine(recipe, recipe.resolve(), "theirs")
    assert networks.engine(None).identity == late.generator.identity == "theirs" and not alive
    for stream in (networks.engine(None).stream, late.generator.stream):
        with pytest.raises(UserError, match=r"two machines loaded different models, theirs and transformers/.* dtype"):
            list(stream(ASK))
    assert len(alive) == 2


def test_the_same_model_here_makes_what_is_missing(gold):
    recipe = parse(gold)
    networks = Networks(recipe, recipe.resolve())
    identity = networks.engine(None).identity
    late = LateEngine(recipe, recipe.resolve(), identity)
    networks.known({None: identity})
    [(_, one)], [(_, other)] = networks.engine(None).stream(ASK), late.generator.stream(ASK)
    assert one.text == other.text and late.generator.usage.calls == 1
    assert late.network is late.engine.network is not None and late.tokenizer is not None

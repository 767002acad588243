"""What happens in a pause leaves no trace in training; shared out to ranks it gives what one process would get."""

import random

import numpy
import pytest
import torch
from ranks import together

from hf_selfdemo.training.paused import PausedModel, paused, random_state_kept


def draws():
    return random.random(), float(numpy.random.rand()), float(torch.rand(()))


def test_modules_are_back_in_their_own_modes(model):
    model.train()
    model.model.layers[0].eval()
    before = [module.training for module in model.modules()]
    with paused(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == before
    assert len(set(before)) == 2


@pytest.mark.parametrize("fails", [False, True])
def test_random_streams_go_on_as_if_nothing_had_been(model, fails):
    random.seed(1), numpy.random.seed(1), torch.manual_seed(1)
    expected = draws()
    random.seed(1), numpy.random.seed(1), torch.manual_seed(1)
    model.train()
    try:
        with paused(model):
            assert draws() == expected
            draws()
            if fails:
                raise RuntimeError
    except RuntimeError:
        pass
    assert draws() == expected
    assert model.training


def test_a_data_loader_takes_random_numbers_and_they_are_given_back(model):
    """Why evaluation as a whole belongs under `random_state_kept`: only to begin a loader draws from torch's stream."""
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    with random_state_kept(model):
        list(torch.utils.data.DataLoader([1, 2]))
        assert not torch.equal(torch.rand(3), expected)
    assert torch.equal(torch.rand(3), expected)


def test_passes_have_no_gradient_and_can_be_trained_upon(model):
    """Inference tensors could not: whatever a model keeps of a pass must be fit for training."""
    asked = PausedModel(model)
    with torch.inference_mode():
        logits = asked(input_ids=torch.tensor([[1, 2, 3]])).logits
    assert not logits.requires_grad and not logits.is_inference()
    (logits * model.lm_head.weight.sum()).sum().backward()


def test_work_keeps_the_order_of_its_items(model):
    assert PausedModel(model).share(lambda items: [item * 10 for item in items], (3, 1, 2)) == [30, 10, 20]


def on_rank(model_folder, rows):
    """One of two processes: what each rank finds with the model whole, and with its weights spread."""
    from accelerate import Accelerator
    from torch.distributed.fsdp import fully_shard
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from hf_selfdemo.training import paused as module

    accelerator = Accelerator(cpu=True)
    tokenizer, model = AutoTokenizer.from_pretrained(model_folder), AutoModelForCausalLM.from_pretrained(model_folder)
    whole = answers(torch.nn.parallel.DistributedDataParallel(model), tokenizer, rows, accelerator)
    for layer in model.model.layers:
        fully_shard(layer)
    module.weights_are_spread = lambda _: True  # accelerate has FSDP on GPUs alone
    return whole, answers(fully_shard(model), tokenizer, rows, accelerator)


def answers(model, tokenizer, rows, accelerator=None):
    """Figures, texts and nats: of all rows, whoever asked them."""
    from datasets import Dataset

    from hf_selfdemo.data.rows import FEATURES
    from hf_selfdemo.training.generated import GeneratedEvaluation
    from hf_selfdemo.training.meter import OnPolicyMeter

    evaluation = GeneratedEvaluation(tokenizer, max_new_tokens=4, batch_size=1)
    figures = evaluation(model, rows, accelerator)
    del figures["generation_runtime"]
    texts = [prediction.text for part in evaluation.predictions.values() for prediction in part]
    meter = OnPolicyMeter(Dataset.from_list(rows, features=FEATURES), tokenizer)
    return figures, texts, meter.measure(model, accelerator)


def test_ranks_with_unequal_shares_all_find_what_one_process_finds(model, tokenizer, model_folder, dev_rows, tmp_path):
    """Three rows, one at a time, for two ranks: a spread model whose ranks did not keep step would wait for ever."""
    rows = [row | {"response": "Winkler.", "outcome": "answer"} for row in dev_rows[:3]]
    figures, texts, nats = answers(model, tokenizer, rows)
    assert len(texts) == 6 and nats
    for rank in together(2, on_rank, model_folder, rows, folder=tmp_path / "ranks"):
        for found in rank:  # whole, spread
            assert found[:2] == (figures, texts)
            assert found[2] == pytest.approx(nats, rel=1e-5)

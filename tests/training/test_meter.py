"""The meter's figures are plain likelihoods of what rows hold, of the same rows before and after training."""

import pytest
import torch
from asked_rows import worse
from datasets import Dataset
from peft import LoraConfig, get_peft_model

from hf_selfdemo.data.rows import FEATURES, evidence_row
from hf_selfdemo.generation.likelihood import mean_nll, response_nll
from hf_selfdemo.prompting.prompts import render
from hf_selfdemo.training.collator import SelfDemoDataCollator
from hf_selfdemo.training.meter import OnPolicyMeter, meter_table

CHOSEN = [
    "It was Clemens Winkler.",
    "Courtois found it.",
    "I don't know.",
    "It is not said in the passages.",
    "No idea.",
]


@pytest.fixture
def rows(dev_evidence):
    """Two answers, of which one has a pair, and three abstentions; the fourth question has no gold answer."""
    made = [evidence_row(evidence) | {"response": text} for evidence, text in zip(dev_evidence, CHOSEN, strict=True)]
    for i, row in enumerate(made):
        row["outcome"] = "answer" if i < 2 else "abstain"
    made[1]["rejected"] = worse("I don't know.")
    return made


def dataset(rows):
    return Dataset.from_list(rows, features=FEATURES)


def nats(model, tokenizer, evidence, texts):
    prompts = [render("rag", row.question.text, row.passages) for row in evidence]
    return mean_nll(response_nll(model, tokenizer, prompts, texts))


def test_every_figure_is_the_likelihood_of_its_texts(model, tokenizer, rows, dev_evidence):
    figures = OnPolicyMeter(dataset(rows), tokenizer).measure(model)
    gold = [row.question.answers[0] for row in dev_evidence if row.question.answers]
    known = [row for row in dev_evidence if row.question.answers]
    expected = {
        "chosen": nats(model, tokenizer, dev_evidence, CHOSEN),
        "chosen_answer": nats(model, tokenizer, dev_evidence[:2], CHOSEN[:2]),
        "chosen_abstain": nats(model, tokenizer, dev_evidence[2:], CHOSEN[2:]),
        "rejected": nats(model, tokenizer, dev_evidence[1:2], ["I don't know."]),
        "gold": nats(model, tokenizer, known, gold),
        "gold_answer": nats(model, tokenizer, dev_evidence[:2], gold[:2]),
    }
    assert len(set(expected.values())) == 6
    assert figures == pytest.approx({f"on_policy/{name}": value for name, value in expected.items()}, rel=1e-5)


def test_figures_without_a_text_are_left_out(model, tokenizer, rows):
    figures = OnPolicyMeter(dataset(rows[3:4]), tokenizer).measure(model)
    assert set(figures) == {"on_policy/chosen", "on_policy/chosen_abstain"}
    assert OnPolicyMeter(dataset(rows), tokenizer, 0).measure(model) == {}


def test_rows_are_picked_by_seed_among_those_trained_with_passages(tokenizer, rows):
    many = [row | {"id": f"{row['id']}/{i}"} for i in range(8) for row in rows]
    closed = [row | {"mode": "closed_book", "passages": []} for row in rows]
    every = dataset([*closed, *many, *(row | {"response": None} for row in rows)])
    meters = [OnPolicyMeter(every, tokenizer, 10, seed) for seed in (0, 0, 1)]
    picked = [meter.rows["id"][:] for meter in meters]
    assert picked[0] == picked[1] != picked[2]
    assert len(meters[0]) == 10 and set(picked[0]) <= {row["id"] for row in many}
    assert len(OnPolicyMeter(every, tokenizer, 1000)) == 40


def test_rows_are_cut_as_training_cuts_them(model, tokenizer, rows):
    whole = SelfDemoDataCollator(tokenizer, max_length=None).plain()
    length = len(whole.encode(rows[0]).prompt)
    cut = SelfDemoDataCollator(tokenizer, max_length=length).plain()
    assert cut.encode(rows[0]).dropped
    figures = [OnPolicyMeter(dataset(rows[:1]), tokenizer, collator=c).measure(model) for c in (None, whole, cut)]
    assert figures[0] == figures[1] != figures[2]


def test_a_new_adapter_measures_as_the_base_and_a_trained_one_finds_its_texts_likelier(model, tokenizer, rows):
    meter = OnPolicyMeter(dataset(rows), tokenizer)
    base = meter.measure(model)
    tuned = get_peft_model(model, LoraConfig(r=4, lora_dropout=0.5, target_modules="all-linear")).train()
    assert meter.measure(tuned) == base
    optimizer = torch.optim.AdamW(tuned.parameters(), lr=1e-2)
    batch = {
        k: v for k, v in SelfDemoDataCollator(tokenizer)(rows).items() if k in ("input_ids", "attention_mask", "labels")
    }
    for _ in range(5):
        tuned(**batch).loss.backward()
        optimizer.step(), optimizer.zero_grad()
    assert tuned.training
    assert meter.measure(tuned)["on_policy/chosen"] < base["on_policy/chosen"]


def test_the_table_has_base_and_tuned_side_by_side_and_nothing_that_neither_has():
    table = meter_table({"on_policy/chosen": 0.5, "on_policy/gold": 2.0}, {"on_policy/chosen": 0.254})
    assert "| chosen: training targets | 0.50 | 0.25 |" in table
    assert "| gold: gold answers, same prompts | 2.00 | - |" in table
    assert "rejected" not in table and table.endswith("|\n")

"""Preference training is TRL's, row by row and number by number, and says what it leaves out or cannot do."""

import copy

import pytest
import torch
from asked_rows import worse
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import TrainerCallback
from trl import DPOConfig, DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

import hf_selfdemo.prompting.prompts
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.rows import FEATURES
from hf_selfdemo.generation.likelihood import text_nll
from hf_selfdemo.training.dpo import SelfDemoDPOConfig, SelfDemoDPOTrainer

WORDS = ("tin", "lead", "zinc", "gold", "iron", "neon", "argon", "radon")
REFUSAL = "I don't know, it is not said."


def rows(count=8, last=None, first=0):
    """Pairs whose prompts and texts are of different length; `last` changes the last row."""
    made = []
    for i in range(first, first + count):
        passages = [
            {"id": f"p{i}{k}", "title": w, "text": f"{w} was found by {w} miners. " * (1 + i % 3), "score": 1.0 - k}
            for k, w in enumerate(WORDS[i % 6 : i % 6 + 2])
        ]
        made.append(
            dict.fromkeys(FEATURES)
            | {
                "id": f"q{i}",
                "mode": "rag",
                "question": f"Who found the metal number {i}?",
                "answers": [f"{WORDS[i % 6]} miners"],
                "passages": passages,
                "answer_in_context": True,
                "gold_removed": False,
                "answerable": True,
                "response": f"The {WORDS[i % 6]} miners found it" + ", they say" * (i % 4),
                "outcome": "answer",
                "rejected": worse(f"It was {WORDS[(i + 1) % 6]}." + " Surely." * (i % 3)),
                "candidates": [],
            }
        )
    made[-1] |= last or {}
    return Dataset.from_list(made, features=FEATURES)


LORA = {"r": 4, "target_modules": ["q_proj", "v_proj", "down_proj"], "task_type": "CAUSAL_LM"}
DEFAULTS = {
    "per_device_train_batch_size": 4,
    "num_train_epochs": 1,
    "logging_steps": 1,
    "use_cpu": True,
    "learning_rate": 1e-3,
    "meter_rows": 0,
    "report_to": [],
    "disable_tqdm": True,
}


def trainer(model, tokenizer, folder, dataset=None, lora=False, eval_dataset=None, **keys):
    args = SelfDemoDPOConfig(output_dir=str(folder), **(DEFAULTS | keys))
    adapter = LoraConfig(**LORA) if lora else None
    return SelfDemoDPOTrainer(model, args, dataset or rows(), tokenizer, eval_dataset=eval_dataset, peft_config=adapter)


def adapted(model, seed=1):
    """The model with an adapter that already does something."""
    generator = torch.manual_seed(seed)
    made = get_peft_model(model, LoraConfig(**LORA))
    for name, parameter in made.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.02
    return made


def trained(model):
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


def curve(made, *names):
    names = names or ("loss", "rewards/margins", "rewards/chosen", "logps/rejected", "entropy", "num_tokens")
    return [{name: log[name] for name in names} for log in made.state.log_history if "loss" in log]


def close(one, other, **tolerance):
    assert len(one) == len(other) > 1
    for a, b in zip(one, other, strict=True):
        assert a == pytest.approx(b, **(tolerance or {"rel": 2e-4, "abs": 2e-5}))


# ---- the same as TRL ----


class PlainDPOTrainer(DPOTrainer):
    """TRL's own, over token ids that are there already."""

    def _prepare_dataset(self, dataset, *_):
        return dataset


def plain(model, tokenizer, folder, ids, **keys):
    args = DPOConfig(output_dir=str(folder), bf16=False, gradient_checkpointing=False, use_cpu=True, **keys)
    collator = DataCollatorForPreference(tokenizer.pad_token_id)
    reference = copy.deepcopy(model)
    return PlainDPOTrainer(model, reference, args, collator, ids, processing_class=tokenizer)


PLAIN = {"loss_type": ["sigmoid"]}
SFT_TOO = {"loss_type": ["sigmoid", "sft"]}
LOSSES = [PLAIN, SFT_TOO, SFT_TOO | {"loss_weights": [1.0, 0.3]}, PLAIN | {"ld_alpha": 0.5}]


@pytest.mark.parametrize("loss", LOSSES, ids=["sigmoid", "with sft", "with less of it", "ld"])
def test_loss_figures_and_gradients_are_trls(model, tokenizer, tmp_path, loss):
    """Right-padded and wide there, left-padded and narrow here; weights off the reference's, so that it counts."""
    ours = trainer(copy.deepcopy(model), tokenizer, tmp_path / "a", **loss)
    encoded = [ours.data_collator.encode(row) for row in ours.train_dataset]
    ids = [{"prompt_ids": e.prompt, "chosen_ids": e.response, "rejected_ids": e.rejected} for e in encoded]
    theirs = plain(copy.deepcopy(model), tokenizer, tmp_path / "b", Dataset.from_list(ids), report_to=[], **loss)
    for made in (ours, theirs):
        torch.manual_seed(7)
        with torch.no_grad():
            for parameter in made.model.parameters():
                parameter.add_(0.02 * torch.randn(parameter.shape))
        made.model.train()
        made.compute_loss(made.model, made.data_collator(list(made.train_dataset))).backward()
    for name in ("rewards/margins", "rewards/chosen", "logps/chosen", "logits/rejected", "entropy", "num_tokens"):
        assert ours._metrics["train"][name] == pytest.approx(theirs._metrics["train"][name], rel=1e-5), name
    assert abs(ours._metrics["train"]["rewards/margins"][0]) > 0.01
    for (name, one), other in zip(ours.model.named_parameters(), theirs.model.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-5, msg=name)


def test_only_the_columns_of_the_replies_are_scored(model, tokenizer, tmp_path, monkeypatch):
    made = trainer(model, tokenizer, tmp_path, lora=True)
    batch = made.data_collator(list(made.train_dataset))
    longest = int(batch["completion_mask"].sum(1).max())
    assert longest < 0.5 * batch["input_ids"].shape[1]
    seen = []
    head = made.model.get_base_model().forward
    monkeypatch.setattr(
        made.model.get_base_model(), "forward", lambda **kwargs: (seen.append(out := head(**kwargs)), out)[1]
    )
    made.compute_loss(made.model, batch)
    assert [out.log_probs.shape[1] for out in seen] == [longest, longest]  # policy and reference
    assert all((out.label_mask.sum(1) == batch["completion_mask"].sum(1)).all() for out in seen)


# ---- what comes out does not depend on how it is run ----


def test_batches_of_four_equal_four_of_one(model, tokenizer, tmp_path):
    whole = trainer(copy.deepcopy(model), tokenizer, tmp_path / "a", **PLAIN)
    single = PLAIN | {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 4}
    parts = trainer(model, tokenizer, tmp_path / "b", **single)
    whole.train(), parts.train()
    close(curve(whole, "loss", "rewards/margins", "num_tokens"), curve(parts, "loss", "rewards/margins", "num_tokens"))
    for name, one in trained(whole.model).items():
        torch.testing.assert_close(one, trained(parts.model)[name], rtol=1e-3, atol=1e-4)


FAST = {"num_train_epochs": 5, "learning_rate": 1e-2}


@pytest.mark.parametrize(
    "keys",
    [PLAIN, {"lora": True}, {"lora": True, "passage_order": "shuffled", "leave_gold_out_share": 0.5}],
    ids=["plain", "with sft", "moving"],
)
def test_the_margin_rises(model, tokenizer, tmp_path, keys):
    made = trainer(model, tokenizer, tmp_path, rows(4), **FAST, **keys)
    made.train()
    margins = [log["rewards/margins"] for log in curve(made, "rewards/margins")]
    assert margins[0] == pytest.approx(0, abs=1e-5) and margins[-1] > 0.2


def test_the_sft_term_holds_the_preferred_text_up(model, tokenizer, tmp_path):
    def likelihood(**keys):
        made = trainer(copy.deepcopy(model), tokenizer, tmp_path, rows(4), lora=True, **FAST, **keys)
        made.train()
        return curve(made, "logps/chosen")[-1]["logps/chosen"]

    assert likelihood() > likelihood(**PLAIN) + 1


def test_the_sft_term_is_the_mean_over_the_tokens_of_the_preferred_texts_once_a_pair(model, tokenizer, tmp_path):
    def loss(**keys):
        made = trainer(copy.deepcopy(model), tokenizer, tmp_path, with_two(4), **keys)
        made.model.eval()
        return made, made.compute_loss(made.model, made.data_collator(list(made.train_dataset))).item()

    (made, both), (_, plain_loss) = loss(), loss(**PLAIN)
    encoded = [made.data_collator.encode(row) for row in made.train_dataset]
    nats = text_nll(model, [(row.prompt, row.response) for row in encoded])
    assert both - plain_loss == pytest.approx(sum(nats) / sum(len(row.response) for row in encoded), rel=1e-4)
    assert len(encoded) == 6, "a row with two pairs counts twice"


class Stop(TrainerCallback):
    """Ends the run as a kill would, right after a step."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KeyboardInterrupt


@pytest.mark.parametrize("kind", ["full", "adapted"])
def test_resumed_equals_uninterrupted(model, tokenizer, tmp_path, kind):
    keys = {"save_strategy": "steps", "save_steps": 2, "num_train_epochs": 2, "passage_order": "shuffled"}
    keys |= {"leave_gold_out_share": 0.5, "per_device_train_batch_size": 2}

    def fresh(folder):
        own = copy.deepcopy(model)
        return trainer(adapted(own) if kind == "adapted" else own, tokenizer, folder, rows(4), **keys)

    whole, killed = fresh(tmp_path / "a"), fresh(tmp_path / "b")
    whole.train()
    killed.add_callback(Stop(3))
    with pytest.raises(KeyboardInterrupt):
        killed.train()
    resumed = fresh(tmp_path / "b")
    resumed.train(resume_from_checkpoint=True)
    names = ("loss", "rewards/margins", "logps/chosen")
    assert curve(resumed, *names) == curve(whole, *names) and len(curve(whole)) == 4
    first, second = trained(whole.model), trained(resumed.model)
    assert first and all(torch.equal(first[name], second[name]) for name in first)


# ---- the reference ----


def test_full_fine_tuning_is_held_to_the_model_as_it_came(model, tokenizer, tmp_path):
    """Its name leads to no weights, or to others: none may be loaded by it."""
    model.config._name_or_path = "nobody/nothing"
    before = copy.deepcopy(model.state_dict())
    made = trainer(model, tokenizer, tmp_path)
    made.train()
    reference = made.ref_model.state_dict()
    assert all(torch.equal(reference[name], value) for name, value in before.items())
    assert not any(p.requires_grad for p in made.ref_model.parameters())
    assert any(not torch.equal(made.model.state_dict()[name], value) for name, value in before.items())


def test_a_given_reference_is_used(model, tokenizer, tmp_path):
    args = SelfDemoDPOConfig(output_dir=str(tmp_path), **DEFAULTS)
    reference = copy.deepcopy(model)
    made = SelfDemoDPOTrainer(model, args, rows(), tokenizer, ref_model=reference)
    assert made.ref_model is reference


def test_an_adapter_trained_further_is_held_to_itself_and_saved_plain(model, tokenizer, tmp_path):
    start = adapted(copy.deepcopy(model))
    before = trained(start)
    made = trainer(start, tokenizer, tmp_path, num_train_epochs=2, save_strategy="epoch")
    made.train()
    assert curve(made)[0]["rewards/margins"] == pytest.approx(0, abs=1e-5)  # not held to the model below it
    after = dict(made.model.named_parameters())
    assert before and all(torch.equal(after[n.replace("default", "ref")], value) for n, value in before.items())
    assert not any(torch.equal(after[n], value) for n, value in before.items() if "lora_B" in n)
    made.save_model(str(tmp_path / "result"))
    saved = sorted(path.name for path in (tmp_path / "result").iterdir())
    assert "adapter_model.safetensors" in saved and "ref" not in saved
    assert (tmp_path / "checkpoint-4" / "ref").is_dir()
    loaded = PeftModel.from_pretrained(copy.deepcopy(model), tmp_path / "result")
    assert list(loaded.peft_config) == ["default"]
    ids = torch.tensor([[5, 6, 7, 8]])
    torch.testing.assert_close(loaded.eval()(ids).logits, made.model.eval()(ids).logits)


def test_only_the_adapter_is_trained_not_its_reference(model, tokenizer, tmp_path):
    made = trainer(adapted(model), tokenizer, tmp_path, max_steps=1)
    made.train()
    optimised = {id(p) for group in made.optimizer.param_groups for p in group["params"]}
    names = {name for name, p in made.model.named_parameters() if id(p) in optimised}
    assert names and all(".default." in name for name in names)


# ---- the reference, computed beforehand ----


def counted(monkeypatch):
    """How many batches the reference has run over beforehand."""
    calls = []
    scored = DPOTrainer.compute_ref_log_probs
    monkeypatch.setattr(DPOTrainer, "compute_ref_log_probs", lambda *a: (calls.append(1), scored(*a))[1])
    return calls


def on_disk(folder, dataset):
    dataset.save_to_disk(str(folder))
    return Dataset.load_from_disk(str(folder))


@pytest.mark.parametrize("kind", ["full", "lora", "adapted"])
def test_computed_beforehand_equals_on_the_fly(model, tokenizer, tmp_path, kind):
    def run(folder, **keys):
        own = adapted(copy.deepcopy(model)) if kind == "adapted" else copy.deepcopy(model)
        made = trainer(own, tokenizer, folder, lora=kind == "lora", **keys)
        made.train()
        return made

    before, at_once = run(tmp_path / "a", precompute_ref_log_probs=True), run(tmp_path / "b")
    close(curve(before), curve(at_once), rel=1e-4, abs=1e-5)
    assert before.ref_model is None
    assert {"ref_chosen_logps", "ref_rejected_logps"} <= set(before.train_dataset.column_names)


def test_dev_rows_are_scored_beforehand_as_they_are_shown(model, tokenizer, tmp_path):
    """Training shows passages reversed, evaluation as retrieved; dev rows without a pair are only asked."""
    dev = rows(5, first=20, last={"response": None, "rejected": None})

    def evaluated(folder, **keys):
        keys |= {"passage_order": "reversed", "max_dev_tokens": 2}
        made = trainer(copy.deepcopy(model), tokenizer, folder, eval_dataset=dev, **keys)
        made.train()
        assert "ref_chosen_logps" not in dev.column_names
        return made.evaluate()

    names = ("eval_loss", "eval_rewards/margins", "eval_logps/chosen")
    before, at_once = evaluated(tmp_path / "a", precompute_ref_log_probs=True), evaluated(tmp_path / "b")
    assert [before[n] for n in names] == pytest.approx([at_once[n] for n in names], rel=1e-4)
    assert before["eval_logps/chosen"] != 0


def test_figures_are_kept_beside_the_rows_for_the_same_prompts_and_model(model, tokenizer, tmp_path, monkeypatch):
    calls = counted(monkeypatch)
    dataset = on_disk(tmp_path / "rows", rows())

    def runs_over(model=model, tokenizer=tokenizer, **keys):
        calls.clear()
        trainer(copy.deepcopy(model), tokenizer, tmp_path, dataset, precompute_ref_log_probs=True, **keys)
        return len(calls)

    assert runs_over() == 2
    assert runs_over() == runs_over(beta=0.5, learning_rate=1e-5) == 0
    assert runs_over(passage_order="reversed") == runs_over(max_length=150) == runs_over(ld_alpha=0.5) == 2
    other = copy.deepcopy(tokenizer)
    other.chat_template = other.chat_template.replace("assistant", "helper")
    assert runs_over(tokenizer=other) == 2
    changed = copy.deepcopy(model)
    changed.lm_head.weight.data.mul_(1.01)
    assert runs_over(model=changed) == 2
    fill = hf_selfdemo.prompting.prompts.fill
    monkeypatch.setattr(hf_selfdemo.prompting.prompts, "fill", lambda *a, **k: fill(*a, **k) + " Well?")
    assert runs_over() == 2


def with_two(count=8):
    """Rows of which every second one has two rejected texts."""
    made = rows(count).to_list()
    for row in made[::2]:
        row["rejected"] += worse("The passages do not say.", "abstain")
    return Dataset.from_list(made, features=FEATURES)


def test_a_row_with_two_rejected_texts_is_trained_as_two_pairs(model, tokenizer, tmp_path):
    made = trainer(copy.deepcopy(model), tokenizer, tmp_path / "a", with_two(4), meter_rows=9)
    assert made.train_dataset["id"][:] == ["q0", "q0#pair_2", "q1", "q2", "q2#pair_2", "q3"]
    assert (made.rows_trained, made.preflight_report.rows) == (4, 6) and not made.preflight_report.warnings
    made.train()
    alone = [row | {"id": f"r{i}"} for i, row in enumerate(made.train_dataset.to_list())]
    as_rows = trainer(copy.deepcopy(model), tokenizer, tmp_path / "b", Dataset.from_list(alone, features=FEATURES))
    as_rows.train()
    close(curve(made), curve(as_rows))
    assert made.on_policy["base"]["on_policy/rejected"] > 0


@pytest.mark.parametrize(
    "views", [{"passage_dropout": 0.5}, {"leave_gold_out_share": 1.0}, {"passage_order": "shuffled"}]
)
def test_pairs_of_one_row_are_shown_in_views_of_their_own(model, tokenizer, tmp_path, views):
    made = trainer(copy.deepcopy(model), tokenizer, tmp_path, with_two(), **views)
    made.train()
    [one, other] = [made.data_collator.encode(row) for row in made.train_dataset.select(range(2))]
    assert one.response == other.response and one.rejected != other.rejected


def test_the_reference_of_several_pairs_is_scored_beforehand(model, tokenizer, tmp_path):
    dev = with_two(4)
    dev = dev.map(lambda row: {"id": f"dev {row['id']}", "question": f"dev {row['question']}"})

    def figures(folder, **keys):
        made = trainer(copy.deepcopy(model), tokenizer, folder, with_two(), eval_dataset=dev, max_dev_tokens=2, **keys)
        made.train()
        return curve(made), made.evaluate()["eval_loss"], made.generated.predictions["rag"]

    before, at_once = figures(tmp_path / "a", precompute_ref_log_probs=True), figures(tmp_path / "b")
    close(before[0], at_once[0], rel=1e-4, abs=1e-5)
    assert before[1] == pytest.approx(at_once[1], rel=1e-4) and len(before[2]) == len(dev)


@pytest.mark.parametrize(
    "keys", [{"passage_order": "shuffled"}, {"passage_dropout": 0.2}, {"leave_gold_out_share": 0.1}]
)
def test_rows_that_change_are_not_scored_beforehand(model, tokenizer, tmp_path, keys):
    with pytest.raises(UserError, match="rows change by epoch: set it to false, or remove passage_dropout"):
        trainer(model, tokenizer, tmp_path, precompute_ref_log_probs=True, **keys)


# ---- what is left out, and what is refused ----


def test_rows_without_a_pair_are_left_out_by_name(model, tokenizer, tmp_path, caplog):
    replay = {"id": "q7#closed_book", "mode": "closed_book", "passages": [], "rejected": []}
    dataset = rows(4, last={"rejected": worse("")}).to_list() + rows(8, last=replay).to_list()[4:]
    made = trainer(model, tokenizer, tmp_path, Dataset.from_list(dataset, features=FEATURES))
    assert made.left_out == {"no rejected text": ["q3"], "closed-book": ["q7#closed_book"]}
    assert list(made.train_dataset["id"]) == ["q0", "q1", "q2", "q4", "q5", "q6"]
    assert "2 of 8 rows have no pair and are left out: 1 no rejected text, 1 closed-book" in caplog.text


SAME = worse("the Zinc miners, found it, they say; they say")


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (rows(1, last={"rejected": None}), "none of 1 rows has a pair .*: demonstrate with another pair_policy"),
        (
            rows(3, last={"rejected": SAME}),
            "'q2' has a rejected text that equals its response",
        ),
        (rows(3, last={"response": " "}), "'q2' has an empty response"),
    ],
    ids=["no pair", "equal texts", "empty"],
)
def test_rows_that_teach_nothing_are_refused(model, tokenizer, tmp_path, dataset, message):
    with pytest.raises(UserError, match=message):
        trainer(model, tokenizer, tmp_path, dataset)


def test_an_adapter_on_the_head_is_refused(model, tokenizer, tmp_path):
    for lora in ({"target_modules": ["q_proj", "lm_head"]}, {"target_modules": r".*\.(q_proj)|lm_head"}):
        args = SelfDemoDPOConfig(output_dir=str(tmp_path), **DEFAULTS)
        adapter = LoraConfig(**(LORA | lora))
        with pytest.raises(UserError, match=r"targets lm_head.*lora_target_modules"):
            SelfDemoDPOTrainer(model, args, rows(), tokenizer, peft_config=adapter)
    trainer(model, tokenizer, tmp_path, lora=True)  # the others stand


def test_an_adapter_that_cannot_be_trained_is_refused(model, tokenizer, tmp_path):
    adapted(copy.deepcopy(model)).save_pretrained(tmp_path / "adapter")
    frozen = PeftModel.from_pretrained(copy.deepcopy(model), tmp_path / "adapter")
    with pytest.raises(UserError, match="is frozen: load it with is_trainable=True"):
        trainer(frozen, tokenizer, tmp_path)
    named = get_peft_model(copy.deepcopy(model), LoraConfig(**LORA), adapter_name="mine")
    with pytest.raises(UserError, match="named 'mine' instead of 'default': load it without adapter_name"):
        trainer(named, tokenizer, tmp_path)
    twice = trainer(adapted(model), tokenizer, tmp_path).model
    with pytest.raises(UserError, match=r"already has an adapter named 'ref'.*delete_adapter\('ref'\)"):
        trainer(twice, tokenizer, tmp_path)


def test_a_loss_that_is_no_number_names_its_rows(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path)
    with torch.no_grad():
        next(made.model.parameters()).fill_(float("nan"))
    with pytest.raises(UserError, match=r"the loss is nan at step 0 on rows 'q\d', 'q\d', 'q\d', 'q\d'"):
        made.train()


# ---- settings ----


def test_the_learning_rate_falls_to_a_fifth_without_warm_up(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path, rows(2), lora=True, num_train_epochs=4, learning_rate=5.5e-6)
    made.train()
    rates = [log["learning_rate"] for log in made.state.log_history if "learning_rate" in log]
    assert rates[0] == 5.5e-6 and rates == sorted(rates, reverse=True)
    assert made.lr_scheduler.get_last_lr()[0] == pytest.approx(1.1e-6)


def test_another_schedule_gets_no_floor(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path, rows(2), lora=True, lr_scheduler_type="linear")
    made.train()
    assert made.lr_scheduler.get_last_lr()[0] == 0
    assert SelfDemoDPOConfig(report_to=[], lr_scheduler_kwargs={"min_lr": 1e-6}).lr_scheduler_kwargs == {"min_lr": 1e-6}

"""The model is asked in the middle of training; the figures are the scorer's, and training never notices."""

import copy
import random

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer
from trl.trainer.utils import add_fused_lm_head

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.rows import FEATURES
from hf_selfdemo.evaluation.predict import predict
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.active_rag import ActiveRag, Thinking
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.training import generated
from hf_selfdemo.training.generated import GREATER_IS_BETTER, GeneratedEvaluation
from hf_selfdemo.training.meter import OnPolicyMeter

SILENCE = "I don't know."


@pytest.fixture
def says(monkeypatch):
    """Put a script in the place of the model's replies: one text a stage and row."""

    def script(reply):
        made = ScriptedGenerator(lambda request: reply(request.id, request.stage.removeprefix("evaluate ")))
        monkeypatch.setattr(generated, "TransformersGenerator", lambda *args, **kwargs: made)

    return script


def test_figures_are_the_scorers(says, model, tokenizer, dev_rows):
    replies = {"q1": "Clemens Winkler", "q2": SILENCE, "q3": "Winkler", "q4": SILENCE, "q1#gold_removed": SILENCE}
    says(lambda row, mode: replies[row] if mode == "rag" else "Courtois")
    figures = GeneratedEvaluation(tokenizer)(model, dev_rows)
    del figures["generation_runtime"], figures["generated_tokens"]
    assert figures == pytest.approx(
        {
            "accuracy": 1 / 5,
            "f_score": 2 / 7,  # between 1/5 and 1/2
            "accuracy_given_attempted": 1 / 2,
            "accuracy_answerable": 1 / 3,
            "accuracy_in_context": 1 / 2,
            "hallucination_rate": 1 / 5,
            "abstention_rate": 3 / 5,
            "abstention_precision": 2 / 3,
            "abstention_recall": 2 / 3,
            "false_refusals": 1 / 2,
            "unscored": 0,
            "closed_book_accuracy": 1 / 4,  # the twin asks nothing new without passages
            "closed_book_f_score": 1 / 4,
            "closed_book_accuracy_answerable": 1 / 3,
            "closed_book_hallucination_rate": 3 / 4,
            "closed_book_abstention_rate": 0,
            "closed_book_unscored": 0,
        }
    )
    assert [name for name in GREATER_IS_BETTER if name in figures] == list(figures)


def test_figures_without_a_denominator_are_left_out(says, model, tokenizer, dev_rows):
    says(lambda row, mode: "Winkler")
    figures = GeneratedEvaluation(tokenizer, ["rag"])(model, dev_rows[:2])
    assert not {"abstention_precision", "abstention_recall", "closed_book_accuracy"} & set(figures)


def test_a_model_that_says_nothing_gets_the_worst_figures_and_no_key_error(says, model, tokenizer, dev_rows):
    says(lambda row, mode: "")
    figures = GeneratedEvaluation(tokenizer)(model, dev_rows)
    assert figures["unscored"] == 1
    assert figures["accuracy"] == figures["f_score"] == figures["abstention_recall"] == 0
    assert figures["hallucination_rate"] == figures["false_refusals"] == figures["closed_book_hallucination_rate"] == 1
    assert "abstention_rate" not in figures, "there is no worst"


def test_replies_are_those_of_the_model_on_its_own(model, tokenizer, dev_rows, dev_evidence):
    evaluation = GeneratedEvaluation(tokenizer, max_new_tokens=6)
    figures = evaluation(model.train(), dev_rows)
    generator = TransformersGenerator(model.eval(), tokenizer)
    for mode in ("rag", "closed_book"):
        expected = predict(dev_evidence, generator, AnswerMatchJudge(), mode, PromptAnswerer(6))
        assert evaluation.predictions[mode] == expected
    assert figures["generated_tokens"] == 6 * (5 + 4)
    assert figures["generation_runtime"] > 0


def test_rows_need_no_response_and_replays_are_not_asked_twice(model, tokenizer, dev_rows):
    blank = dict.fromkeys(["response", "outcome", "candidates", "rejected"])
    replay = dev_rows[0] | {"id": "q1#closed_book", "mode": "closed_book", "passages": []}
    evaluation = GeneratedEvaluation(tokenizer, max_new_tokens=2)
    evaluation(model, Dataset.from_list([dev_rows[0] | blank, replay], features=FEATURES))
    assert [len(found) for found in evaluation.predictions.values()] == [1, 1]


def test_dev_questions_are_asked_in_as_many_calls_as_the_method_takes(model, tokenizer, dev_rows):
    answerer = ActiveRag(Thinking(2, 2, 0.0), 2)
    evaluation = GeneratedEvaluation(tokenizer, ["rag"], answerer=answerer)
    figures = evaluation(model, dev_rows[:2])
    assert [len(p.trace) for p in evaluation.predictions["rag"]] == [9, 9]
    assert figures["generated_tokens"] == 2 * (5 * 4 + 4 * 2), "a thought and corrections of four tokens, notes of two"


def adapted(model):
    made = get_peft_model(
        model, LoraConfig(r=4, lora_dropout=0.5, target_modules="all-linear", init_lora_weights=False)
    )
    return made.train()


def checkpointing(model):
    model.gradient_checkpointing_enable()
    model.config.use_cache = False
    model.enable_input_require_grads()
    return model.train()


def fused(model):
    add_fused_lm_head(model)
    return model.train()


@pytest.mark.parametrize(
    "prepare",
    [adapted, checkpointing, fused, lambda m: m.bfloat16().train()],
    ids=["adapter", "checkpointing", "fused", "bf16"],
)
def test_training_models_are_asked_as_they_will_be_used(prepare, model, tokenizer, dev_rows, dev_evidence):
    """What an adapter, a patched head or another dtype change is in the replies; dropout and checkpointing are not."""
    prepared = prepare(model)
    ids = torch.tensor([[5, 6, 7, 8]])
    torch.manual_seed(0)
    prepared(input_ids=ids, labels=ids).loss.backward()
    before = [weight.grad.clone() for weight in prepared.parameters() if weight.grad is not None]
    prepared.zero_grad()
    evaluation = GeneratedEvaluation(tokenizer, ["rag"], max_new_tokens=6)
    evaluation(prepared, dev_rows)
    assert prepared.training
    torch.manual_seed(0)
    prepared(input_ids=ids, labels=ids).loss.backward()
    after = [weight.grad for weight in prepared.parameters() if weight.grad is not None]
    assert before and all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    alone = TransformersGenerator(prepared.eval(), tokenizer)
    assert evaluation.predictions["rag"] == predict(dev_evidence, alone, AnswerMatchJudge(), "rag", PromptAnswerer(6))


class Asking(TrainerCallback):
    """Asks and measures after every step."""

    def __init__(self, evaluation, rows, meter):
        self.evaluation, self.rows, self.meter, self.found = evaluation, rows, meter, []

    def on_step_end(self, args, state, control, model=None, **kwargs):
        self.found.append(self.evaluation(model, self.rows) | self.meter.measure(model))


def trained(model, tokenizer, folder, callbacks, **keys):
    """The weights after a few steps of LoRA with dropout, gradient checkpointing and TRL's fused head."""
    lines = ["Clemens Winkler discovered germanium.", "Bernard Courtois discovered iodine."]
    args = SFTConfig(
        output_dir=str(folder), max_steps=3, learning_rate=1e-2, use_cpu=True, save_strategy="no", report_to=[],
        disable_tqdm=True, per_device_train_batch_size=1, **keys,
    )  # fmt: skip
    trainer = SFTTrainer(
        model,
        args,
        train_dataset=Dataset.from_dict({"input_ids": [tokenizer(line)["input_ids"] for line in lines]}),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=4, lora_dropout=0.3, target_modules="all-linear"),
        callbacks=callbacks,
    )
    trainer.train()
    return {name: weight.detach().clone() for name, weight in trainer.model.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize("bf16", [False, True])
def test_training_ends_in_the_same_weights_with_and_without_evaluation(
    _tiny_model, tokenizer, dev_rows, tmp_path, bf16
):
    rows = Dataset.from_list(
        [row | {"response": "Winkler.", "outcome": "answer"} for row in dev_rows], features=FEATURES
    )
    asking = Asking(GeneratedEvaluation(tokenizer, max_new_tokens=4), dev_rows, OnPolicyMeter(rows, tokenizer, 2))
    keys = {"bf16": bf16, "gradient_checkpointing": True}
    asked = trained(copy.deepcopy(_tiny_model), tokenizer, tmp_path / "asked", [asking], **keys)
    alone = trained(copy.deepcopy(_tiny_model), tokenizer, tmp_path / "alone", [], **keys)
    assert len(asking.found) == 3
    assert asking.found[0]["on_policy/chosen"] != asking.found[-1]["on_policy/chosen"], "the weights did move"
    assert all(torch.equal(asked[name], alone[name]) for name in alone)


@pytest.mark.parametrize("seed", range(20))
def test_a_figure_that_may_choose_the_best_checkpoint_is_never_missing(seed, says, model, tokenizer, dev_rows):
    draw = random.Random(seed)
    says(lambda row, mode: draw.choice(["Winkler", "Courtois", SILENCE, ""]))
    rows = draw.sample(dev_rows, draw.randint(1, 5))
    evaluation = GeneratedEvaluation(tokenizer, draw.choice([["rag"], ["closed_book"], ["rag", "closed_book"]]))
    figures = evaluation(model, rows)
    fit = [name for name in GREATER_IS_BETTER if accepts(evaluation, name, rows)]
    assert set(fit) <= set(figures)


def accepts(evaluation, name, rows):
    try:
        evaluation.check_metric(name, rows)
    except UserError:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "greater"),
    [("f_score", True), ("eval_accuracy", True), ("hallucination_rate", False), ("eval_false_refusals", False),
     ("closed_book_accuracy", True), ("abstention_recall", True), ("unscored", False)],
)  # fmt: skip
def test_a_metric_says_which_way_is_better(name, greater, tokenizer, dev_rows):
    assert GeneratedEvaluation(tokenizer).check_metric(name, dev_rows) is greater


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("fscore", "unknown: did you mean 'f_score'"),
        ("abstention_rate", "neither high nor low values are better: did you mean"),
        ("abstention_precision", "can be missing.*did you mean 'abstention_recall'"),
        ("accuracy_given_attempted", "can be missing.*: did you mean"),
        ("eval_loss", "can be missing.*use one of"),
    ],
)
def test_a_metric_that_could_be_missing_is_refused_before_the_first_step(name, problem, tokenizer, dev_rows):
    with pytest.raises(UserError, match=f"{name}.*{problem}"):
        GeneratedEvaluation(tokenizer).check_metric(name, dev_rows)


def test_what_the_dev_rows_cannot_tell_is_refused(tokenizer, dev_rows):
    with pytest.raises(UserError, match="can be missing"):
        GeneratedEvaluation(tokenizer).check_metric("abstention_recall", dev_rows[:2])
    with pytest.raises(UserError, match="can be missing"):
        GeneratedEvaluation(tokenizer, ["rag"]).check_metric("closed_book_accuracy", dev_rows)
    with pytest.raises(UserError, match="no dev rows"):
        GeneratedEvaluation(tokenizer).check_metric("f_score", None)


def test_loss_chooses_where_rows_have_a_response_and_the_trainers_own_figures_where_it_says_so(tokenizer, dev_rows):
    with_loss = [*dev_rows, dev_rows[0] | {"response": "Winkler."}]
    evaluation = GeneratedEvaluation(tokenizer)
    assert evaluation.check_metric("eval_loss", with_loss) is False
    assert evaluation.check_metric("eval_rewards/margins", dev_rows, {"rewards/margins": True}) is True


@pytest.mark.parametrize(("modes", "problem"), [(["rga"], "'rga' is unknown: did you mean 'rag'"), ([], "empty")])
def test_unknown_modes_are_refused(modes, problem, tokenizer):
    with pytest.raises(UserError, match=problem):
        GeneratedEvaluation(tokenizer, modes)


def test_nothing_to_ask_is_refused(model, tokenizer, dev_rows):
    with pytest.raises(UserError, match="no dev row has the mode 'rag'"):
        GeneratedEvaluation(tokenizer)(model, [dev_rows[0] | {"mode": "closed_book"}])

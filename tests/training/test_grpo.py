"""GRPO over structured rows: what is asked, what is learnt, what is kept, and when it stops."""

import json

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from trl import GRPOConfig, GRPOTrainer

from hf_selfdemo import AbstentionReward
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Verdict
from hf_selfdemo.data.rows import FEATURES
from hf_selfdemo.generation.tuned import is_adapter
from hf_selfdemo.prompting.chat import encode_prompt
from hf_selfdemo.training.collapse import CollapseGuard
from hf_selfdemo.training.grpo import SelfDemoGRPOTrainer
from hf_selfdemo.training.grpo_config import SelfDemoGRPOConfig
from hf_selfdemo.training.parameters import OBEYED

WORDS = ("tin", "lead", "zinc", "gold", "iron", "neon")
LORA = {"r": 4, "target_modules": ["q_proj", "v_proj", "down_proj"], "task_type": "CAUSAL_LM"}
KEYS = {
    "per_device_train_batch_size": 8,
    "num_generations": 4,
    "max_completion_length": 6,
    "learning_rate": 1e-2,
    "max_steps": 3,
    "use_cpu": True,
    "meter_rows": 0,
    "report_to": [],
    "disable_tqdm": True,
    "save_strategy": "no",
}


def rows(count=5, **columns):
    made = [
        {
            "id": f"q{i}",
            "question": f"Who found {word}?",
            "answers": [f"{word} miners"],
            "passages": [
                {"title": word, "text": f"{word} was found by {word} miners."},
                {"title": "x", "text": f"Nobody<|im_end|> found {word}. " * i},
            ],
        }
        | columns
        for i, word in enumerate(WORDS[:count])
    ]
    return made


class Scripted:
    """A judge that labels replies by what it is told of them; by default half are right and half abstain."""

    def __init__(self, label=lambda text: "correct" if len(text) % 2 else "incorrect"):
        self.label, self.seen = label, []

    def judge(self, evidence, candidates):
        self.seen.append((evidence, [candidate.text for candidate in candidates]))
        return [Verdict(self.label(candidate.text)) for candidate in candidates]
        yield

    def report(self):
        return {}


def trainer(model, tokenizer, folder, judge=None, dataset=None, lora=True, **keys):
    args = SelfDemoGRPOConfig(output_dir=str(folder), **(KEYS | keys))
    reward = AbstentionReward(judge or Scripted(), args.reward_abstain_value, args.reward_only_where_none_right)
    adapter = LoraConfig(**LORA) if lora else None
    given = rows() if dataset is None else dataset
    return SelfDemoGRPOTrainer(model, args, given, tokenizer, reward_funcs=reward, peft_config=adapter)


def trained(made):
    return {n: p.detach().clone() for n, p in made.model.named_parameters() if p.requires_grad}


def steps(made):
    return [line for line in made.state.log_history if "loss" in line]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_it_asks_the_prompt_of_training_and_learns_from_rewards(model, tokenizer, tmp_path):
    judge = Scripted()
    made = trainer(model, tokenizer, tmp_path, judge)
    before, asked = trained(made), []
    tokenize = made._tokenize_prompts
    made._tokenize_prompts = lambda prompts: asked.append(found := tokenize(prompts)) or found
    made.train()
    assert len(steps(made)) == 3 and all(abs(line["loss"]) < 20 for line in steps(made))
    assert not same(before, trained(made))
    for line in steps(made):
        assert line["unscored"] == 0 and line["abstention_rate"] == 0
        assert 0 <= line["groups_without_spread"] <= 1 and "reward" in line
    assert all(len(replies) == 4 for _, replies in judge.seen), "a group is judged at once"
    encoded = {tuple(made.data_collator.encode(row).prompt) for row in made.train_dataset}
    assert {tuple(ids) for ids, *_ in asked for ids in ids} <= encoded
    ended = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert all(ids.count(ended) == 1 for ids in encoded), "a control token in a passage stays text"
    assert made.preflight_report.counts == {"answer_in_context": 5}
    assert made.preflight_report.tokens > 4 * 5 * 30


@pytest.mark.parametrize("interrupted", [2, 4])
def test_it_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(model, tokenizer, tmp_path, interrupted):
    import copy

    keys = {"max_steps": 5, "save_strategy": "steps", "save_steps": 2, "passage_order": "shuffled"}
    start = copy.deepcopy(model)
    whole = trainer(model, tokenizer, tmp_path / "whole", **keys)
    whole.train()
    again = trainer(start, tokenizer, tmp_path / "whole", **keys)
    again.train(resume_from_checkpoint=str(tmp_path / f"whole/checkpoint-{interrupted}"))
    assert same(trained(whole), trained(again))
    told = ("reward", "loss", "unscored", "num_tokens", "epoch")
    assert [[line[name] for name in told] for line in steps(whole)] == [
        [line[name] for name in told] for line in steps(again)
    ]


def test_a_checkpoint_of_other_rewards_is_refused(model, tokenizer, tmp_path):
    keys = {"max_steps": 2, "save_strategy": "steps", "save_steps": 1}
    trainer(model, tokenizer, tmp_path, **keys).train()
    other = trainer(model, tokenizer, tmp_path, reward_abstain_value=0.2, lora=False, **keys)
    with pytest.raises(UserError, match="made with other settings: reward_abstain_value"):
        other.train(resume_from_checkpoint=True)


def test_the_reference_is_the_adapter_that_is_trained_further(model, tokenizer, tmp_path):
    generator = torch.manual_seed(1)
    adapted = get_peft_model(model, LoraConfig(**LORA))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.02
    made = trainer(adapted, tokenizer, tmp_path, lora=False, beta=0.1, learning_rate=0.0)
    made.train()
    assert [line["kl"] for line in steps(made)] == pytest.approx([0, 0, 0], abs=1e-6)
    made.save_model()
    assert is_adapter(tmp_path) and not (tmp_path / "ref").exists()


def test_what_nobody_scored_teaches_nothing(model, tokenizer, tmp_path, caplog):
    made = trainer(model, tokenizer, tmp_path, Scripted(lambda text: "unscored"), save_strategy="steps", save_steps=1)
    before = trained(made)
    made.train()
    assert same(before, trained(made))
    assert [line["unscored"] for line in steps(made)] == [1, 1, 1]
    assert "miners" not in caplog.text, "the share tells it; passages are not for the terminal"
    assert all("abstention_rate" not in line and line["reward"] is None for line in steps(made))


def test_a_model_that_abstains_from_everything_is_stopped_and_the_last_good_checkpoint_kept(model, tokenizer, tmp_path):
    judge = Scripted()
    keys = {"max_steps": 12, "collapse_steps": 3, "save_strategy": "steps", "save_steps": 1, "save_total_limit": 1}
    made = trainer(model, tokenizer, tmp_path, judge, **keys)
    judge.label = lambda text: "abstain" if made.state.global_step >= 4 else "incorrect"
    with pytest.raises(UserError, match=r"collapsed: the model abstained in 100% .* steps 5 to 7") as stopped:
        made.train()
    assert str(tmp_path / "checkpoint-4") in str(stopped.value)
    assert sorted(path.name for path in tmp_path.glob("checkpoint-*")) == ["checkpoint-4"]
    assert is_adapter(tmp_path / "checkpoint-4")


def test_a_bad_stretch_that_ends_is_no_collapse(model, tokenizer, tmp_path):
    judge = Scripted()
    made = trainer(model, tokenizer, tmp_path, judge, max_steps=5, collapse_steps=3)
    judge.label = lambda text: "incorrect" if made.state.global_step == 2 else "abstain"
    made.train()
    assert [line["abstention_rate"] for line in steps(made)] == [1, 1, 0, 1, 1]


def test_the_guard_works_in_a_stock_trainer(model, tokenizer, tmp_path):
    from hf_selfdemo import to_prompts

    args = {name: KEYS[name] for name in ("per_device_train_batch_size", "num_generations", "max_completion_length")}
    stock = GRPOTrainer(
        model,
        AbstentionReward(Scripted(lambda text: "abstain")),
        GRPOConfig(str(tmp_path), max_steps=5, logging_steps=1, use_cpu=True, bf16=False, report_to=[], **args),
        to_prompts(rows()),
        processing_class=tokenizer,
        callbacks=[CollapseGuard(limit=0.8, steps=2)],
    )
    with pytest.raises(UserError, match="in steps 1 to 2"):
        stock.train()


def test_each_question_is_asked_once_whatever_was_demonstrated_of_it(model, tokenizer, tmp_path):
    given = rows(3)
    given += [given[0] | {"id": "q0#row_2"}, given[1] | {"id": "q1#closed_book", "mode": "closed_book"}]
    given += [given[2] | {"id": "q9", "answers": []}, given[2] | {"id": "q8", "answers": [], "answerable": False}]
    made = trainer(model, tokenizer, tmp_path, dataset=given)
    assert made.train_dataset["id"][:] == ["q0", "q1", "q2", "q8"]
    assert made.left_out == {
        "a further row of its question": ["q0#row_2", "q1#closed_book"],
        "no accepted answer": ["q9"],
    }


def test_passages_go_where_a_prompt_is_too_long_and_one_with_the_answer_goes_last(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path, max_length=100)
    found = made.data_collator(list(made.train_dataset))
    longest = found[-1]["prompt"][0]["content"]
    assert "iron miners" in longest and "Nobody" not in longest
    assert made.preflight_report.cut and not made.preflight_report.lost
    assert all(len(encode_prompt(tokenizer, row["prompt"])) + 6 <= 100 for row in found)
    with pytest.raises(UserError, match="needs more than max_length 20 tokens even without passages"):
        trainer(model, tokenizer, tmp_path, max_length=20)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"num_generations": 1}, "num_generations is 1: give 2 or more"),
        ({"per_device_train_batch_size": 32}, "one step asks 8 prompts, but there are only 5"),
        ({"lora": False, "beta": 0.1}, "beta needs a copy of the model before training"),
        ({"log_completions": True}, "log_completions is True, but this option has no effect"),
        ({"closed_book_share": 0.5}, "closed_book_share is 0.5, but this option has no effect"),
        ({"logging_strategy": "no"}, "collapse_steps needs log lines"),
        (
            {"num_iterations": 2, "save_strategy": "steps", "save_steps": 3},
            "save_steps is 3, but each batch of replies is used for 2",
        ),
        ({"max_completion_length": None}, "max_completion_length is None: give a whole number"),
        ({"reward_abstain_value": 2}, "reward_abstain_value is 2: give a share"),
        ({"dataset": rows(2, answers=[])}, "none of 2 rows can be rewarded"),
        ({"dataset": Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES)}, "the dataset has no rows"),
    ],
)
def test_what_cannot_be_trained_is_refused_before(model, tokenizer, tmp_path, keys, said):
    with pytest.raises(UserError, match=said):
        trainer(model, tokenizer, tmp_path, **keys)


def test_every_parameter_of_trl_is_obeyed_or_refused(model, tokenizer, tmp_path):
    import inspect

    theirs = set(inspect.signature(GRPOTrainer.__init__).parameters) - {"self"}
    ours = set(inspect.signature(SelfDemoGRPOTrainer.__init__).parameters)
    for name in {*(theirs - ours - {*OBEYED}), "ref_model", "data_collator", "optimizer_cls_and_kwargs"}:
        args = SelfDemoGRPOConfig(output_dir=str(tmp_path), **KEYS)
        with pytest.raises(UserError, match=f"has no parameter {name}|{name} has no effect"):
            SelfDemoGRPOTrainer(model, args, rows(), tokenizer, **{name: object()})
    with pytest.raises(UserError, match="reward_judge 'llm_label' needs a model"):
        SelfDemoGRPOTrainer(model, SelfDemoGRPOConfig(str(tmp_path), reward_judge="llm_label"), rows(), tokenizer)


def test_a_budget_of_tokens_sets_the_steps(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path, train_tokens=2000)
    made.train()
    seen = steps(made)[-1]["num_tokens"]
    assert made.args.max_steps > 1 and abs(seen - 2000) < 0.3 * 2000


def test_trls_own_configuration_is_taken_over(model, tokenizer, tmp_path):
    args = GRPOConfig(str(tmp_path), temperature=0.6, bf16=False, use_cpu=True, report_to=[], num_generations=4)
    made = SelfDemoGRPOTrainer(model, args, rows(), tokenizer)
    assert (made.temperature, made.args.rollout_temperature, made.args.generation_batch_size) == (0.6, 0.6, 8)
    assert isinstance(made.reward_funcs[0], AbstentionReward) and made.reward_funcs[0].stop_ids


def test_dev_questions_are_asked_as_for_the_other_objectives(model, tokenizer, tmp_path, dev_rows):
    args = SelfDemoGRPOConfig(
        output_dir=str(tmp_path), eval_strategy="steps", eval_steps=1, max_dev_tokens=3, dev_modes=["rag"], **KEYS
    )
    dev = Dataset.from_list(dev_rows, features=FEATURES)
    asked = SelfDemoGRPOTrainer(model, args, rows(), tokenizer, dev, peft_config=LoraConfig(**LORA))
    asked.train()
    found = [line for line in asked.state.log_history if "eval_f_score" in line]
    assert len(found) == 3 and "eval_loss" not in found[0]


def test_a_judge_that_raises_ends_training_with_its_own_error(model, tokenizer, tmp_path):
    def fails(text):
        raise RuntimeError("out of order")

    with pytest.raises(RuntimeError, match="out of order"):
        trainer(model, tokenizer, tmp_path, Scripted(fails)).train()


def test_the_card_says_how_it_was_trained(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path)
    made.create_model_card(model_name="mine")
    assert "Self-Demo GRPO, 5 rows" in (tmp_path / "README.md").read_text()
    assert json.loads(json.dumps(made.preflight_report.as_dict()))["rows"] == 5


@pytest.mark.parametrize(("dtype", "bf16"), [("float32", True), ("bfloat16", False), ("bfloat16", True)])
def test_adapters_learn_on_a_cpu_in_half_precision(model, tokenizer, tmp_path, dtype, bf16):
    made = trainer(model.to(getattr(torch, dtype)), tokenizer, tmp_path, bf16=bf16, beta=0.1)
    before = trained(made)
    made.train()
    after = trained(made)
    assert not same(before, after) and all(p.dtype == torch.float32 for p in after.values())
    assert all(torch.isfinite(p).all() for p in after.values())
    assert steps(made)[0]["kl"] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("lora", [True, False])
def test_the_replies_are_scored_as_trl_scores_them_in_fewer_columns(model, tokenizer, tmp_path, lora):
    made = trainer(model, tokenizer, tmp_path, lora=lora)
    ids = torch.randint(3, 1000, (3, 40), generator=torch.manual_seed(0))
    mask = torch.ones_like(ids)
    mask[0, :7], mask[1, -2:] = 0, 0
    first = next(p for p in made.model.parameters() if p.requires_grad)
    found = {}
    for kind in (SelfDemoGRPOTrainer, GRPOTrainer):
        scored = kind._get_per_token_logps_and_entropies(made, made.model, ids, mask, 5, compute_entropy=True)
        found[kind] = [*scored[:2], *torch.autograd.grad(scored[0].sum(), first)]
    for ours, theirs in zip(*found.values(), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert found[GRPOTrainer][0].shape == (3, 5)

"""Sessions in GRPO: what is written, what has a loss, what is rewarded, and what is refused before it begins."""

import copy
from types import SimpleNamespace

import pytest
import torch
from peft import LoraConfig
from test_grpo import KEYS, LORA, rows, same, steps, trained

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Critique
from hf_selfdemo.methods.corgi import Session, Sessions
from hf_selfdemo.methods.critics.joined import Critics, Named, named_critics
from hf_selfdemo.prompting.chat import encode_prompt, stop_token_id
from hf_selfdemo.prompting.next_turn import encode_next_turn
from hf_selfdemo.training.grpo import SelfDemoGRPOTrainer
from hf_selfdemo.training.grpo_config import SelfDemoGRPOConfig
from hf_selfdemo.training.sessions import SessionReward, SessionRollout, feedback_ids, session_figures


class ByLength:
    """Is satisfied with replies whose number of letters is even; the score depends on the text alone."""

    needs_gold = False

    def critique(self, evidence, text):
        if len(text) % 2 == 0:
            return Critique(1.0)
        return Critique(len(text) % 5 / 10, "Write more.")


MORE = "Say more. Answer the question again."


class Never:
    """Is satisfied with nothing."""

    needs_gold = False

    def critique(self, evidence, text):
        return Critique(0.0, "Say more.")


def sessions(attempts=3, critic=None, **keys):
    return Sessions(Critics((Named("own", critic or ByLength(), version="1"),)), attempts, **keys)


def trainer(model, tokenizer, folder, held=None, dataset=None, **keys):
    args = SelfDemoGRPOConfig(output_dir=str(folder), **(KEYS | {"max_steps": 2} | keys))
    given = rows() if dataset is None else dataset
    return SelfDemoGRPOTrainer(
        model, args, given, tokenizer, sessions=held or sessions(), peft_config=LoraConfig(**LORA)
    )


def watched(made):
    """All that rollouts gave, and the batches that were scored."""
    rollouts, batches = [], []
    rollout, score = made.rollout_func, made._generate_and_score_completions
    made.rollout_func = lambda prompts, trainer: rollouts.append(rollout(prompts, trainer)) or rollouts[-1]
    made._generate_and_score_completions = lambda inputs: batches.append(score(inputs)) or batches[-1]
    return rollouts, batches


def attempts_of(ids, mask):
    """The runs of ids that the model wrote."""
    found, before = [], 0
    for token, own in zip(ids, mask, strict=True):
        if own:
            found += [[]] if not before else []
            found[-1].append(token)
        before = own
    return found


def test_a_session_is_what_was_written_with_the_critique_between_and_only_the_former_has_a_loss(
    model, tokenizer, tmp_path
):
    made = trainer(model, tokenizer, tmp_path)
    rollouts, batches = watched(made)
    before = trained(made)
    made.train()
    assert not same(before, trained(made)) and all(abs(line["loss"]) < 20 for line in steps(made))
    several = 0
    for found, batch in zip(rollouts, batches, strict=True):
        columns = (found[name] for name in ("prompt_ids", "completion_ids", "env_mask", "session"))
        for prompt, ids, mask, session in zip(*columns, strict=True):
            written = attempts_of(ids, mask)
            texts = [tokenizer.decode(one, skip_special_tokens=True).strip() for one in written]
            assert texts == [attempt.text for attempt in session.made]
            several += len(written) > 1
            spliced = list(written[0])
            for attempt, one in zip(session.made, written[1:], strict=False):
                stopped = spliced[-1] == stop_token_id(tokenizer)
                spliced += encode_next_turn(tokenizer, attempt.critique.message, stopped) + one
            assert spliced == ids, "nothing is encoded again"
            assert prompt == encode_prompt(tokenizer, made.data_collator([_row(made, session)])[0]["prompt"])
        lost = (batch["completion_mask"] * batch["tool_mask"]).sum(1).tolist()
        assert lost == [sum(mask) for mask in found["env_mask"]]
        assert float(batch["num_items_in_batch"]) == sum(lost)
    assert several > 3


def _row(made, session):
    return next(row for row in made.train_dataset if row["id"] == session.evidence.question.id)


def scripted(tokenizer, texts, stops):
    """A trainer whose model writes these texts in turn, some of them to their end."""
    stop, left = stop_token_id(tokenizer), list(zip(texts, stops, strict=True))

    def written(prompts, *args):
        text, stopped = left.pop(0)
        return [tokenizer(text)["input_ids"] + [stop] * stopped for _ in prompts], None

    return SimpleNamespace(
        processing_class=tokenizer,
        eos_token_ids=[stop],
        accelerator=SimpleNamespace(device="cpu", gather=lambda count: count),
        _tokenize_prompts=lambda prompts: ([encode_prompt(tokenizer, one) for one in prompts], None, {}),
        _generate_single_turn=written,
    )


@pytest.mark.parametrize("stops", [(1, 1, 1), (0, 0, 0), (1, 0, 1)])
def test_ids_are_those_of_the_templates_own_conversation_where_replies_encode_to_their_ids(tokenizer, row, stops):
    texts = ["It was Winkler who", "In 1886.", "No<|im_end|>body"]
    asked = [{"role": "user", "content": "Who found it?"}]
    rollout = SessionRollout(sessions(critic=Never()), [row, row])
    found = rollout([asked, asked], scripted(tokenizer, texts, stops))
    said = [
        {"role": role, "content": text} for text in texts[:2] for role, text in (("assistant", text), ("user", MORE))
    ]
    whole = encode_prompt(tokenizer, [*asked, *said])
    for prompt, ids, mask in zip(found["prompt_ids"], found["completion_ids"], found["env_mask"], strict=True):
        last = attempts_of(ids, mask)[-1]
        assert prompt + ids[: -len(last)] == whole
        assert [len(one) for one in attempts_of(ids, mask)] == [
            len(tokenizer(text)["input_ids"]) + stopped for text, stopped in zip(texts, stops, strict=True)
        ], "a stop token that the model did not write has no loss"
    ends = [attempt.finish_reason for attempt in found["session"][0].made]
    assert ends == ["stop" if stopped else "length" for stopped in stops]


def test_what_is_put_between_has_no_gradient(model, tokenizer, tmp_path):
    """The loss is the same whatever logits stand before tokens of the critique."""
    made = trainer(model, tokenizer, tmp_path, max_steps=1)
    seen = []
    logps = made._get_per_token_logps_and_entropies

    def changed(*args, **kwargs):
        found = logps(*args, **kwargs)
        if found[0].requires_grad:
            found[0].retain_grad()
            seen.append(found[0])
        return found

    made._get_per_token_logps_and_entropies = changed
    _, batches = watched(made)
    made.train()
    mask = (batches[0]["completion_mask"] * batches[0]["tool_mask"]).bool()
    gradient = torch.cat([one.grad for one in seen])
    taught = batches[0]["advantages"] != 0
    assert taught.any() and (gradient != 0).sum() == mask[taught].sum()


def test_the_reward_is_that_of_the_best_attempt(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path)
    rollouts, _ = watched(made)
    rewards, reward = [], made.reward_funcs[0]

    def noted(**columns):
        rewards.append(reward(**columns))
        return rewards[-1]

    made.reward_funcs[0] = noted
    made.train()
    for found, given in zip(rollouts, rewards, strict=True):
        best = [max(attempt.critique.score for attempt in one.made) for one in found["session"]]
        assert given == best
    line = steps(made)[0]
    assert line["reward"] == pytest.approx(sum(rewards[0]) / len(rewards[0]))
    assert 0 <= line["satisfied_by_1"] <= line["satisfied_by_2"] <= line["satisfied_by_3"] <= 1
    assert 1 <= line["attempts"] <= 3 and line["abstention_rate"] == 0


@pytest.mark.parametrize("attempts", [1, 3])
def test_an_attempt_that_satisfies_ends_the_session(model, tokenizer, tmp_path, attempts):
    class Easy:
        needs_gold = False

        def critique(self, evidence, text):
            return Critique(1.0)

    made = trainer(model, tokenizer, tmp_path, sessions(attempts, Easy()), max_steps=1)
    rollouts, _ = watched(made)
    made.train()
    assert all(len(one.made) == 1 for one in rollouts[0]["session"]) and all(map(all, rollouts[0]["env_mask"]))


def test_one_attempt_is_plain_grpo_with_the_critics_for_a_reward(model, tokenizer, tmp_path):
    critics = sessions().critics

    def score(completions, evidence, **columns):
        texts = [completion[-1]["content"].strip() for completion in completions]
        return [critics.critique(row, text).score for row, text in zip(evidence, texts, strict=True)]

    start = copy.deepcopy(model)
    held = trainer(model, tokenizer, tmp_path / "held", sessions(1))
    held.train()
    args = SelfDemoGRPOConfig(output_dir=str(tmp_path / "plain"), **(KEYS | {"max_steps": 2}))
    plain = SelfDemoGRPOTrainer(start, args, rows(), tokenizer, reward_funcs=score, peft_config=LoraConfig(**LORA))
    plain.train()
    assert same(trained(held), trained(plain))
    assert [line["loss"] for line in steps(held)] == [line["loss"] for line in steps(plain)]


def test_it_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(model, tokenizer, tmp_path):
    keys = {"max_steps": 3, "save_strategy": "steps", "save_steps": 2}
    start, third = copy.deepcopy(model), copy.deepcopy(model)
    whole = trainer(model, tokenizer, tmp_path, **keys)
    whole.train()
    again = trainer(start, tokenizer, tmp_path, **keys)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert same(trained(whole), trained(again))
    other = trainer(third, tokenizer, tmp_path, sessions(2), **keys)
    with pytest.raises(UserError, match="made with other settings: attempts"):
        other.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))


class Breaking(ByLength):
    """Raises at the nth reply."""

    left = 10**6

    def critique(self, evidence, text):
        self.left -= 1
        if not self.left:
            raise KeyError("out of order")
        return super().critique(evidence, text)


def test_a_critic_that_raises_in_the_middle_is_named_with_its_row_and_the_last_checkpoint_stays(
    model, tokenizer, tmp_path
):
    critic = Breaking()
    made = trainer(model, tokenizer, tmp_path, sessions(3, critic), save_strategy="steps", save_steps=1)
    score = made._generate_and_score_completions

    def breaking(inputs):
        critic.left = 10 if made.state.global_step == 1 else critic.left
        return score(inputs)

    made._generate_and_score_completions = breaking
    with pytest.raises(UserError, match=r"critic 'own' failed on row 'q\d' .KeyError: 'out of order'.: fix it"):
        made.train()
    assert (tmp_path / "checkpoint-1" / "selfdemo.json").exists()


def test_a_critic_that_raises_on_a_row_is_refused_before_the_first_step(model, tokenizer, tmp_path):
    class Picky(ByLength):
        def critique(self, evidence, text):
            return Critique(1.0 if "zinc" not in evidence.question.text else 3.0)

    with pytest.raises(UserError, match=r"critic 'own' failed on row 'q2' .*score is 3: give a share"):
        trainer(model, tokenizer, tmp_path, sessions(2, Picky()))


@pytest.mark.parametrize(
    ("held", "keys", "said"),
    [
        ({"attempts": 4}, {"max_length": 200}, "a session with 4 attempts may need 216 tokens after its prompt"),
        ({"attempts": 2, "max_feedback_tokens": 5}, {}, "max_feedback_tokens is 5, but the chat template alone needs"),
        ({}, {"reward_judge": "llm_label"}, "reward_judge is 'llm_label', but it has no effect when critics"),
        ({}, {"reward_abstain_value": 0.2}, "reward_abstain_value is 0.2, but it has no effect when critics"),
        ({}, {"max_length": 180}, "needs more than max_length 180 tokens even without passages"),
    ],
)
def test_what_cannot_be_held_is_refused_before(model, tokenizer, tmp_path, held, keys, said):
    with pytest.raises(UserError, match=said):
        trainer(model, tokenizer, tmp_path, sessions(**held), **keys)


def test_a_long_critique_loses_its_last_words(tokenizer):
    whole = feedback_ids(tokenizer, "one two three four five six", 64, True, "a critique")
    cut = feedback_ids(tokenizer, "one two three four five six", len(whole) - 2, True, "a critique")
    assert len(cut) <= len(whole) - 2
    assert "one two" in tokenizer.decode(cut) and "six" not in tokenizer.decode(cut)
    assert cut[-3:] == whole[-3:], "the next attempt begins as ever"


def test_critics_see_the_passages_that_are_shown_in_their_order(model, tokenizer, tmp_path):
    seen = []

    class Watching(ByLength):
        def critique(self, evidence, text):
            seen.append(evidence)
            return super().critique(evidence, text)

    made = trainer(model, tokenizer, tmp_path, sessions(2, Watching()), passage_order="reversed", max_steps=1)
    seen.clear()
    made.train()
    assert {row.passages[-1].title for row in seen} <= {"tin", "lead", "zinc", "gold", "iron"}
    assert all(len(row.passages) == 2 and row.passages[0].title == "x" and not row.question.answers for row in seen)


def test_a_shortened_row_does_not_hold_the_answer_that_was_cut(tokenizer):
    from hf_selfdemo.training.given import ASKED, given_rows
    from hf_selfdemo.training.prompt_collator import PromptCollator

    [row] = given_rows(
        [rows(1)[0] | {"passages": [{"title": "t", "text": "tin was found by tin miners. " * 30}]}], ASKED
    )
    assert row["answer_in_context"]
    whole, cut = (PromptCollator(tokenizer, length)([row])[0]["evidence"] for length in (2048, 100))
    assert (len(whole.passages), whole.answer_in_context) == (1, True)
    assert (len(cut.passages), cut.answer_in_context) == (0, False)


def test_figures_of_sessions(row):
    critics = named_critics(["at_most_words"], most_words=2)
    first, second = Session(row, critics, 2), Session(row, critics, 2)
    first.take("I don't know.")
    first.take("Clemens Winkler")
    second.take("It was Clemens Winkler himself")
    second.take("I don't know that.")
    found = session_figures([first, second], 2)
    assert found == {"satisfied_by_1": 0, "satisfied_by_2": 0.5, "attempts": 2, "abstention_rate": 0.5}
    assert SessionReward(2)([], [], session=[first, second]) == [1.0, 0.5]

"""The traps of plain TRL, each set on purpose, are found before the first step."""

import copy

import pytest
from datasets import Dataset
from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.training.preflight import examine
from hf_selfdemo.training.preflight.spans import Trained, faults

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*truncation mode is deprecated.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*packing.*:UserWarning"),
]

GENERATION = "{% if message['role'] == 'assistant' %}{% generation %}BODY{% endgeneration %}{% else %}BODY{% endif %}"


def rows(count=4, long=(), reply="Clemens Winkler."):
    """Conversations with prompt and completion apart, as TRL wants them."""
    passages = {i: "It is said in many books. " * (200 if i in long else 1) for i in range(count)}
    return [
        {
            "id": f"q{i}",
            "prompt": [{"role": "user", "content": f"{passages[i]}Who discovered element {i}?"}],
            "completion": [{"role": "assistant", "content": reply}],
        }
        for i in range(count)
    ]


def pairs(**keys):
    rejected = [{"role": "assistant", "content": "It was Lecoq de Boisbaudran, in Paris, in 1875."}]
    return [
        {"id": row["id"], "prompt": row["prompt"], "chosen": row["completion"], "rejected": rejected}
        for row in rows(**keys)
    ]


def messages(**keys):
    return [{"id": row["id"], "messages": row["prompt"] + row["completion"]} for row in rows(**keys)]


def without(data, *columns):
    return [{name: value for name, value in row.items() if name not in columns} for row in data]


@pytest.fixture
def common(tmp_path):
    return {
        "output_dir": str(tmp_path),
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "report_to": [],
        "per_device_train_batch_size": 2,
    }


@pytest.fixture
def sft(model, tokenizer, common):
    """A plain SFTTrainer, with TRL's defaults but for what a test changes."""

    def make(data, tokenizer=tokenizer, collator=None, **keys):
        data = Dataset.from_list(data) if isinstance(data, list) else data
        return SFTTrainer(model, SFTConfig(**common | keys), collator, data, processing_class=tokenizer)

    return make


@pytest.fixture
def dpo(model, tokenizer, common):
    def make(data, **keys):
        args, data = DPOConfig(**common | keys), Dataset.from_list(data)
        return DPOTrainer(model, copy.deepcopy(model), args, train_dataset=data, processing_class=tokenizer)

    return make


def with_template(tokenizer, body, prompt="<|im_start|>assistant\n"):
    """A tokenizer whose turns hold `body` after their header."""
    other = copy.deepcopy(tokenizer)
    turns = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}" + body + "{% endfor %}"
    other.chat_template = turns + "{% if add_generation_prompt %}{{ '" + prompt + "' }}{% endif %}"
    return other


def refusal(trainer, given=None):
    with pytest.raises(UserError) as caught:
        examine(trainer, given)
    return str(caught.value)


def ends(tokenizer, data):
    """Tokens of the shortest prompt and of the shortest whole conversation."""
    rendered = [
        [
            len(
                tokenizer(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=start))[
                    "input_ids"
                ]
            )
            for turns, start in ((row["prompt"], True), (row["prompt"] + row["completion"], False))
        ]
        for row in data
    ]
    return min(prompt for prompt, _ in rendered), min(whole for _, whole in rendered)


# ---- what is right ----


@pytest.mark.parametrize("keys", [{}, {"packing": True}, {"shuffle_dataset": True}, {"max_length": None}])
def test_prompt_and_completion_apart_are_trained_as_they_should(sft, keys):
    report = examine(sft(rows(), **keys), rows())
    assert report.rows == 4 and report.warnings == [] and sum(report.lengths) == report.tokens
    assert report.sample.trained == "Clemens Winkler.<|im_end|>\n"
    assert report.sample.prompt_tail.endswith("<|im_start|>assistant\n")


def test_pairs_that_fit_are_trained_as_they_should(dpo):
    report = examine(dpo(pairs()), pairs())
    assert report.rows == 4 and report.sample.trained == "Clemens Winkler.<|im_end|>\n"
    assert report.sample.rejected == "It was Lecoq de Boisbaudran, in Paris, in 1875.<|im_end|>\n"


def test_a_template_that_marks_text_and_stop_token_is_fine(sft, tokenizer):
    marked = with_template(tokenizer, GENERATION.replace("BODY", "{{ message['content'] + '<|im_end|>\n' }}"))
    report = examine(sft(messages(), marked, assistant_only_loss=True), messages())
    assert report.sample.trained == "Clemens Winkler.<|im_end|>\n"


def test_a_stream_is_looked_at_in_part(sft):
    report = examine(sft(Dataset.from_list(rows()).to_iterable_dataset(), max_steps=1), rows())
    assert report.rows == 4


def test_the_trainer_of_this_package_passes(model, tokenizer, tmp_path):
    from hf_selfdemo.data.rows import FEATURES
    from hf_selfdemo.training.sft import SelfDemoConfig, SelfDemoTrainer

    passage = {"id": "p", "title": "Germanium", "text": "Clemens Winkler discovered it. " * 90, "score": 1.0}
    blank = dict.fromkeys(FEATURES) | {"mode": "rag", "answers": [], "candidates": [], "outcome": "answer"}
    filled = {"passages": [passage] * 4, "response": "Winkler."}
    data = [blank | filled | {"id": f"q{i}", "question": f"Who discovered element {i}?"} for i in range(3)]
    args = SelfDemoConfig(output_dir=str(tmp_path), use_cpu=True, max_length=1024, report_to=[])
    trainer = SelfDemoTrainer(model, args, Dataset.from_list(data, features=FEATURES), tokenizer)
    report = examine(trainer, data)
    assert report.lengths == trainer.preflight_report.lengths and report.longest <= 1024
    assert trainer.preflight_report.cut == 3 and report.sample.trained == "Winkler.<|im_end|>"


# ---- rows that are too long ----


def test_rows_dropped_at_trls_own_max_length_are_named(sft):
    """1,024 tokens are TRL's default; the trainer says nothing, and trains the two rows that are left."""
    trainer = sft(rows(long=(1, 3)))
    assert trainer.args.max_length == 1024 and len(trainer.train_dataset) == 2
    said = "row 'q1' was dropped by the trainer's preparation (and 1 more: 'q3'): raise max_length, or shorten the rows"
    assert refusal(trainer, rows(long=(1, 3))) == said


@pytest.mark.parametrize("keys", [{}, {"shuffle_dataset": True}])
def test_without_ids_rows_are_named_by_their_place(sft, keys):
    data = without(rows(long=(1, 3)), "id")
    assert "row '1' was dropped by the trainer's preparation (and 1 more: '3')" in refusal(sft(data, **keys), data)


def test_rows_that_cannot_be_told_apart_are_counted(sft, tokenizer):
    texts = [{"text": tokenizer.apply_chat_template(r["messages"], tokenize=False)} for r in messages()]
    trainer = sft(texts)
    trainer.train_dataset = trainer.train_dataset.select(range(3))
    assert "1 of 4 rows were dropped" in refusal(trainer, texts)


def test_rows_all_dropped_are_refused(sft):
    assert "has dropped all rows" in refusal(sft(rows(), max_length=8))


@pytest.mark.parametrize("missing", [1, 3])
def test_rows_whose_answer_is_cut_are_named(sft, tokenizer, missing):
    prompt, whole = ends(tokenizer, rows())
    cut = whole - 1 - missing
    assert prompt < cut < whole
    trainer = sft(rows(), max_length=cut)
    assert len(trainer.train_dataset) == 4
    assert f"row 'q0' loses its end at max_length {cut}" in refusal(trainer, rows())


def test_rows_that_lose_the_beginning_of_their_prompt_are_named(sft):
    trainer = sft(rows(long=(2,)), max_length=64, truncation_mode="keep_end")
    assert "row 'q2' has another prompt than the one used at inference" in refusal(trainer, rows(long=(2,)))


def test_rows_cut_by_packing_are_refused(sft, tokenizer):
    cut = ends(tokenizer, rows())[1] - 3
    said = refusal(sft(rows(), packing=True, packing_strategy="wrapped", max_length=cut), rows())
    assert f"loses its end at max_length {cut}" in said


def test_rows_longer_than_the_model_are_named(sft, model):
    model.config.max_position_embeddings = 512
    said = refusal(sft(rows(long=(1,)), max_length=None))
    assert said == "row 'q1' is longer than the model's 512 positions: set max_length to 512"


# ---- masks ----


@pytest.fixture
def tokenised(tokenizer):
    """What people do who tokenise themselves: whole conversations, labels left to the collator."""
    chats = [tokenizer.apply_chat_template(row["messages"], tokenize=False).rstrip() for row in messages()]
    return [{"id": f"q{i}", "input_ids": tokenizer(chat)["input_ids"]} for i, chat in enumerate(chats)]


SKIP = {"dataset_kwargs": {"skip_prepare_dataset": True}}


def test_a_collator_that_masks_the_pad_token_masks_every_stop_token(sft, tokenizer, tokenised):
    """pad = eos, as in many tokenizers, and transformers' own collator: the model never stops."""
    assert tokenizer.pad_token == tokenizer.eos_token
    trainer = sft(tokenised, collator=DataCollatorForLanguageModeling(tokenizer, mlm=False), **SKIP)
    labels = trainer.data_collator([{"input_ids": row["input_ids"]} for row in tokenised])["labels"]
    assert (labels != tokenizer.eos_token_id).all(), "the trap is set"
    said = refusal(trainer, tokenised)
    assert "row 'q0' has no loss on its stop token '<|im_end|>', so that the model would never stop (and 3 more" in said
    assert "row 'q0' has a loss on its whole prompt (and 3 more: " in said


def test_the_same_trap_is_found_in_transformers_own_trainer(model, tokenizer, tokenised, tmp_path):
    args = TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to=[])
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    trainer = Trainer(model, args, collator, Dataset.from_list(tokenised), processing_class=tokenizer)
    assert "has no loss on its stop token" in refusal(trainer, tokenised)


def test_a_template_without_generation_markers_masks_everything(sft, tokenizer):
    """TRL refuses this template itself where it makes the mask; who makes it by hand gets zeros, and a loss of 0.0."""
    with pytest.raises(ValueError, match="generation"):
        sft(messages(), assistant_only_loss=True)
    made = []
    for row in messages():
        chat = tokenizer.apply_chat_template(row["messages"], return_assistant_tokens_mask=True, return_dict=True)
        kept = zip(chat["input_ids"], chat["assistant_masks"], strict=True)
        labels = [token if bit else -100 for token, bit in kept]
        made.append({"id": row["id"], "input_ids": chat["input_ids"], "labels": labels})
    trainer = sft(made, **SKIP)
    assert refusal(trainer, made).startswith("row 'q0' has no token with a loss (and 3 more: ")


def test_a_template_that_marks_the_text_alone_never_trains_the_stop_token(sft, tokenizer):
    body = GENERATION.replace("BODY", "{{ message['content'] }}") + "{{ '<|im_end|>\n' }}"
    trainer = sft(messages(), with_template(tokenizer, body), assistant_only_loss=True)
    assert "row 'q0' has no loss on its stop token '<|im_end|>'" in refusal(trainer, messages())


@pytest.mark.parametrize(("data", "keys"), [(messages(), {}), (rows(), {"completion_only_loss": False})])
def test_conversations_whose_prompt_is_trained_are_named(sft, data, keys):
    assert "row 'q0' has a loss on its whole prompt (and 3 more: " in refusal(sft(data, **keys), data)


def test_several_turns_are_only_warned_of(sft, tokenizer):
    marked = with_template(tokenizer, GENERATION.replace("BODY", "{{ message['content'] + '<|im_end|>\n' }}"))
    twice = [{"id": row["id"], "messages": row["messages"] * 2} for row in messages()]
    [warning] = examine(sft(twice, marked, assistant_only_loss=True), twice).warnings
    assert warning.startswith("row 'q0' has a loss on several separate spans (and 3 more: ")


def test_texts_that_end_in_another_token_are_named(sft, tokenizer):
    other = copy.deepcopy(tokenizer)
    other.eos_token = "<|endoftext|>"
    plain = [{"id": r["id"], "prompt": f"Q: {r['id']}\nA:", "completion": " Winkler."} for r in rows()]
    said = refusal(sft(plain, other), plain)
    assert said.startswith("row 'q0' does not end with the stop token '<|im_end|>' (and 3 more: ")


def test_a_reply_that_holds_a_stop_token_is_named(sft):
    data = rows(1) + [row | {"id": "q9"} for row in rows(1, reply="Winkler.<|im_end|>\nLecoq.")]
    assert refusal(sft(data), data).startswith("row 'q9' continues after the stop token '<|im_end|>': remove that")


@pytest.mark.parametrize("more", [[7], [7, 8]])
def test_what_is_trained_after_the_last_stop_token_is_found(tokenizer, more):
    stop = tokenizer.eos_token_id
    row = Trained([5, 6, stop, *more], [-100, 6, stop, *more])
    assert [what for what, _ in faults(row, stop, tokenizer)] == ["does not end with the stop token '<|im_end|>'"]
    assert not list(faults(Trained(row.ids[:3], row.labels[:3]), stop, tokenizer))


def test_a_template_that_shows_the_prompt_alone_otherwise_is_refused(sft, tokenizer):
    thinking = with_template(tokenizer, "{{ message['content'] + '<|im_end|>\n' }}", "<|im_start|>assistant\nHm. ")
    said = refusal(sft(rows(), thinking), rows())
    assert said.startswith("row 'q0' has another prompt than the one used at inference (and 3 more: ")


def test_a_prompt_that_melts_into_its_reply_is_refused(sft, tokenizer):
    """Tokens that straddle the border are never seen at inference."""
    plain = [{"id": "q0", "prompt": "What did he do? He disc", "completion": "overed it."}]
    prompt, whole = (
        tokenizer(text)["input_ids"] for text in ("What did he do? He disc", "What did he do? He discovered it.")
    )
    assert whole[: len(prompt)] != prompt, "the trap is set"
    assert "row 'q0' has another prompt than the one used at inference" in refusal(sft(plain), plain)


def test_a_collator_that_fails_is_refused_with_its_reason(sft, tokenizer):
    trainer = sft(rows(), collator=DataCollatorForLanguageModeling(tokenizer, mlm=False))  # knows no labels to pad
    assert "the collator cannot make a batch of rows 'q0', 'q1' (Unable to create tensor" in refusal(trainer)


def test_a_model_that_would_not_stop_is_warned_of(sft, model):
    trainer = sft(rows())
    trainer.model.generation_config.eos_token_id = 0
    assert "but generation does not stop there" in examine(trainer).warnings[0]


# ---- pairs ----


def test_pairs_whose_replies_are_cut_are_named(dpo, tokenizer):
    """TRL keeps a row as long as one token of its reply is left."""
    prompt, whole = ends(tokenizer, rows())
    trainer = dpo(pairs(), max_length=whole + 1)
    said = refusal(trainer, pairs())
    assert len(trainer.train_dataset) == 4
    assert f"rejected text of row 'q0' loses its end at max_length {whole + 1} (and 3 more: " in said
    assert "chosen text of row 'q0' loses its end" in refusal(dpo(pairs(), max_length=prompt + 2), pairs())


def test_pairs_that_lose_their_replies_to_the_prompt_are_named(dpo):
    trainer = dpo(pairs(long=(0, 2)))
    assert trainer.args.max_length == 1024
    said = "row 'q0' was dropped by the trainer's preparation (and 1 more: 'q2')"
    assert said in refusal(trainer, pairs(long=(0, 2)))

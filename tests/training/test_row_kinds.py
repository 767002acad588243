"""For each kind of row exactly the right tokens are shown, and exactly the right ones have a loss."""

import pytest
import torch

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Demonstration, Evidence, Judged, Passage, Question, Segment
from hf_selfdemo.data.rows import FEATURES, SEGMENTED, dataset_row
from hf_selfdemo.prompting.chat import control_ids, encode_prompt, encode_response, encode_text, stop_token_id
from hf_selfdemo.prompting.prompts import render
from hf_selfdemo.training.collator import IGNORED, SelfDemoDataCollator
from hf_selfdemo.training.given import given_rows
from hf_selfdemo.training.preflight import preflight
from hf_selfdemo.training.row_kinds import ROW_KINDS
from hf_selfdemo.training.sft import SelfDemoConfig, SelfDemoTrainer

PASSAGES = [{"id": "p", "title": "Pumps", "text": "Ada Storm built it in 1901."}]
TEXTS = [kind for kind, rules in ROW_KINDS.items() if kind and not rules.ranks]
"""Kinds of rows that are texts."""
TEXT = "The pump was built by Ada Storm. It works day and night."


def row(kind, segments=None, **changes):
    segments = segments or [{"text": TEXT, "loss": True, "noise": 0.0}]
    response = "".join(one["text"] for one in segments if one.get("loss", True))
    made = {"id": f"{kind}1", "question": "Who built the pump?", "passages": PASSAGES, "response": response}
    return made | {"outcome": "answer", "kind": kind, "segments": segments} | changes


def batch(tokenizer, *rows, **keys):
    made = SelfDemoDataCollator(tokenizer, **keys)(given_rows(list(rows)).to_list())
    return [
        (ids[mask.bool()].tolist(), labels[mask.bool()].tolist())
        for ids, labels, mask in zip(made["input_ids"], made["labels"], made["attention_mask"], strict=True)
    ]


def test_a_document_is_its_text_alone_and_learnt_from_the_first_token(tokenizer):
    [(ids, labels)] = batch(tokenizer, row("document"))
    assert ids == labels == encode_text(tokenizer, TEXT) == tokenizer(TEXT)["input_ids"]
    assert stop_token_id(tokenizer) not in ids


def test_a_chat_is_a_reply_to_the_question_alone(tokenizer):
    [(ids, labels)] = batch(tokenizer, row("chat"))
    prompt = encode_prompt(tokenizer, [{"role": "user", "content": "Who built the pump?"}])
    assert ids == prompt + encode_response(tokenizer, TEXT)
    assert labels == [IGNORED] * len(prompt) + ids[len(prompt) :] and labels[-1] == stop_token_id(tokenizer)


def test_a_whole_chat_is_learnt_with_its_question(tokenizer):
    [(ids, labels)] = batch(tokenizer, row("whole_chat"))
    prompt = encode_prompt(tokenizer, render("closed_book", "Who built the pump?"))
    assert ids == labels == prompt + encode_response(tokenizer, TEXT)


def test_a_continuation_goes_on_after_its_passages_and_does_not_end(tokenizer):
    [(ids, labels)] = batch(tokenizer, row("continuation", question="The pump was"))
    prompt = encode_prompt(tokenizer, render("continue", "The pump was", [Passage("p", PASSAGES[0]["text"], "Pumps")]))
    assert ids[: len(prompt)] == prompt and labels[: len(prompt)] == [IGNORED] * len(prompt)
    assert labels[len(prompt) :] == ids[len(prompt) :] and ids[-1] != stop_token_id(tokenizer)
    assert tokenizer.decode(ids[len(prompt) :]).strip() == TEXT


def test_segments_without_a_loss_are_shown_and_not_learnt(tokenizer):
    parts = [{"text": "The pump was built by ", "loss": False}, {"text": "Ada Storm.", "loss": True}]
    for kind in ("document", "chat", "continuation"):
        [(ids, labels)] = batch(tokenizer, row(kind, parts))
        learnt = [token for token in labels if token != IGNORED]
        assert tokenizer.decode(learnt, skip_special_tokens=True) == "Ada Storm."
        assert "The pump was built by Ada Storm." in tokenizer.decode(ids)


def test_noise_replaces_what_is_shown_and_keeps_what_is_learnt(tokenizer):
    noisy = row("document", [{"text": TEXT * 20, "noise": 0.3}])
    [(ids, labels)] = batch(tokenizer, noisy)
    assert labels == encode_text(tokenizer, TEXT * 20)
    changed = sum(a != b for a, b in zip(ids, labels, strict=True)) / len(ids)
    assert 0.2 < changed < 0.4 and not control_ids(tokenizer) & set(ids)
    assert batch(tokenizer, noisy) == [(ids, labels)], "the same in every batch of an epoch"
    collator = SelfDemoDataCollator(tokenizer)
    collator.epoch = 1
    assert collator.encode(noisy).shown_ids != ids and collator.encode(noisy).labels == labels


def test_control_tokens_in_a_document_stay_text(tokenizer):
    [(ids, _)] = batch(tokenizer, row("document", [{"text": "It ends here.<|im_end|> Or not."}]))
    assert not control_ids(tokenizer) & set(ids)


def test_the_usual_rows_are_what_they_were(tokenizer):
    usual = row("", response="Ada Storm.", segments=[])
    plain = {key: value for key, value in usual.items() if key not in ("kind", "segments")}
    assert batch(tokenizer, usual, row("chat"))[:1] == batch(tokenizer, plain)
    assert given_rows([plain]).features == FEATURES and given_rows([row("chat")]).features == SEGMENTED


def test_an_unknown_kind_and_a_row_that_is_too_long_are_refused(tokenizer):
    with pytest.raises(UserError, match=r"row 'chats1' has the unknown kind 'chats': did you mean 'chat'\?"):
        batch(tokenizer, row("chats"))
    with pytest.raises(ValueError, match=r"row 'document1' needs \d+ tokens, more than max_length 8"):
        batch(tokenizer, row("document"), max_length=8)


def test_the_preflight_shows_a_row_of_each_kind(tokenizer):
    rows = given_rows([row(kind, response=TEXT) for kind in TEXTS])
    report = preflight(rows, SelfDemoDataCollator(tokenizer))
    assert set(report.samples) == set(TEXTS) and report.rows == 5
    assert report.samples["document"].prompt_tail == "" and report.samples["chat"].trained.startswith(TEXT[:20])
    assert report.counts == {"text": 5}


def test_a_collator_that_learns_other_tokens_is_found_out(tokenizer):
    class Wrong(SelfDemoDataCollator):
        def __call__(self, rows):
            made = super().__call__(rows)
            made["labels"][:, -3] = IGNORED
            return made

    with pytest.raises(UserError, match="has a loss on other tokens than its response"):
        preflight(given_rows([row("document")]), Wrong(tokenizer))


def test_all_kinds_are_trained_together(model, tokenizer, tmp_path):
    rows = [row(kind, response=TEXT) for kind in TEXTS] + [row("", response="Ada Storm.", id="usual")]
    args = SelfDemoConfig(str(tmp_path), use_cpu=True, per_device_train_batch_size=6, max_steps=2, logging_steps=1)
    made = SelfDemoTrainer(model, args, rows, tokenizer)
    made.train()
    first = made.state.log_history[0]
    assert torch.isfinite(torch.tensor([first["text_loss"], first["answer_loss"]])).all()


def test_a_demonstration_becomes_a_row_of_its_kind():
    evidence = Evidence(Question("q", "Who?"))
    made = Demonstration(evidence, "Ada.", "answer", "rag", kind="document", segments=(Segment("Ada.", noise=0.1),))
    found = dataset_row(Judged(evidence, [], [], [made]), made)
    assert (found["kind"], found["segments"]) == ("document", [{"text": "Ada.", "loss": True, "noise": 0.1}])
    with pytest.raises(UserError, match="noise"):
        Segment("Ada.", noise=1.0)

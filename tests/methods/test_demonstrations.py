"""No row is lost, repeated or leaked between questions and dataset, whatever interrupts the run."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.manifest import file_hash, fingerprint
from hf_selfdemo.core.types import CALL_FAILED, Demonstration, Reply, Skip
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.data.retrieval.evidence import collect_evidence, leave_gold_out
from hf_selfdemo.data.rows import evidence_of
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.judging.tournament import TournamentJudge
from hf_selfdemo.methods.demonstrations import demonstrate, load_demonstrations
from hf_selfdemo.methods.ra_it import RaIt
from hf_selfdemo.methods.self_demo import Choosing, Sampling, SelfDemo
from hf_selfdemo.methods.shares import abstentions_over


@pytest.fixture
def evidence(questions, passages):
    retriever = BM25Retriever(passages)
    rows = collect_evidence(questions[:20], retriever, 2)
    return rows + leave_gold_out(rows, retriever, 2)[:10]


@pytest.fixture
def scripted(questions):
    """Knows every second answer, and how to refuse when asked to."""
    answers = {q.text: q.answers[0] for q in questions[::2]}

    def reply(request):
        if request.choices:
            return request.choices[request.seed % len(request.choices)]
        if request.stage == "refusal":
            return f"The passages do not mention this. ({request.seed % 7})"
        text = request.messages[-1]["content"]
        return next((f"It is {a}." for q, a in answers.items() if q in text), "It is the moon.")

    return lambda: ScriptedGenerator(reply)


def chosen(max_abstain_share=1.0, **keys):
    """Self-demonstration that leaves out no abstention and no pair unless asked to."""
    keys = {"pair_abstain_ratio": 0.0} | keys
    return SelfDemo(choosing=Choosing(max_abstain_share=max_abstain_share, **keys))


def run(evidence, generator, folder, judge=None, strategy=None, **keys):
    return demonstrate(evidence, strategy or chosen(), generator, judge or AnswerMatchJudge(), folder, **keys)


def test_every_row_is_a_demonstration_or_has_a_named_reason(evidence, scripted, tmp_path):
    dataset = run(evidence, scripted(), tmp_path, strategy=chosen(0.4))
    skipped = [json.loads(line) for line in (tmp_path / "skipped.jsonl").open(encoding="utf-8")]
    assert sorted(dataset["id"]) + sorted(s["id"] for s in skipped) != []
    assert {*dataset["id"]} | {s["id"] for s in skipped} == {row.id for row in evidence}
    assert len(dataset) + len(skipped) == len(evidence)
    assert all(s["reason"] for s in skipped)


def test_the_manifest_comes_once_and_last(evidence, scripted, tmp_path):
    """Whoever is stopped before it leaves none, and none of an earlier dataset beside the files of this one."""

    def about(dataset):
        names.append({path.name for path in tmp_path.iterdir()})
        return {"model": {"name": len(dataset)}}

    def stopped(dataset):
        about(dataset)
        raise KeyboardInterrupt

    names = []
    dataset = run(evidence, scripted(), tmp_path, about=about)
    assert json.loads((tmp_path / "manifest.json").read_text())["model"] == {"name": len(dataset)}
    with pytest.raises(KeyboardInterrupt):
        run(evidence, scripted(), tmp_path, strategy=chosen(0.4), about=stopped)
    assert names == [{"train.parquet", "candidates.jsonl", "skipped.jsonl"}] * 2
    assert not (tmp_path / "manifest.json").exists()


def test_right_answers_win_and_failures_abstain(evidence, scripted, tmp_path):
    dataset = run(evidence, scripted(), tmp_path)
    for row in dataset:
        known = any(a in row["response"] for a in row["answers"])
        assert row["outcome"] == ("answer" if known else "abstain")
    assert {"answer", "abstain"} == set(dataset["outcome"])


def test_saved_dataset_equals_the_returned_one_and_keeps_passages(evidence, scripted, tmp_path):
    dataset = run(evidence, scripted(), tmp_path)
    again = load_demonstrations(tmp_path)
    assert again.features == dataset.features and again.to_list() == dataset.to_list()
    assert again[0]["passages"][0]["text"] == evidence[0].passages[0].text


@pytest.mark.parametrize("killed_after", [0, 1, 13, 100, 260])
@pytest.mark.parametrize("judge", [AnswerMatchJudge, TournamentJudge])
def test_a_killed_run_goes_on_without_repeating_or_dropping(evidence, scripted, tmp_path, killed_after, judge):
    undisturbed = RecordedGenerator(scripted(), Ledger(tmp_path / "a.sqlite"))
    expected = run(evidence, undisturbed, tmp_path / "a", judge(), SelfDemo(Sampling(summarise=True)), window=3)
    made = []

    def mortal(request):
        if len(made) == killed_after:
            raise KeyboardInterrupt
        made.append(request.id)
        return scripted().reply(request)

    first = RecordedGenerator(ScriptedGenerator(mortal), Ledger(tmp_path / "b.sqlite"))
    with pytest.raises(KeyboardInterrupt):
        run(evidence, first, tmp_path / "b", judge(), SelfDemo(Sampling(summarise=True)), window=3)
    second = RecordedGenerator(scripted(), Ledger(tmp_path / "b.sqlite"))
    resumed = run(evidence, second, tmp_path / "b", judge(), SelfDemo(Sampling(summarise=True)), window=3)
    assert resumed.to_list() == expected.to_list()
    assert first.usage.calls + second.usage.calls == undisturbed.usage.calls
    for name in ("train.parquet", "candidates.jsonl", "skipped.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert not [p.name for p in (tmp_path / "b").iterdir() if "part" in p.name]


def test_another_judge_or_pair_policy_writes_nothing_again(evidence, scripted, tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    first = RecordedGenerator(scripted(), ledger)
    before = run(evidence, first, tmp_path / "a")
    second = RecordedGenerator(scripted(), ledger)
    after = run(evidence, second, tmp_path / "b", TournamentJudge(), chosen(pair_policy="other_label"))
    assert set(second.usage.by_stage) == {"judge"} and second.usage.calls > 0
    assert set(second.reused.by_stage) >= {"rag", "closed_book", "refusal"}
    assert after.to_list() != before.to_list()


class Unlucky(ScriptedGenerator):
    """Cannot answer some requests."""

    def __init__(self, reply, fails):
        super().__init__(reply)
        self.fails = fails

    def stream(self, requests):
        for i, reply in super().stream(requests):
            yield i, Reply("", "error", error=f"no answer to {requests[i].id}") if self.fails(requests[i]) else reply


def test_a_failed_call_costs_its_row_alone_and_is_asked_again(evidence, scripted, tmp_path):
    expected = {row["id"]: row for row in run(evidence, scripted(), tmp_path / "a")}
    bad = evidence[4].id
    failing = Unlucky(scripted().reply, lambda request: request.id == f"{bad}/rag/1")
    ledger = Ledger(tmp_path / "ledger.sqlite")
    rows = {row["id"]: row for row in run(evidence, RecordedGenerator(failing, ledger), tmp_path / "b")}
    assert rows == {i: row for i, row in expected.items() if i != bad} and bad in expected
    [skipped] = [json.loads(line) for line in (tmp_path / "b/skipped.jsonl").open() if bad in line]
    assert skipped["reason"] == CALL_FAILED and "rag/1" in skipped["detail"]
    again = RecordedGenerator(scripted(), ledger)
    assert {row["id"]: row for row in run(evidence, again, tmp_path / "b")} == expected
    assert again.usage.calls == 1


def test_where_no_row_can_be_asked_the_reason_is_the_error(evidence, scripted, tmp_path):
    with pytest.raises(UserError, match=r"the calls of all rows failed: no answer to .*/rag/0"):
        run(evidence, Unlucky(scripted().reply, lambda request: True), tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_judge_that_talks_nonsense_changes_no_other_row(evidence, scripted, tmp_path, share):
    def babbling(request):
        if request.stage == "judge" and sum(request.id.split("/judge")[0].encode()) % 10 < 10 * share:
            return "hmm"
        return scripted().reply(request)

    expected = {row["id"]: row for row in run(evidence, scripted(), tmp_path / "a", TournamentJudge(tries=2))}
    judge = TournamentJudge(tries=2)
    rows = {row["id"]: row for row in run(evidence, ScriptedGenerator(babbling), tmp_path / "b", judge)}
    assert all(row == expected[i] for i, row in rows.items())
    manifest = json.loads((tmp_path / "b/manifest.json").read_text())
    lost = [json.loads(line) for line in (tmp_path / "b/skipped.jsonl").open()]
    assert len(rows) + len(lost) == len(evidence)
    assert {0.0: 0, 1.0: len(expected)}.get(share, len(expected) - len(rows)) == len(expected) - len(rows)
    assert all(one["reason"].startswith("unscored") for one in lost if one["id"] in expected)
    assert bool(manifest["judge"]["unread_matches"]) == (share > 0)


@pytest.mark.parametrize("said", ["", "   "])
def test_empty_replies_win_nothing(evidence, tmp_path, said):
    dataset = run(evidence, ScriptedGenerator(lambda request: said), tmp_path, TournamentJudge())
    assert len(dataset) == 0 and dataset.column_names
    skipped = [json.loads(line)["reason"] for line in (tmp_path / "skipped.jsonl").open()]
    assert len(skipped) == len(evidence) and all(reason.startswith("unscored") for reason in skipped)


def test_replies_that_are_cut_off_win_nothing(evidence, tmp_path):
    long = ScriptedGenerator(lambda request: "word " * 50)
    assert len(run(evidence, long, tmp_path, strategy=SelfDemo(Sampling(max_candidate_tokens=5)))) == 0


def test_rows_may_come_from_a_generator_and_are_gone_through_once(evidence, scripted, tmp_path):
    expected = run(evidence, scripted(), tmp_path / "a").to_list()
    seen = []
    rows = (seen.append(row.id) or row for row in evidence)
    assert run(rows, scripted(), tmp_path / "b").to_list() == expected and len(seen) == len(evidence)


@pytest.mark.parametrize("policy", ["keep", "drop"])
def test_the_rate_of_unverified_winners_does_not_hang_on_the_policy(evidence, scripted, tmp_path, policy):
    dataset = run(evidence, scripted(), tmp_path, TournamentJudge(), chosen(unverified_winners=policy))
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    rows = [json.loads(line) for line in (tmp_path / "candidates.jsonl").open()]
    wrong = 0
    for row in rows:
        [label] = {c["label"] for c in row["candidates"] if c["place"] == 1}
        right = any(c["label"] == "correct" for c in row["candidates"])
        wrong += label == "incorrect" or (label == "abstain" and right)
    assert 0 < wrong < len(rows) and manifest["unverified_winner_rate"] == wrong / len(rows)
    assert all(dataset["verified"]) == (policy == "drop") and len(dataset) == len(rows) - wrong * (policy == "drop")


def test_an_answer_that_was_cut_off_makes_no_abstention_unverified(evidence, tmp_path):
    """Neither in the rows nor in the rate: both go by what could have won."""
    answers = {row.id: row.question.answers[0] for row in evidence}

    def reply(request):
        if request.choices or request.stage == "refusal":
            return request.choices[0] if request.choices else f"The passages do not say. {request.seed % 7}"
        return answers[request.id.split("/")[0]] + " word" * 30

    strategy = SelfDemo(Sampling(max_candidate_tokens=10))
    dataset = run(evidence, ScriptedGenerator(reply), tmp_path, TournamentJudge(), strategy)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["candidate_labels"]["rag: correct"] > 0 and set(dataset["outcome"]) == {"abstain"}
    assert all(dataset["verified"]) and manifest["unverified_winner_rate"] == 0


def test_every_pair_is_said_in_the_manifest(evidence, scripted, tmp_path):
    dataset = run(evidence, scripted(), tmp_path, strategy=chosen(pair_policy="other_label"))
    pairs = json.loads((tmp_path / "manifest.json").read_text())["pairs"]
    assert sum(pairs.values()) == len(dataset) and pairs["answer over abstain"] > 0
    assert all(one["text"] and one["label"] for row in dataset for one in row["rejected"])


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.5, 3.0])
def test_pairs_are_balanced_and_what_is_left_out_is_counted(evidence, scripted, tmp_path, ratio):
    def pairs(folder, **keys):
        strategy = chosen(pair_policy="wrong_and_refusal", **keys)
        dataset = run(evidence, scripted(), folder, strategy=strategy)
        return dataset, json.loads((folder / "manifest.json").read_text())

    everything, all_of_it = pairs(tmp_path / "all", pair_abstain_ratio=0.0)
    assert not all_of_it["pairs_left_out"]
    dataset, manifest = pairs(tmp_path / "some", pair_abstain_ratio=ratio)
    kinds = {kind: count for kind, count in manifest["pairs"].items() if kind != "no pair"}
    made = [f"{row['outcome']} over {one['label']}" for row in dataset for one in row["rejected"]]
    assert kinds == {kind: made.count(kind) for kind in kinds} and sum(kinds.values()) == len(made)
    left_out = sum(manifest["pairs_left_out"].values())
    assert left_out == sum(len(row["rejected"]) for row in everything) - len(made)
    assert all(f"pair_abstain_ratio {ratio:g}" in reason for reason in manifest["pairs_left_out"])
    abstain = sum(count for kind, count in kinds.items() if kind.startswith("abstain"))
    answers = sum(count for kind, count in kinds.items() if kind.startswith("answer"))
    if ratio:
        assert left_out and abs(abstain - ratio * answers) <= max(1, ratio)
    assert dataset["id"][:] == everything["id"][:], "a row that loses its pairs is still a row"
    assert pairs(tmp_path / "again", pair_abstain_ratio=ratio)[0].to_list() == dataset.to_list()


def test_pairs_of_rows_that_are_left_out_do_not_count(evidence, scripted, tmp_path):
    dataset = run(evidence, scripted(), tmp_path, strategy=chosen(0.25, pair_policy="wrong_answer"))
    abstain = sum(len(row["rejected"]) for row in dataset if row["outcome"] == "abstain")
    assert 0 < abstain <= dataset["outcome"][:].count("abstain")


def test_a_pair_is_not_left_out_without_a_reason(evidence, scripted, tmp_path):
    strategy = chosen(pair_policy="other_label")
    silent = SimpleNamespace(
        write=strategy.write,
        select=strategy.select,
        arrange=lambda groups, seed: {0: ""} if " over " in groups[0] else {},
    )
    with pytest.raises(UserError, match="leaves out a pair without a reason"):
        run(evidence, scripted(), tmp_path, strategy=silent)


def test_no_gold_answer_in_any_request(evidence, tmp_path):
    from dataclasses import replace

    rows = [replace(r, question=replace(r.question, answers=("SENTINEL",))) for r in evidence]
    asked = []
    generator = ScriptedGenerator(lambda request: asked.append(str(request)) or "no idea")
    run(rows, generator, tmp_path)
    assert len(asked) == 9 * len(rows) and not any("SENTINEL" in text for text in asked)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_share_of_abstentions_is_capped_and_said(evidence, scripted, tmp_path, share):
    dataset = run(evidence, scripted(), tmp_path, strategy=chosen(share))
    abstain = dataset["outcome"][:].count("abstain")
    assert abstain <= share * len(dataset) + 1e-9
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    left_out = manifest["skipped"].get(f"abstention over max_abstain_share {share:g}", 0)
    assert left_out + len(dataset) == len(evidence)
    if share == 0.25:
        assert left_out > 0 and abstain > 0


def test_nothing_is_left_out_where_there_is_no_answer_to_balance():
    assert abstentions_over(["abstain", "replay", "abstain"], 0.5, seed=0) == []


def with_one_text(row):
    """A row as it was written when there was one rejected text at most."""
    [one] = row["rejected"] or [{"text": "", "label": ""}]
    return row | {"rejected": one["text"], "rejected_label": one["label"]}


@pytest.mark.parametrize(
    ("share", "rows", "skipped"),
    [
        (0.25, "fb1f7640a6ecac89", "af651dcdc234e2c6"),
        (0.4, "a675202863dbfbbd", "1eecc4c447d5e23f"),
        (1.0, "d0d827d86f39969e", "e3b0c44298fc1c14"),
    ],
)
def test_which_abstentions_are_left_out_is_as_it_ever_was(evidence, scripted, tmp_path, share, rows, skipped):
    """The hashes are of what was made when the pipeline drew them and not the method."""
    dataset = run(evidence, scripted(), tmp_path, strategy=chosen(share))
    assert fingerprint([with_one_text(row) for row in dataset]) == rows
    assert file_hash(tmp_path / "skipped.jsonl").startswith(skipped)


class Three:
    """Three rows a question: its own, and two more in groups of their own."""

    def __init__(self, suffixes=("", "#row_2", "#row_3"), left_out=None):
        self.suffixes, self.left_out, self.groups = suffixes, left_out or {}, []

    def write(self, evidence):
        return []
        yield

    def select(self, evidence, candidates, verdicts):
        if not evidence.question.answers:
            return Skip("no accepted answer is known")
        return [
            Demonstration(evidence, f"{evidence.question.answers[0]}{'!' * i}", "answer", "gold", suffix=s, group=s)
            for i, s in enumerate(self.suffixes)
        ]

    def arrange(self, groups, seed):
        self.groups = list(groups)
        return self.left_out


def test_a_question_may_have_several_rows_and_a_choice_over_all_leaves_some_out(evidence, tmp_path):
    """A row is named only if there is a reason; each row that went in is kept or named once."""
    strategy = Three(left_out={0: "too many like it", 4: "", 5: "not that one"})
    dataset = run(evidence[:3], ScriptedGenerator(), tmp_path, strategy=strategy)
    assert strategy.groups == ["answer", "#row_2", "#row_3"] * 3
    a, b, c = (row.id for row in evidence[:3])
    assert dataset["id"][:] == [f"{a}#row_2", f"{a}#row_3", b, c, f"{c}#row_2", f"{c}#row_3"]
    assert dataset["response"][0].endswith("!") and dataset["response"][2] == evidence[1].question.answers[0]
    skipped = [json.loads(line) for line in (tmp_path / "skipped.jsonl").open()]
    assert [(row["id"], row["reason"]) for row in skipped] == [(a, "too many like it"), (f"{b}#row_3", "not that one")]
    written = [json.loads(line) for line in (tmp_path / "candidates.jsonl").open()]
    assert [(row["id"], row["skipped"]) for row in written] == [(a, "too many like it"), (b, ""), (c, "")]
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["rows_in"], manifest["demonstrations"]) == (3, 6)


def test_places_are_counted_over_what_was_not_skipped(evidence, questions, tmp_path):
    bare = replace(evidence[0], question=replace(questions[0], id="bare", answers=()))
    dataset = run([bare, evidence[1]], ScriptedGenerator(), tmp_path, strategy=Three(left_out={1: ""}))
    assert dataset["id"][:] == [evidence[1].id, f"{evidence[1].id}#row_3"]


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (Three(suffixes=()), "select returned an empty list for row .*: return a list of demonstrations, or a Skip"),
        (Three(suffixes=("", "#row_2", "#row_2")), r"suffixes \['', '#row_2', '#row_2'\]: give the first no suffix"),
        (Three(suffixes=("#row_2",)), "give the first no suffix, and each other a unique one"),
        (Three(suffixes=("", "-2")), "suffix is '-2': write '#row_2', '#row_3' and so on"),
        (Three(left_out={9: "too many"}), "arrange leaves out index 9 of 9 groups: return indices of the groups"),
    ],
)
def test_a_strategy_that_breaks_its_contract_is_refused_by_the_row(evidence, tmp_path, strategy, said):
    with pytest.raises(UserError, match=said):
        run(evidence[:3], ScriptedGenerator(), tmp_path, strategy=strategy)
    assert not (tmp_path / "manifest.json").exists()


def test_one_demonstration_that_stands_in_no_list_is_refused(evidence, tmp_path):
    strategy = Three()
    strategy.select = lambda row, *_: Demonstration(row, "Bern.", "answer", "gold")
    with pytest.raises(UserError, match="select returned a Demonstration for row"):
        run(evidence, ScriptedGenerator(), tmp_path, strategy=strategy)


def test_a_questions_own_row_that_is_left_out_and_not_named_is_no_finished_run(evidence, tmp_path):
    with pytest.raises(UserError, match=f"arrange leaves out row {evidence[1].id!r} without a reason: return"):
        run(evidence[:3], ScriptedGenerator(), tmp_path, strategy=Three(left_out={3: ""}))
    assert not (tmp_path / "manifest.json").exists()


def test_replay_rows_are_closed_book_and_the_models_own_words(evidence, scripted, tmp_path):
    dataset = run(evidence, scripted(), tmp_path, strategy=chosen(replay_share=0.25))
    replays = dataset.filter(lambda r: r["mode"] == "closed_book")
    assert len(replays) == round(0.25 * (len(dataset) - len(replays)))
    for row in replays:
        own = [c["text"] for c in row["candidates"] if c["source"] == "closed_book"]
        assert row["response"] in own and row["passages"] == []
        assert row["id"].endswith("#closed_book") and evidence_of(row).id == row["id"].removesuffix("#closed_book")
    assert len(set(dataset["id"])) == len(dataset)
    assert not [json.loads(line) for line in (tmp_path / "skipped.jsonl").open()], "an extra that is not drawn"
    again = run(evidence, scripted(), tmp_path / "again", strategy=chosen(replay_share=0.25))
    assert again.to_list() == dataset.to_list()


def test_replay_rows_are_drawn_per_row_that_is_kept(evidence, scripted, tmp_path):
    dataset = run(evidence, scripted(), tmp_path, strategy=chosen(0.25, replay_share=0.5))
    replays = dataset["mode"][:].count("closed_book")
    assert 0 < replays == round(0.5 * (len(dataset) - replays))
    assert dataset["outcome"][:].count("abstain") <= 0.25 * (len(dataset) - replays)


def test_the_baseline_needs_no_generation(evidence, tmp_path):
    generator = ScriptedGenerator(lambda request: pytest.fail("asked"))
    dataset = demonstrate(evidence, RaIt(), generator, AnswerMatchJudge(), tmp_path)
    assert all(row["response"] == row["answers"][0] for row in dataset)


def test_repeated_ids_are_refused(evidence, tmp_path):
    with pytest.raises(ValueError, match="not unique"):
        run([*evidence, evidence[0]], ScriptedGenerator(), tmp_path)


@pytest.mark.parametrize(
    ("role", "given", "said"),
    [
        ("judge", SimpleNamespace(judge=AnswerMatchJudge().judge), "the judge is a SimpleNamespace and has no report"),
        ("judge", AnswerMatchJudge, "the judge is the class AnswerMatchJudge, not an object of it"),
        ("strategy", SimpleNamespace(write=1), "the strategy is a SimpleNamespace and has no select"),
        ("generator", SimpleNamespace(stream=1), "the generator is a SimpleNamespace and has no identity, concurrency"),
    ],
)
def test_a_part_that_lacks_a_member_is_refused_before_the_first_row(evidence, tmp_path, role, given, said):
    asked = []
    generator = ScriptedGenerator(lambda request: asked.append(request) or "It is the moon.")
    parts = {"strategy": SelfDemo(), "generator": generator, "judge": AnswerMatchJudge()} | {role: given}
    with pytest.raises(UserError, match=said):
        demonstrate(evidence, parts["strategy"], parts["generator"], parts["judge"], tmp_path / "made")
    assert not asked and not (tmp_path / "made").exists()


@pytest.mark.parametrize("ask", [collect_evidence, leave_gold_out])
def test_a_retriever_that_cannot_retrieve_is_refused(ask):
    with pytest.raises(
        UserError, match=r"the retriever is a list and has no retrieve: add the members that protocols\.Retr"
    ):
        ask([], [], 2)

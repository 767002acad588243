"""What a user types: the verbs end to end on a tiny model, and every mistake as one line with exit code 2."""

import errno
import json
import os
import subprocess
import sys
import time

import pytest

from hf_selfdemo.verbs.cli import main


@pytest.fixture
def flags(model_folder, tmp_path):
    """The whole job in seconds, with gold targets: a tiny random model writes nothing worth learning."""
    return [
        f"--output_dir={tmp_path / 'run'}",
        f"--model_name_or_path={model_folder}",
        "--method=ra_it",
        "--max_train_questions=6",
        "--max_train_unanswerable=2",
        "--max_test_questions=4",
        "--max_test_unanswerable=2",
        "--test_twins=2",
        "--passages_per_question=2",
        "--max_answer_tokens=4",
        "--num_train_epochs=1",
        "--lora_r=2",
        "--use_cpu",
        "--index_dir",
        str(tmp_path / "index"),
    ]


def error_of(capsys, *arguments):
    assert main(list(arguments)) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("hf-selfdemo: ") and not any("Traceback" in line for line in lines), lines
    return lines[-1]


def test_run_goes_from_questions_to_table_and_finds_it_done_the_second_time(flags, tmp_path, capsys):
    assert main(["run", *flags]) == 0
    out = capsys.readouterr().out
    assert "base" in out and "tuned" in out and "always abstain" in out
    run = tmp_path / "run"
    table = (run / "evaluation/table.md").read_text()
    assert "false refusals" in table and "closed-book: change" in table
    manifest = json.loads((run / "demonstrations/manifest.json").read_text())
    assert manifest["rows_in"] == 8 and manifest["demonstrations"] == 6
    assert manifest["skipped"] == {"no gold answer to train on": 2}
    assert manifest["on_policy"]["rows"] == 6
    assert json.loads((run / "model/manifest.json").read_text())["rows_trained"] == 6
    adapter = json.loads((run / "model/adapter_config.json").read_text())
    weights = (run / "model/adapter_model.safetensors").stat().st_mtime_ns
    assert main(["run", *flags]) == 0
    assert (run / "model/adapter_model.safetensors").stat().st_mtime_ns == weights
    assert (run / "evaluation/table.md").read_text() == table
    assert adapter["r"] == 2 and not (run / "rounds").exists()


def test_full_training_is_evaluated_too(flags, tmp_path, capsys):
    assert main(["run", *flags, "--use_peft=false", "--evaluate_modes", "rag"]) == 0
    assert (tmp_path / "run/model/model.safetensors").exists()
    assert "tuned" in capsys.readouterr().out


def test_interrupted_training_goes_on_from_its_checkpoint(flags, tmp_path, monkeypatch):
    from transformers import Trainer

    steps = []
    step = Trainer.training_step

    def counted(self, *args, **kwargs):
        steps.append(1)
        if len(steps) == 3:
            raise KeyboardInterrupt
        return step(self, *args, **kwargs)

    monkeypatch.setattr(Trainer, "training_step", counted)
    saving = ["--save_strategy=steps", "--save_steps=1", "--per_device_train_batch_size=2"]
    assert main(["demonstrate", *flags]) == 0
    assert main(["train", *flags, *saving]) == 130
    assert main(["train", *flags, *saving]) == 0
    assert len(steps) == 2 + 1 + 1, "two steps, the one that was stopped, and that one again"


def test_self_demo_reuses_candidates_when_only_the_choice_changes(flags, tmp_path, capsys):
    flags = [f for f in flags if not f.startswith("--method")] + ["--max_candidate_tokens=3", "--rag_candidates=2"]
    assert main(["demonstrate", *flags]) == 0
    made = json.loads((tmp_path / "run/demonstrations/manifest.json").read_text())["usage"]
    assert made["calls"] > 0
    other = ["--abstain_when=not_in_context", "--max_abstain_share=0.3", "--judge=tournament", "--pair_policy=gold"]
    capsys.readouterr()
    assert main(["demonstrate", *flags, *other]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "is selected again and replaced: judge was 'answer_match', is 'tournament'" in said
    manifest = json.loads((tmp_path / "run/demonstrations/manifest.json").read_text())
    assert manifest["usage"]["by_stage"].keys() <= {"judge"}
    assert manifest["reused"]["calls"] == made["calls"]
    assert manifest["selection"]["pair_policy"] == "gold"


def test_shards_fill_one_ledger_and_a_plain_run_puts_it_together(flags, brief_model, tmp_path):
    flags = [f for f in flags if not f.startswith("--method")] + [f"--model_name_or_path={brief_model}"]
    flags += ["--max_candidate_tokens=12", "--judge=tournament", "--max_abstain_share=1"]
    assert main(["demonstrate", *flags, f"--output_dir={tmp_path / 'whole'}"]) == 0
    for shard in ("0/2", "1/2"):
        assert main(["demonstrate", *flags, "--shard", shard]) == 0
        assert not (tmp_path / "run/demonstrations/train.parquet").exists()
    assert main(["demonstrate", *flags]) == 0
    together, whole = (tmp_path / name / "demonstrations" for name in ("run", "whole"))
    assert (together / "train.parquet").read_bytes() == (whole / "train.parquet").read_bytes()
    manifest = json.loads((together / "manifest.json").read_text())
    assert manifest["usage"]["calls"] == 0 and manifest["demonstrations"] > 0


def test_a_device_map_changes_nothing_on_one_device(flags, brief_model, tmp_path):
    flags = [f for f in flags if not f.startswith("--method")] + [f"--model_name_or_path={brief_model}"]
    flags += ["--max_candidate_tokens=12", "--max_train_questions=2"]
    for name, extra in (("plain", []), ("mapped", ["--device_map=cpu"])):
        assert main(["demonstrate", *flags, f"--output_dir={tmp_path / name}", *extra]) == 0
    plain, mapped = (tmp_path / name / "demonstrations/candidates.jsonl" for name in ("plain", "mapped"))
    assert plain.read_bytes() == mapped.read_bytes()


def test_plan_tells_what_is_then_spent_and_its_sample_is_not_asked_again(flags, tmp_path, capsys):
    flags = [f for f in flags if not f.startswith("--method")]
    flags += ["--max_candidate_tokens=4", "--judge=tournament", "--max_train_questions=24", "--summarise"]
    assert main(["plan", *flags, "--price_prompt=1", "--price_generated=2", "--plan_questions=10"]) == 0
    said = capsys.readouterr()
    plan = json.loads((tmp_path / "run/plan.json").read_text())
    assert f"{plan['questions']} questions, estimated from 10" in said.out and "time: about" in said.err
    assert main(["demonstrate", *flags]) == 0
    manifest = json.loads((tmp_path / "run/demonstrations/manifest.json").read_text())
    assert manifest["reused"]["calls"] > 0
    for name in ("calls", "prompt_tokens", "generated_tokens"):
        spent = manifest["usage"][name] + manifest["reused"][name]
        assert plan["all"][name] == pytest.approx(spent, rel=0.1), name
    assert plan["price"] == pytest.approx((plan["all"]["prompt_tokens"] + 2 * plan["all"]["generated_tokens"]) / 1e6)
    assert main(["plan", *flags, "--plan_questions=10"]) == 0
    assert json.loads((tmp_path / "run/plan.json").read_text())["seconds"] == plan["seconds"]


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(flags, tmp_path, capsys, monkeypatch):
    replace, full = os.replace, [True]

    def no_room(source, target):
        if full[0] and str(target).endswith("train.parquet"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(source, target)

    monkeypatch.setattr(os, "replace", no_room)
    flags = [f for f in flags if not f.startswith("--method")] + ["--max_candidate_tokens=3"]
    assert "the disk is full" in error_of(capsys, "demonstrate", *flags)
    assert not (tmp_path / "run/demonstrations/train.parquet").exists()
    full[0] = False
    assert main(["demonstrate", *flags]) == 0
    assert json.loads((tmp_path / "run/demonstrations/manifest.json").read_text())["usage"]["calls"] == 0


def test_plan_for_a_strategy_that_asks_nothing(flags, capsys):
    assert main(["plan", *flags]) == 0
    assert "no calls" in capsys.readouterr().err


def test_ledger_shows_what_it_holds(flags, tmp_path, capsys):
    assert "there is no generation cache" in error_of(capsys, "ledger", *flags)
    flags = [f for f in flags if not f.startswith("--method")] + ["--max_candidate_tokens=3"]
    assert main(["demonstrate", *flags]) == 0
    capsys.readouterr()
    assert main(["ledger", f"--output_dir={tmp_path / 'run'}"]) == 0
    table = capsys.readouterr().out
    assert main(["ledger", f"--ledger={tmp_path / 'run/ledger.sqlite'}"]) == 0
    assert capsys.readouterr().out == table
    assert "closed_book" in table and "refusal" in table and "transformers/" in table


def test_prompts_are_searched_once_and_used(flags, tmp_path, capsys):
    flags = [f for f in flags if not f.startswith("--method")] + ["--max_candidate_tokens=3", "--prompt_search"]
    flags += ["--search_train_examples=2", "--search_eval_examples=2", "--search_steps=1", "--search_topk=1"]
    flags += ["--search_beam_size=1", "--max_search_answer_tokens=3"]
    assert main(["prompts", *flags]) == 0
    found = (tmp_path / "run/prompts/rag.jsonl").read_bytes()
    assert main(["demonstrate", *flags]) == 0
    assert (tmp_path / "run/prompts/rag.jsonl").read_bytes() == found
    rows = [json.loads(line) for line in (tmp_path / "run/demonstrations/candidates.jsonl").open()]
    assert "search/rag_1" in {c["prompt"] for row in rows for c in row["candidates"]}
    again = [f"--output_dir={tmp_path / 'other'}", f"--prompts_dir={tmp_path / 'run/prompts'}"]
    assert main(["demonstrate", *[f for f in flags if f != "--prompt_search"], *again]) == 0


def test_another_run_is_never_overwritten(flags, tmp_path, capsys):
    assert main(["demonstrate", *flags]) == 0
    before = (tmp_path / "run/demonstrations/train.parquet").read_bytes()
    capsys.readouterr()
    error = error_of(capsys, "demonstrate", *flags, "--passages_per_question=1")
    assert "belongs to another run: other questions, passages or counterfactuals" in error and "output_dir" in error
    assert (tmp_path / "run/demonstrations/train.parquet").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--train_questions=nowhere.jsonl"], "no file nowhere.jsonl"),
        (["--columns=answers=gold_answer"], "no column 'gold_answer'"),
        (["--preset=squat"], "did you mean 'squad'?"),
        (["--method=self_demon"], "did you mean 'self_demo'?"),
        (["--retriever=bm52"], "did you mean 'bm25'?"),
        (["--judge=turnament"], "did you mean 'tournament'?"),
        (["--retriever=given"], "no question has passages"),
        (["--passages_per_question=0"], "passages_per_question is 0: give 1 or more"),
        (["--sources=elsewhere"], "no train question is left"),
        (["--learning_rat=1"], "unknown option --learning_rat: did you mean 'learning_rate'?"),
        (["--num_train_epochs=many"], "num_train_epochs"),
        (["--model_name_or_path=./nowhere"], "neither a model folder nor a GGUF file"),
        (["--abstain_when=never", "--method=self_demo"], "abstain_when"),
        (["--pair_policy=golden", "--method=self_demo"], "did you mean 'gold'?"),
        (["--engine=severs"], "did you mean 'server'?"),
        (["--engine=server"], "server_url is not set"),
        (["--shard=2/2"], "shard: '2/2' is not of the form i/n"),
        (["--max_abstain_share=1.5", "--method=self_demo"], "max_abstain_share is 1.5: give a share between 0 and 1"),
        (["--judge=tournament", "--bracket_size=1"], "bracket"),
        (["--prompts_dir=nowhere", "--method=self_demo"], "cannot be read"),
    ],
)
def test_mistakes_end_in_one_line(flags, capsys, change, message):
    assert message in error_of(capsys, "demonstrate", *flags, *change)


def test_only_training_may_be_launched_in_several_processes(flags, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "run was launched in 2 processes, but runs in one: use the launcher for train only" in error_of(
        capsys, "run", *flags
    )


def test_the_package_can_be_run_as_a_module():
    done = subprocess.run([sys.executable, "-m", "hf_selfdemo", "trian"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "") and "did you mean 'train'?" in done.stderr


def test_unknown_recipe_key_names_the_near_match(tmp_path, capsys):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("output_dir: x\npasages_per_question: 3\n")
    error = error_of(capsys, "run", "--config", str(recipe))
    assert "unknown recipe option 'pasages_per_question': did you mean 'passages_per_question'?" in error


@pytest.mark.parametrize(
    ("text", "message"), [("", "sets no options"), ("a: [", "is not valid YAML"), ("- x\n", "sets no options")]
)
def test_broken_recipes(tmp_path, capsys, text, message):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(text)
    assert message in error_of(capsys, "run", "--config", str(recipe))


TOKEN = "hf_" + "aB3dE5gH7j" * 4


@pytest.mark.parametrize(
    "text",
    [
        f"output_dir: x\nhub_token: {TOKEN}: x\n",
        f"output_dir: x\nhub_token: [{TOKEN}\n",
        f"output_dir: x\nhub_token: !{TOKEN} x\n",
        f"output_dir: x\nhub_tokn: {TOKEN}\n",
        f"output_dir: x\nhub_token: [{TOKEN}]\n",
        f"output_dir: x\nseed: {TOKEN}\n",
        f"output_dir: x\n{TOKEN}: 1\n",
    ],
)
def test_no_message_about_a_recipe_quotes_a_token(tmp_path, capsys, text):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(text)
    main(["push", "--config", str(recipe), "--dry_run"])
    assert TOKEN[:12] not in "".join(capsys.readouterr())


def test_help_does_not_show_the_token_of_a_recipe(tmp_path, capsys):
    recipe = tmp_path / "r.yaml"
    recipe.write_text(
        "output_dir: x\nhub_token: of no shape that anybody knows 1\nserver_url: http://me:pa55word@db.internal/v1\n"
    )
    with pytest.raises(SystemExit):
        main(["push", "--config", str(recipe), "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "anybody knows" not in told and "pa55word" not in told and "(not shown)" in told


def test_a_key_given_twice_is_refused_by_its_line(tmp_path, capsys):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("learning_rate: 1e-4\noutput_dir: x\nlearning_rate: 2e-4\n")
    error = error_of(capsys, "run", "--config", str(recipe))
    assert "r.yaml sets 'learning_rate' (line 3) more than once: keep one of them" in error


def test_a_run_needs_a_folder(capsys):
    assert "output_dir is not set" in error_of(capsys, "run", "--method=ra_it")


def test_missing_recipe_and_unknown_verb(capsys):
    assert "cannot be read" in error_of(capsys, "run", "--config", "nowhere.yaml")
    assert "did you mean 'evaluate'?" in error_of(capsys, "evalute")


def test_verbs_out_of_order_say_what_to_run_first(flags, capsys):
    assert "run `hf-selfdemo demonstrate`" in error_of(capsys, "train", *flags)
    assert "run `hf-selfdemo train`" in error_of(capsys, "evaluate", *flags)


def test_an_unknown_model_is_one_line(flags, capsys):
    flags = [f for f in flags if not f.startswith("--model")]
    assert "'nobody/nothing' cannot be loaded" in error_of(
        capsys, "demonstrate", *flags, "--model_name_or_path=nobody/nothing"
    )


def test_a_question_whose_passages_never_held_the_answer_has_no_twin(flags, tmp_path):
    corpus, questions = tmp_path / "corpus.jsonl", tmp_path / "q.jsonl"
    lines = ["Winkler found germanium.", "Germanium is a metal.", "Neon is a gas.", "Neon glows."]
    corpus.write_text("".join(json.dumps({"id": str(i), "title": "", "text": t}) + "\n" for i, t in enumerate(lines)))
    asked = {"a": ("Who found germanium?", "Winkler"), "b": ("Who found neon?", "Ramsay")}
    rows = ({"id": i, "question": text, "answers": [answer]} for i, (text, answer) in asked.items())
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = [f"--train_questions={questions}", f"--train_corpus={corpus}", "--train_twins=-1"]
    assert main(["demonstrate", *flags, *data]) == 0
    rows = [json.loads(line) for line in (tmp_path / "run/demonstrations/candidates.jsonl").open()]
    assert sorted(row["id"] for row in rows) == ["a", "a#gold_removed", "b"]
    assert {row["skipped"] for row in rows} == {""}


def test_a_prompt_that_cannot_fit_names_the_row(flags, tmp_path, capsys):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(json.dumps({"id": "p", "title": "Germanium", "text": "germanium discovered " * 25_000}) + "\n")
    questions = tmp_path / "q.jsonl"
    questions.write_text(
        json.dumps({"id": "q7", "question": "Who discovered germanium?", "answers": ["Winkler"]}) + "\n"
    )
    data = [f"--train_questions={questions}", f"--train_corpus={corpus}", "--method=self_demo"]
    error = error_of(capsys, "demonstrate", *flags, *data, "--max_passage_words=0")
    assert "'q7" in error and "max_passage_words" in error
    assert main(["demonstrate", *flags, *data, "--max_candidate_tokens=2", "--output_dir", str(tmp_path / "cut")]) == 0


def test_interrupt_is_one_line_and_exit_code_130(flags, capsys, monkeypatch):
    import hf_selfdemo.verbs.demonstrate

    def interrupted(recipe):
        raise KeyboardInterrupt

    monkeypatch.setattr(hf_selfdemo.verbs.demonstrate, "run_demonstrate", interrupted)
    assert main(["demonstrate", *flags]) == 130
    assert "repeat the command to continue" in capsys.readouterr().err


def test_help_is_quick_and_free_of_heavy_imports():
    code = (
        "import sys; from hf_selfdemo.verbs.cli import main; main(['--help']);"
        "import hf_selfdemo; print([m for m in ('torch','transformers','trl','datasets','bm25s') if m in sys.modules])"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0].startswith("usage: hf-selfdemo")
    assert done.stdout.splitlines()[-1] == "[]"
    assert time.perf_counter() - start < 5  # the aim is half a second; this only catches a heavy import


def test_every_recipe_parses():
    from pathlib import Path

    from hf_selfdemo.verbs.cli import parse

    every = sorted((Path(__file__).parents[2] / "recipes").rglob("*.yaml"))
    recipes = [path for path in every if path.parent.name != "accelerate"]  # those are for its launcher
    assert len(recipes) >= 3
    for recipe in recipes:
        assert parse(["--config", str(recipe)]).output_dir


def test_memory_that_arrow_frees_goes_back_to_the_system():
    code = "; ".join(
        [
            "from hf_selfdemo.verbs.cli import main",
            "main(['recipes'])",
            "import pyarrow",
            "assert pyarrow.default_memory_pool().backend_name == 'system'",
        ]
    )
    unset = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    subprocess.run([sys.executable, "-c", code], check=True, env=unset, stdout=subprocess.DEVNULL)

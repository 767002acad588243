"""The examples run as they stand, from their own command line, with a tiny model and a few made-up rows."""

import runpy
import sys
from pathlib import Path

import pytest
import yaml
from asked_rows import worse
from datasets import Dataset

from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.data.rows import FEATURES, evidence_row
from hf_selfdemo.testing import StrategyContract

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
ELEMENTS = (("germanium", "Clemens Winkler"), ("iodine", "Bernard Courtois"), ("gallium", "Paul-Émile Lecoq"))


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs an example as `python examples/NAME.py ARGUMENTS` would, and returns the names that it leaves."""

    def run(name, *arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        return runpy.run_path(str(EXAMPLES / name), run_name="__main__")

    return run


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory):
    """A `train.parquet` with two passages a row, three answers with pairs and one abstention."""
    path = tmp_path_factory.mktemp("demonstrations") / "train.parquet"
    shown = tuple(Passage(name, f"{who} discovered it.", name.title()) for name, who in ELEMENTS)
    refusal = worse("It is not mentioned.", "abstain")
    rows = [
        evidence_row(Evidence(Question(name, f"Who discovered {name}?", (who,)), shown, answer_in_context=True))
        | {
            "response": f"{who} did.",
            "outcome": "answer",
            "source": "rag",
            "rejected": refusal,
        }
        for name, who in ELEMENTS
    ]
    rows.append(
        evidence_row(Evidence(Question("neon", "Who discovered neon?", ("Ramsay",)), shown))
        | {"response": "That is not mentioned.", "outcome": "abstain", "source": "refusal"}
    )
    Dataset.from_list(rows, features=FEATURES).to_parquet(path)
    return path


def learns(trainer, folder, weights, steps=2):
    """The trainer took its steps with a loss that is a number, and what it trained was saved."""
    assert trainer.state.global_step == steps and 0 < trainer.state.log_history[-1]["train_loss"] < 20
    assert (folder / weights).exists()
    return True


def test_a_plain_trl_script_takes_our_trainer_and_reads_yaml_in_its_style(run, demonstrations, model_folder, tmp_path):
    recipe = yaml.safe_load((EXAMPLES / "trl_script.yaml").read_text(encoding="utf-8"))
    recipe["datasets"][0]["data_files"] = str(demonstrations)
    recipe |= {"model_name_or_path": model_folder, "logging_steps": 1, "use_cpu": True}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(recipe))
    left = run("trl_script.py", "--config", tmp_path / "mine.yaml", "--max_steps=2")
    assert left["training"].passage_order == "shuffled" and left["training"].learning_rate == recipe["learning_rate"]
    assert learns(left["trainer"], tmp_path / "runs/trl_script", "adapter_model.safetensors")


def test_the_yaml_speaks_of_a_finished_quickstart():
    recipe = yaml.safe_load((EXAMPLES / "trl_script.yaml").read_text(encoding="utf-8"))
    quickstart = yaml.safe_load((ROOT / "recipes/quickstart/self_demo.yaml").read_text(encoding="utf-8"))
    assert recipe["datasets"][0]["data_files"] == f"{quickstart['output_dir']}/demonstrations/train.parquet"
    same = ("model_name_or_path", "lora_r", "lora_alpha", "num_train_epochs", "learning_rate", "lr_scheduler_type")
    assert {key: recipe[key] for key in same} == {key: quickstart[key] for key in same}


def test_the_collator_alone_goes_into_a_stock_trainer(run, demonstrations, model_folder, tmp_path):
    left = run(
        "collator_in_your_trainer.py", demonstrations, "--model", model_folder, "--output_dir", "out", "--max_steps=2"
    )
    assert type(left["trainer"]).__module__.startswith("transformers.")
    assert left["collator"].epoch == 1  # four rows are one batch: the second step is the second epoch
    assert learns(left["trainer"], tmp_path / "out", "model.safetensors")


@pytest.mark.parametrize(
    "example, trainer, columns",
    [
        ("stock_sft.py", "SFTTrainer", {"prompt", "completion"}),
        ("stock_dpo.py", "DPOTrainer", {"prompt", "chosen", "rejected"}),
    ],
)
def test_trls_own_trainers_take_demonstrations(run, demonstrations, model_folder, tmp_path, example, trainer, columns):
    left = run(example, demonstrations, "--model", model_folder, "--output_dir", "out", "--max_steps=2")
    assert (type(left["trainer"]).__name__, type(left["trainer"]).__module__.split(".")[0]) == (trainer, "trl")
    assert columns <= set(left["to_trl"](Dataset.from_parquet(str(demonstrations)), "chosen" in columns).column_names)
    assert learns(left["trainer"], tmp_path / "out", "adapter_model.safetensors")


def test_trls_own_grpo_trainer_takes_our_reward_and_an_adapter_to_go_on_from(
    run, demonstrations, model_folder, tmp_path
):
    small = ["--model", model_folder, "--max_steps=2"]
    made = run("stock_grpo.py", demonstrations, *small, "--output_dir", "first")["trainer"]
    left = run("stock_grpo.py", demonstrations, *small, "--output_dir", "out", "--adapter", tmp_path / "first")
    trainer = left["trainer"]
    assert {type(one).__module__.split(".")[0] for one in (made, trainer)} == {"trl"}
    assert left["to_prompts"](Dataset.from_parquet(str(demonstrations)))["id"][-1] == "neon"
    steps = [line for line in trainer.state.log_history if "loss" in line]
    assert len(steps) == 2 and all("unscored" in line and "abstention_rate" in line for line in steps)
    assert "rewards/abstention_reward/mean" in steps[0]
    assert (tmp_path / "out" / "adapter_model.safetensors").exists()


def test_trls_own_self_distillation_tells_its_teacher_the_answer(run, demonstrations, model_folder, tmp_path):
    left = run("stock_sdft.py", demonstrations, "--model", model_folder, "--max_steps=2", "--output_dir", "out")
    assert {"answer_in_context", "privileged_context"} <= set(left["trainer"].train_dataset.column_names)
    told = dict(
        zip(left["trainer"].train_dataset["id"], left["trainer"].train_dataset["privileged_context"], strict=True)
    )
    assert told["iodine"].endswith("Bernard Courtois") and told["neon"].startswith("No passage")
    assert len([line for line in left["trainer"].state.log_history if "train_loss" in line]) == 1
    assert (tmp_path / "out" / "adapter_model.safetensors").exists()


def test_metrics_of_ours_and_of_ones_own_are_combined(run, capsys):
    found = run("metrics_combine.py")["found"]
    assert found["match"] == found["f_score"] == pytest.approx(1 / 3)
    assert found["abstention_recall"] == 1 and found["words"] == 4.5
    assert found["lambda_score"] == pytest.approx((1 + 0.3 * 2) / 4)
    assert "lambda_score       0.40" in capsys.readouterr().out


def test_a_strategy_of_ones_own_makes_demonstrations_of_both_kinds(run, capsys):
    left = run("own_strategy.py")
    dataset = left["dataset"]
    assert {"answer", "abstain"} == set(dataset["outcome"])
    assert all(row["answer_in_context"] != (row["outcome"] == "abstain") for row in dataset)
    assert f"{len(dataset['outcome'][:]) - dataset['outcome'][:].count('answer'):3} abstain" in capsys.readouterr().out


class TestAStrategyOfOnesOwn(StrategyContract):
    @pytest.fixture
    def make(self):
        return runpy.run_path(str(EXAMPLES / "own_strategy.py"))["METHOD"].strategy


TINY = [
    *("--judge=tournament", "--max_train_questions=3", "--max_train_unanswerable=1", "--train_twins=0"),
    *("--rag_candidates=2", "--max_candidate_tokens=12", "--max_abstain_share=1", "--abstain_when=nothing_right"),
    *("--on_policy_rows=2", "--lora_r=2", "--lora_target_modules", "all-linear", "--num_train_epochs=1", "--use_cpu"),
    *("--logging_steps=1", "--meter_rows=2", "--max_test_questions=3", "--max_test_unanswerable=2", "--test_twins=0"),
    *("--evaluate_modes", "rag", "--max_answer_tokens=4"),
]
"""The quickstart's recipe for a model that knows nothing: a few rows, a few tokens."""


def test_the_notebook_goes_through_the_quickstart_with_plots(brief_model, tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="needs nbclient and ipykernel")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel"), pytest.importorskip("matplotlib")
    notebook = nbformat.read(EXAMPLES / "quickstart.ipynb", as_version=4)
    [parameters] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    changes = ["--output_dir=run", f"--model_name_or_path={brief_model}", *TINY]
    parameters.source = f"RECIPE = {str(ROOT / 'recipes/quickstart/self_demo.yaml')!r}\nCHANGES = {changes!r}"
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 5
    told = "".join(output.get("text", "") for output in outputs)
    assert "Warning" not in told and "Traceback" not in told
    assert (tmp_path / "run/evaluation/report.html").exists()


def test_the_notebook_is_kept_without_outputs_of_a_machine():
    notebook = (EXAMPLES / "quickstart.ipynb").read_text(encoding="utf-8")
    assert '"output_type"' not in notebook and '"execution_count": null' in notebook

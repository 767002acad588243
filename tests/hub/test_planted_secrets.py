"""A secret in any file of any artefact stops the push, and is told to nobody; what is clean goes through."""

import gzip
import json
import random
import re
import socket
import string
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from secret_forms import MAKERS, SECRETS

from hf_selfdemo.core.secret_shapes import SHAPES
from hf_selfdemo.core.secrets import secret_in
from hf_selfdemo.hub.inspection import inspect_artefact
from hf_selfdemo.verbs import push
from hf_selfdemo.verbs.cli import main, parse

DATA = Path(__file__).parents[3] / "shared" / "data"
ENVIRONMENT = {
    "DB_PASS": "correcthorsebattery",
    "API_PWD": "/wA9k3Zq7Lm2XcV8b",
    "GH_PAT": "hunterTwoThree",
    "MY_TOKEN": "a b c 1 2 3",
}
ADDED = "planted"
SMALL = [
    *("--method=ra_it", "--passages_per_question=2", "--max_train_questions=4", "--max_train_unanswerable=0"),
    *("--max_test_questions=2", "--max_test_unanswerable=1", "--max_answer_tokens=4", "--num_train_epochs=1"),
    *("--per_device_train_batch_size=4", "--lora_r=2", "--use_cpu", "--on_policy_rows=0", "--meter_rows=1"),
]
STAY = ("ledger.sqlite", "evaluation/manifest.json")
"""Files of a run that stay on this machine: a manifest says where the models lie that it compares."""

ARTEFACTS = {name: build for name, build in push._BUILDERS.items() if name != "retriever"}
"""All that one run leaves; a retriever is left by a run of its own, and looked into by the same code."""
PUSH = ["--hub_base_model=me/tiny", "--artefacts", *ARTEFACTS]


# secrets


def drawn(shape, draw):
    """A text that a regular expression describes, other than by looking around."""
    return "".join(_drawn(part, draw) for part in re._parser.parse(shape))


def _drawn(part, draw):
    kind, what = str(part[0]), part[1]
    if kind == "LITERAL":
        return chr(what)
    if kind == "NOT_LITERAL":
        return draw.choice(string.ascii_letters)
    if kind == "IN":
        return draw.choice([sign for sign in string.ascii_letters + string.digits + "_-." if _in(what, sign)])
    if kind in ("MAX_REPEAT", "MIN_REPEAT"):
        least, most, inner = what
        count = draw.randint(least, min(most, least + 8))
        return "".join(_drawn(one, draw) for _ in range(count) for one in inner)
    if kind == "SUBPATTERN":
        return "".join(_drawn(one, draw) for one in what[3])
    if kind == "BRANCH":
        return "".join(_drawn(one, draw) for one in draw.choice(what[1]))
    assert kind in ("ASSERT", "ASSERT_NOT", "AT", "ANY"), kind
    return "x" if kind == "ANY" else ""


def _in(parts, sign):
    known = {"CATEGORY_DIGIT": str.isdigit, "CATEGORY_WORD": lambda s: s.isalnum() or s == "_"}
    negated = str(parts[0][0]) == "NEGATE"
    held = False
    for kind, what in parts:
        if str(kind) == "LITERAL":
            held |= chr(what) == sign
        elif str(kind) == "RANGE":
            held |= what[0] <= ord(sign) <= what[1]
        elif str(kind) == "CATEGORY":
            name = str(what)
            held |= known[name](sign) if name in known else name == "CATEGORY_SPACE" and sign.isspace()
    return held != negated


def planted(seed):
    """One of every shape, drawn anew for each seed; those known by hand; and values of variables."""
    draw, found = random.Random(seed), []
    for shape in SHAPES.values():
        for _ in range(2):  # which of its forms is left to the draw
            found.append(next(text for text in (drawn(shape, draw) for _ in range(50)) if secret_in(text)))
    return list(dict.fromkeys([*found, *MAKERS.values(), *SECRETS.values(), *ENVIRONMENT.values()]))


# files


def with_secrets(name, file, secrets, folder):
    """A file of an artefact with every secret in a place of its own."""
    target = folder / re.sub(r"\W", "_", name) / Path(name).name
    target.parent.mkdir(parents=True)
    if name.endswith(".parquet"):
        table = pq.read_table(file)
        texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
        row = table.slice(0, 1).to_pylist()[0]
        rows = [row | {texts[i % len(texts)]: secret} for i, secret in enumerate(secrets)]
        pq.write_table(pa.concat_tables([table, pa.Table.from_pylist(rows, schema=table.schema)]), target)
        return target
    if name.endswith(".safetensors"):
        with safe_open(file, "np") as found:
            kept = found.metadata() or {}
        save_file(load_file(file), target, metadata=kept | {f"{ADDED}{i}": s for i, s in enumerate(secrets)})
        return target
    if name.endswith(".npy"):
        np.save(target, np.array(secrets))
        return target
    text = file.read_text(encoding="utf-8") if isinstance(file, Path) else file
    if name.endswith(".json"):
        half = len(secrets) // 2
        added = {f"{ADDED}{i}": {"note": [secret]} for i, secret in enumerate(secrets[:half])}
        text = json.dumps(json.loads(text) | added | {ADDED: dict.fromkeys(secrets[half:], 1)})
    elif name.endswith(".jsonl"):
        text += "".join(json.dumps({"id": str(i), "text": f"see {s}"}) + "\n" for i, s in enumerate(secrets))
    else:
        text += "".join(f"\nwe used {secret} here" for secret in secrets) + "\n"
    if isinstance(file, str):
        return text
    target.write_text(text, encoding="utf-8")
    return target


def count(lines, name):
    """How many places of a file are told of."""
    more = re.compile(rf"{re.escape(name)} has (\d+) more findings")
    return sum(int(found[1]) if (found := more.match(line)) else line.startswith(f"{name}, ") for line in lines)


@pytest.fixture(scope="module")
def run(model_folder, tmp_path_factory):
    """Everything that can be pushed, of the tiny model, made with no secret about."""
    folder = tmp_path_factory.mktemp("clean") / "run"
    assert main(["run", f"--output_dir={folder}", f"--model_name_or_path={model_folder}", *SMALL]) == 0
    return folder, ["push", f"--output_dir={folder}", f"--model_name_or_path={model_folder}", *SMALL, *PUSH]


@pytest.fixture(scope="module")
def artefacts(run):
    """All that `push` knows to make, by its name and kind."""
    recipe = parse(run[1][1:])
    made = {(name, one.repo_id): one for name, build in ARTEFACTS.items() for one in build(recipe, "me")}
    assert {name for name, _ in made} == set(ARTEFACTS)
    [merged] = push._model(parse([*run[1][1:], "--merge_adapter"]), "me")
    return made | {("model", "merged"): merged}


@pytest.fixture
def secrets(monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return planted(0)


def test_as_many_shapes_are_planted_as_there_are_and_each_is_known(secrets):
    assert len(SHAPES) >= 47 and len(secrets) > 2 * 47
    known = {value: name for name, value in ENVIRONMENT.items()}
    assert all(secret_in(f"see {secret}, then", known) for secret in secrets)


def test_every_secret_in_every_file_of_every_artefact_is_found_and_none_is_told(artefacts, secrets, tmp_path):
    kinds = set()
    for number, ((name, _), artefact) in enumerate(artefacts.items()):
        assert inspect_artefact(artefact) == [], "a clean run raises no alarm"
        for file, content in artefact.files.items():
            kinds.add((name, Path(file).suffix))
            bad = with_secrets(file, content, secrets, tmp_path / str(number))
            lines = inspect_artefact(replace(artefact, files={**artefact.files, file: bad}))
            if file.endswith(".npy"):
                assert [line for line in lines if line.startswith(f"{file} is compressed or binary")] == lines != []
            else:
                assert count(lines, file) >= len(secrets), (file, lines)
            assert not told(secrets, "\n".join(lines)), file
    assert len(kinds) > 15 and {".parquet", ".safetensors", ".jsonl", ".json", ".npy", ".py"} <= {k for _, k in kinds}


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_push_is_refused_with_file_and_place_and_nothing_reaches_the_hub(
    artefacts, run, secrets, hub, monkeypatch, capfd, tmp_path, dry_run
):
    """One file of each kind in each artefact at a time, through the command."""
    seen = set()
    for (name, _), artefact in artefacts.items():
        for file, content in artefact.files.items():
            if (name, Path(file).suffix) in seen or file.endswith(".npy"):
                continue
            seen.add((name, Path(file).suffix))
            bad = with_secrets(file, content, secrets, tmp_path / f"{len(seen)}")
            made = replace(artefact, files={**artefact.files, file: bad})
            monkeypatch.setitem(push._BUILDERS, name, lambda recipe, owner, made=made: [made])
            only = [*run[1][: run[1].index("--artefacts")], "--artefacts", name, "--hub_namespace=me"]
            assert main([*only, "--dry_run"] if dry_run else only) == 2, file
            said = capfd.readouterr()
            assert f"{file}, " in said.out + said.err
            assert not told(secrets, said.out + said.err), file
    assert hub.requests == [] and hub.received == 0


def test_a_bug_tells_no_value_of_a_variable(run, secrets, monkeypatch, capfd, tmp_path):
    def broken(recipe, owner):
        raise RuntimeError("no: " + "; ".join(secrets))

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setitem(push._BUILDERS, "dataset", broken)
    assert main([*run[1][: run[1].index("--artefacts")], "--artefacts", "dataset", "--dry_run"]) == 1
    [trace] = tmp_path.glob("hf-selfdemo-*.txt")
    said = capfd.readouterr()
    assert "RuntimeError" in trace.read_text()
    by_shape = [secret for secret in secrets if secret not in SECRETS.values()]
    assert not told(by_shape, said.out + said.err + trace.read_text())


def told(secrets, text):
    return [secret for secret in secrets if secret in text]


def test_files_of_other_kinds_are_looked_into_or_go_nowhere(artefacts, secrets, tmp_path):
    (tmp_path / "c.csv").write_text("id,text\n" + "".join(f"{i},{s}\n" for i, s in enumerate(secrets)))
    (tmp_path / "page.html").write_text("".join(f"<p>{s}</p>\n" for s in secrets))
    (tmp_path / "keys.yaml").write_text(yaml.safe_dump({f"k{i}": s for i, s in enumerate(secrets)}, width=10_000))
    (tmp_path / "training_args.bin").write_bytes("\n".join(secrets).encode())
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress("\n".join(secrets).encode()))
    (tmp_path / "notes.txt").write_text("\n".join(secrets))
    files = {path.name: path for path in tmp_path.iterdir()}
    lines = inspect_artefact(replace(next(iter(artefacts.values())), files=files))
    for name in ("c.csv", "page.html", "keys.yaml", "notes.txt"):
        assert count(lines, name) >= len(secrets), name
    assert sum("is a pickle" in line or "is compressed" in line for line in lines) == 2
    assert not told(secrets, "\n".join(lines))


# what is clean


def test_no_row_of_the_corpora_is_taken_for_a_secret():
    if not DATA.exists():
        pytest.skip("needs ../shared/data")
    rows = 0
    for path in sorted(DATA.rglob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                rows += 1
                assert not secret_in(line), f"row {rows} of {path.name}"
    assert rows > 70_000


def test_no_file_that_leaves_or_may_be_shared_names_the_machine(model_folder, tmp_path, monkeypatch):
    """Model, checkpoints, report, exports and what is made for the Hub; the base is named as the recipe names it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket, "gethostname", lambda: "node-17-of-some-lab")
    Path("base").symlink_to(model_folder)
    run = tmp_path / "runs" / "mine"
    common = [f"--output_dir={run}", "--model_name_or_path=base", *SMALL, "--save_strategy=epoch"]
    assert main(["run", *common]) == 0
    for tool in ("lm_eval", "ragas"):
        assert main(["export", *common, f"--export_to={tool}"]) == 0
    assert main(["push", *common, *PUSH, "--merge_adapter", "--dry_run"]) == 0
    traces = [tmp_path, Path(model_folder).parent, f"{Path.home()}/", "node-17-of-some-lab"]
    files = [path for path in run.rglob("*") if path.is_file() and path.relative_to(run).as_posix() not in STAY]
    assert {"model", "hub", "export", "evaluation"} <= {path.relative_to(run).parts[0] for path in files}
    assert any("checkpoint-" in str(path) for path in files)
    found = {(str(path), str(one)) for path in files for one in traces if str(one).encode() in path.read_bytes()}
    assert found == set()

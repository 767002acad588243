# /// script
# requires-python = ">=3.11"
# dependencies = ["hf-selfdemo"]
# ///
"""Run a recipe as a Hugging Face Job that continues where a stopped one ended.

    python examples/hf_jobs.py --config mine.yaml --state me/mine-state --flavor a10g-small \\
        -- --save_strategy steps --save_steps 50

What follows `--` goes to `hf-selfdemo run`. The job works on its own disk. Every few minutes and at its end it copies
the run (generation cache, demonstrations, checkpoints, model, evaluation) into a private dataset repository, `--state`.
The next attempt begins with that copy, and so does the same command tomorrow: no stored call is made again, and
training goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HTTPError

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import STAGING
from hf_selfdemo.core.secrets import is_secret_name, known_secrets, secret_in
from hf_selfdemo.recipe.recipe_file import read_yaml

RECIPE, RUN, LEDGER = "recipe.yaml", "run", "ledger.sqlite"
NOT_KEPT = (".*", f"*{STAGING}", f"{LEDGER}*", "frozen", "hub")
"""Locks, half-written files, and what can be made again; the ledger is copied by SQLite itself."""


def main(arguments: list[str]) -> int:
    """Submit a job or, inside of one (`--in_job`), do its work; the exit status."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options, flags = _parser().parse_args(arguments[:end]), arguments[end + 1 :]
    api = HfApi()
    try:
        if options.in_job:
            return work(api, options.state, options.every, flags)
        submit(api, options, flags)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def submit(api: HfApi, options: argparse.Namespace, flags: list[str]) -> Any:
    """Put the recipe into the state repository and start the job, which gets the token as a secret.

    Raises:
        UserError: if the recipe contains a secret, or the repository is there and public.
    """
    recipe = read_yaml(options.config)
    content = yaml.safe_dump(recipe, sort_keys=False)
    named = (key for key, value in recipe.items() if isinstance(value, str) and value and is_secret_name(key))
    if secret := next(named, "") or secret_in(content, known_secrets()):
        raise UserError(f"{options.config} contains {secret}", "leave it out: the job gets your token as a secret")
    state = str(api.create_repo(options.state, repo_type="dataset", private=True, exist_ok=True).repo_id)
    refuse_public(api, state)
    api.upload_file(path_or_fileobj=content.encode(), path_in_repo=RECIPE, repo_id=state, repo_type="dataset")
    job = api.run_uv_job(
        __file__,
        script_args=["--in_job", "--state", state, "--every", str(options.every), "--", *flags],
        flavor=options.flavor,
        timeout=options.timeout,
        attempts=options.attempts,
        secrets={"HF_TOKEN": get_token()},
    )
    print(f"job {job.id}: {job.url}\nits run: {api.endpoint}/datasets/{state}")
    return job


def work(api: HfApi, state: str, every: float, flags: list[str]) -> int:
    """Run the recipe from the state on, and copy the run back every so many seconds and at the end; the exit status.

    Raises:
        UserError: if the repository is public.
    """
    refuse_public(api, state)
    with tempfile.TemporaryDirectory() as folder:
        api.snapshot_download(state, repo_type="dataset", local_dir=folder)
        command = [sys.executable, "-m", "hf_selfdemo", "run", "--config", RECIPE, "--output_dir", RUN, *flags]
        process = subprocess.Popen(command, cwd=folder)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())  # it ends in order, and its end is kept
        while True:
            try:
                code = process.wait(every)
            except subprocess.TimeoutExpired:
                code = None
            kept = True
            try:
                keep(api, state, Path(folder) / RUN)
            except (OSError, HTTPError, shutil.Error, sqlite3.Error) as error:  # the next copy may succeed
                kept = False
                print(f"the run was not copied to {state} ({type(error).__name__})", file=sys.stderr)
            if code is not None:
                return code if kept else code or 1  # another attempt, which can copy


def keep(api: HfApi, state: str, run: Path) -> None:
    """Copy a run into the state repository by one commit, or none if nothing is new."""
    if not run.exists():
        return
    whole = {str(note.parent) for note in run.rglob("checkpoint-*/selfdemo.json")}  # the last file of a checkpoint

    def left_out(folder: str, names: list[str]) -> set[str]:
        torn = {name for name in names if name.startswith("checkpoint-") and str(Path(folder, name)) not in whole}
        return torn | shutil.ignore_patterns(*NOT_KEPT)(folder, names)

    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(run, Path(copy, RUN), ignore=left_out)
        if (run / LEDGER).exists():
            with (
                closing(sqlite3.connect(run / LEDGER)) as live,
                closing(sqlite3.connect(Path(copy, RUN, LEDGER))) as own,
            ):
                live.backup(own)
        api.upload_folder(
            repo_id=state,
            repo_type="dataset",
            folder_path=copy,
            delete_patterns=f"{RUN}/*",
            commit_message="Keep the run",
        )


def refuse_public(api: HfApi, state: str) -> None:
    """Keep questions, passages and replies out of a public repository.

    Raises:
        UserError: if it is one.
    """
    if not api.repo_info(state, repo_type="dataset").private:
        raise UserError(
            f"{state} is public, and a run contains passages", "name a new or private repository as --state"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="quickstart/self_demo", help="a recipe, or the name of a packaged one")
    parser.add_argument("--state", required=True, help="private dataset repository that keeps the run")
    parser.add_argument("--every", type=float, default=600, help="seconds between two copies")
    parser.add_argument("--flavor", default="a10g-small", help="hardware of the job; `hf jobs hardware` lists all")
    parser.add_argument("--timeout", default="8h", help="longest time of one attempt")
    parser.add_argument("--attempts", type=int, default=3, help="how often the job is started at most")
    parser.add_argument("--in_job", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

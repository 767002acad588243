"""A push against a Hub in this process: one commit or none, and one line for whatever can go wrong."""

import re

import pytest
from huggingface_hub import HfApi
from server import READER, TOKEN

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.hub.artefact import Artefact
from hf_selfdemo.hub.upload import hub_user, push_artefact

ASKED = ["POST .*/repos/create", "POST .*/preupload/", "PUT .*", "POST .*/commit/"]


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "train-00000-of-00001.parquet"
    write_rows(path, "Who discovered germanium?")
    return path


def write_rows(path, *questions):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"question": list(questions)}), path)


@pytest.fixture
def artefact(shard):
    card = "---\nlicense: mit\n---\n# Demonstrations\n"
    files = {"README.md": card, f"sft/{shard.name}": shard}
    return Artefact("dataset", "me/demonstrations", "dataset", files, "Add 1 demonstration")


@pytest.fixture
def repository(hub):
    return lambda: hub.repositories["dataset", "me/demonstrations"]


def refusal(artefact, **how):
    with pytest.raises(UserError) as raised:
        push_artefact(artefact, **how)
    line = str(raised.value)
    assert "\n" not in line and TOKEN not in line and READER not in line
    return line


def test_a_push_makes_the_repository_and_one_commit_with_every_file(hub, artefact, shard, repository):
    pushed = push_artefact(artefact)
    [commit] = repository().pushes
    assert commit.message == "Add 1 demonstration" and pushed.revision == commit.oid and pushed.changed
    assert pushed.url == f"{hub.url}/datasets/me/demonstrations"
    assert commit.files["README.md"].content == artefact.files["README.md"].encode()
    assert commit.files["sft/train-00000-of-00001.parquet"].content == shard.read_bytes()
    asked = [re.sub(r"/(main|objects/batch|[0-9a-f]{64})$", "", request) for request in hub.requests]
    assert asked == [
        "POST /api/repos/create",
        "GET /api/datasets/me/demonstrations",
        "POST /api/datasets/me/demonstrations/preupload",
        "POST /datasets/me/demonstrations.git/info/lfs",
        "PUT /lfs/datasets/me/demonstrations",
        "POST /api/validate-yaml",
        "POST /api/datasets/me/demonstrations/commit",
    ]


def test_a_push_with_nothing_new_makes_no_commit_and_sends_nothing(hub, artefact, repository):
    first = push_artefact(artefact)
    received = hub.received
    second = push_artefact(artefact)
    assert not second.changed and second.revision == first.revision
    assert len(repository().pushes) == 1 and hub.received == received


def test_a_push_of_another_card_sends_the_card_alone(hub, artefact, repository):
    push_artefact(artefact)
    received = hub.received
    files = {**artefact.files, "README.md": "# Better\n"}
    assert push_artefact(Artefact("dataset", artefact.repo_id, "dataset", files, "Mend the card")).changed
    assert [c.message for c in repository().pushes] == ["Add 1 demonstration", "Mend the card"]
    assert hub.received == received


def test_what_an_earlier_push_left_and_loads_as_something_else_goes_with_the_same_commit(hub, artefact, repository):
    old = {f"sft/train-0000{i}-of-00002.parquet": b"old" for i in (0, 1)}
    hub.add("dataset", artefact.repo_id, **old, **{"LICENSE": b"mine", "notes.md": b"mine"})
    pushed = push_artefact(artefact)
    assert pushed.removed == tuple(old)
    assert set(repository().head.files) == {"LICENSE", "notes.md", *artefact.files}
    assert [c.message for c in repository().pushes] == ["theirs", artefact.message]


def test_types_and_visibility_are_the_repositorys(hub):
    space = Artefact("metric", "lab/qa_accuracy", "space", {"README.md": "# x"}, "Add", space_sdk="gradio")
    model = Artefact("model", "me/tuned", "model", {"README.md": "# x"}, "Add")
    assert push_artefact(space).url == f"{hub.url}/spaces/lab/qa_accuracy"
    assert push_artefact(model, private=True).url == f"{hub.url}/me/tuned"
    found = hub.repositories
    assert found["space", "lab/qa_accuracy"].sdk == "gradio" and not found["space", "lab/qa_accuracy"].private
    assert found["model", "me/tuned"].private


def test_a_public_repository_is_not_taken_for_a_private_one(hub, artefact, repository):
    hub.add("dataset", artefact.repo_id)
    assert "already exists and is public" in refusal(artefact, private=True)
    assert not repository().pushes


def test_another_push_in_its_way_is_waited_for(hub, artefact, repository, waits):
    hub.fail(
        "POST .*/repos/create", status=409, text="Cannot create repo: another conflicting operation is in progress"
    )
    hub.fail("POST .*/commit/", status=409, text="a commit is being made")
    push_artefact(artefact)
    assert len(repository().pushes) == 1 and waits == [1]


def test_rate_limits_are_waited_out_for_as_long_as_the_hub_says(hub, artefact, repository, waits):
    hub.fail("POST .*/repos/create", status=429, headers={"Retry-After": "7"})
    hub.fail("POST .*/commit/", status=429, headers={"ratelimit": '"api";r=0;t=55'})
    push_artefact(artefact)
    assert len(repository().pushes) == 1 and waits == [7, 56]


def test_a_rate_limit_longer_than_its_window_is_told_instead(hub, artefact, waits):
    hub.fail("POST .*/commit/", status=429, headers={"Retry-After": "3600"})
    line = refusal(artefact)
    assert "the Hub's rate limit is reached" in line and "in 3600 s repeat the command" in line
    assert waits == []


@pytest.mark.parametrize("asked", [*ASKED, "GET .*", "POST .*/batch", "POST .*/validate-yaml"])
@pytest.mark.parametrize("how", [{"status": 500}, {"status": 503}, {"cut": True}], ids=["500", "503", "cut"])
def test_what_fails_in_passing_is_tried_again(hub, artefact, repository, waits, asked, how):
    hub.fail(asked, **how)
    assert push_artefact(artefact).changed
    assert len(repository().pushes) == 1 and waits == [1]


@pytest.mark.parametrize("asked", ASKED)
def test_what_fails_for_good_leaves_the_repository_as_it_was_and_can_be_taken_up(
    hub, artefact, repository, waits, asked
):
    hub.add("dataset", artefact.repo_id, **{"README.md": b"# Old"})
    before = repository().head
    hub.fail(asked, status=500, times=-1)
    assert "dataset me/demonstrations was not pushed: the Hub failed (500): later repeat the command" in refusal(
        artefact
    )
    assert repository().head == before and 4 <= len(waits) <= 5
    hub.failures.clear()
    received = hub.received
    assert push_artefact(artefact).changed
    assert len(repository().pushes) == 2
    assert hub.received == (received if "commit" in asked else received + artefact_bytes(artefact))


def artefact_bytes(artefact):
    return sum(path.stat().st_size for name, path in artefact.files.items() if name.endswith(".parquet"))


def test_an_upload_cut_every_time_is_told_and_sent_once_more_by_the_next_push(hub, artefact, repository, waits):
    hub.fail("PUT .*", cut=True, times=-1)
    assert "cannot be reached" in refusal(artefact)
    assert not repository().pushes and not repository().objects
    hub.failures.clear()
    assert push_artefact(artefact).changed and hub.received == artefact_bytes(artefact)


def test_of_two_files_the_one_that_arrived_is_not_sent_again(hub, artefact, shard, repository, waits, tmp_path):
    second = tmp_path / "candidates.parquet"
    write_rows(second, "Who discovered iodine?", "When?")
    both = Artefact("dataset", artefact.repo_id, "dataset", {**artefact.files, "candidates/all.parquet": second}, "Add")
    push_artefact(artefact)
    hub.received = 0
    push_artefact(both)
    assert hub.received == second.stat().st_size


def test_a_commit_whose_answer_was_lost_is_not_made_twice(hub, artefact, repository, waits):
    hub.fail("POST .*/commit/", after=True)
    pushed = push_artefact(artefact)
    assert pushed.changed and [c.oid for c in repository().pushes] == [pushed.revision]


def test_a_token_that_only_reads_is_refused_with_the_remedy(hub, artefact, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", READER)
    line = refusal(artefact)
    assert "the token may not write to me" in line and "hf auth login" in line
    assert not hub.repositories


def test_a_namespace_of_somebody_else_is_refused(hub):
    line = refusal(Artefact("model", "them/tuned", "model", {"README.md": "# x"}, "Add"))
    assert "model them/tuned was not pushed: the token may not write to them" in line


def test_a_token_that_the_hub_does_not_know_is_refused(hub, artefact, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_" + "Expired999" * 4)
    line = refusal(artefact)
    assert "does not accept the token" in line and "hf auth login" in line and "Expired" not in line


def test_without_a_token_nothing_is_asked(hub, artefact, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    assert refusal(artefact) == "there is no token for the Hub: log in with `hf auth login`, or set HF_TOKEN"
    assert not hub.requests


def test_a_hub_that_repeats_the_token_is_not_quoted(hub, artefact):
    hub.fail("POST .*/commit/", status=400, text=f"what is\n{TOKEN}?")
    assert "the Hub rejected the request (400: what is (token)?): fix what it names" in refusal(artefact)


def test_a_token_that_is_no_header_is_not_told(hub, artefact):
    line = refusal(artefact, api=HfApi(token=TOKEN + "\nx"))
    assert "cannot be reached" in line


def test_no_network_is_told(hub, artefact, waits):
    hub.close()
    line = refusal(artefact)
    assert f"{hub.url} cannot be reached" in line and "check the network" in line


def test_offline_mode_is_told_at_once(hub, artefact, monkeypatch, waits):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "offline mode is on: unset HF_HUB_OFFLINE" in refusal(artefact)
    assert waits == [] and not hub.requests


def test_what_answers_and_is_no_hub_is_told(hub, artefact, monkeypatch, waits):
    hub.fail("POST .*/repos/create", status=200, times=-1)
    monkeypatch.setattr(
        "server._Handler._error", lambda self, *_: self._send(200, b"<html>log in to the network</html>")
    )
    assert "is not that of a Hub" in refusal(artefact)


@pytest.mark.parametrize("repo_id", ["me/a b", "me/x--y", "a/b/c", "me/.x"])
def test_a_name_that_can_be_none_is_refused(hub, artefact, repo_id):
    assert repo_id in refusal(Artefact("dataset", repo_id, "dataset", artefact.files, "Add"))
    assert not hub.requests


def test_a_type_that_is_none_is_refused(hub, artefact):
    assert "repo type" in refusal(Artefact("dataset", "me/x", "notebook", artefact.files, "Add"))


def test_a_card_that_the_hub_cannot_read_is_refused_before_the_commit(hub, artefact, repository):
    files = {**artefact.files, "README.md": "---\na: [\n---\n# x\n"}
    line = refusal(Artefact("dataset", artefact.repo_id, "dataset", files, "Add"))
    assert "Invalid metadata in README.md" in line
    assert not repository().pushes


def test_a_file_that_is_gone_is_named(hub, artefact, shard):
    shard.unlink()
    assert shard.name in refusal(artefact)
    assert not hub.requests


def test_secrets_are_refused_before_anything_is_asked(hub, artefact):
    files = {**artefact.files, "README.md": f"# x\ntoken: {TOKEN}\n"}
    assert "README.md, line 2, contains" in refusal(Artefact("dataset", artefact.repo_id, "dataset", files, "Add"))
    assert not hub.requests


def test_the_tokens_owner_is_known_by_name(hub, monkeypatch):
    assert hub_user(HfApi()) == "me"
    monkeypatch.setenv("HF_TOKEN", "hf_" + "Expired999" * 4)
    with pytest.raises(UserError, match="does not accept the token"):
        hub_user(HfApi())

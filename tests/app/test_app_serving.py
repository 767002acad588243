"""What the page gives to programs, and what it does not give to anybody."""

import json
import socket
import time
import urllib.error
import urllib.request

import pytest

gradio_client = pytest.importorskip("gradio_client", reason="the extra `app` is not installed")


@pytest.fixture(scope="module")
def client(served):
    return gradio_client.Client(served.url, verbose=False)


def ask(client, question, source="none", count=2, typed="", accepted=""):
    return client.predict(question, source, count, typed, accepted, api_name="/ask")


def status(url, data=None, headers=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers or {}), timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_three_endpoints_are_public(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/demonstrations", "/replies", "/ask"}


def test_models_are_loaded_by_the_first_question_only(client, served):
    assert served.loaded == [] or set(served.loaded) == {"base", "tuned"}
    for _ in range(2):
        html = ask(client, "Which country is polonium named after?", "corpus")
    assert sorted(served.loaded) == ["base", "tuned"]
    assert html.count('class="side"') == 2 and "<mark>Poland</mark>" in html and html.count("<li") == 2


def test_passages_can_be_typed_and_an_answer_given(client):
    html = ask(client, "Where?", "typed", typed="Poland.\n\nSpain.", accepted="Poland")
    assert html.count("<li") == 2 and "chip abstain" in html and "chip correct" in html


def test_rows_are_filtered_and_come_some_at_a_time(client):
    html, told = client.predict("", "answer", "", "", api_name="/demonstrations")
    assert html.count("<details") == 8 and "1 to 8 of 8" in told
    html, told = client.predict("rag", "tuned", "", "", api_name="/replies")
    assert html.count("<details") == 10 and "1 to 10 of 24" in told
    html, told = client.predict("rag", "tuned", "", "no such row", api_name="/replies")
    assert "No row matches." in html


@pytest.mark.parametrize(
    ("question", "source", "typed", "line"),
    [
        ("", "corpus", "", "there is no question: type one"),
        ("x" * 501, "none", "", "the question has 501 characters: use at most 500"),
        ("Where?", "typed", "", "there is no passage: type one"),
        ("Where?", "typed", "x" * 8001, "the passage has 8001 characters: use at most 8000"),
        ("Does it break?", "none", "", "The question failed (RuntimeError): ask it again"),
    ],
)
def test_mistakes_end_in_one_line_without_a_trace(client, question, source, typed, line):
    html = ask(client, question, source, typed=typed)
    assert html == f'<p class="notice" role="alert">{line}</p>'


def test_questions_wait_for_each_other(client):
    jobs = [client.submit("Where?", "none", 1, "", "", api_name="/ask") for _ in range(6)]
    assert all(job.result(timeout=30).count('class="side"') == 2 for job in jobs)


@pytest.mark.parametrize("path", ["/etc/passwd", "{run}/demonstrations/candidates.jsonl", "{here}", "pyproject.toml"])
def test_no_file_of_the_machine_is_served(served, path):
    target = path.format(run=served.run, here=__file__)
    for route in ("gradio_api/file=", "file="):
        assert status(f"{served.url}{route}{target}") in (403, 404)


def test_nothing_can_be_uploaded(served):
    body = b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.txt"\r\n\r\nmany words\r\n--x--\r\n'
    headers = {"content-type": "multipart/form-data; boundary=x"}
    for content in (body, body.replace(b"many words", b"1"), body.replace(b"many words", b"")):
        for route in ("gradio_api/upload", "upload", "gradio_api/upload/", "gradio_api/upload_progress?upload_id=1"):
            assert status(f"{served.url}{route}", content, headers) == 404


@pytest.mark.parametrize(
    ("host", "answered"),
    [
        ("127.0.0.1", True), ("localhost", True), ("LOCALHOST", True), ("[::1]", True), ("evil.example", False),
        ("localhost.evil.example", False), ("10.0.0.1", False), ("", False), ("127.0.0.1.nip.io", False),
    ],
)  # fmt: skip
def test_only_names_of_this_machine_are_answered(served, host, answered):
    port = served.url.rstrip("/").rpartition(":")[2]
    for named in (host, f"{host}:{port}"):
        for path in ("", "config", "gradio_api/info"):
            assert status(f"{served.url}{path}", headers={"Host": named}) == (200 if answered else 403)


@pytest.mark.parametrize(
    ("bound", "others", "host", "answered"),
    [
        ("0.0.0.0", (), "192.168.1.7:7860", True),
        ("0.0.0.0", (), socket.gethostname(), True),
        ("0.0.0.0", (), "evil.example", False),
        ("0.0.0.0", ("look.example.org",), "look.example.org", True),
        ("192.168.1.7", (), "192.168.1.7", True),
        ("192.168.1.7", (), "localhost", False),
    ],
)
def test_the_address_it_listens_on_says_which_names_are_its_own(bound, others, host, answered):
    from hf_selfdemo.app.serving import _Guard, _names

    guard = _Guard(None, _names(bound, others), bound == "0.0.0.0")
    assert guard._is_own(host) == answered


def test_a_space_is_reached_by_its_name(monkeypatch):
    from hf_selfdemo.app.serving import _names

    monkeypatch.setenv("SPACE_HOST", "me-look.hf.space")
    assert "me-look.hf.space" in _names("0.0.0.0", ()) and "me-look.hf.space" not in _names("127.0.0.1", ())


def test_every_response_forbids_requests_to_others(served):
    with urllib.request.urlopen(served.url, timeout=20) as answer:
        policy = answer.headers["content-security-policy"]
        page = answer.read().decode()
    assert "default-src 'self'" in policy and "http" not in policy
    config = json.loads(page.partition("window.gradio_config = ")[2].partition(";</script>")[0])
    assert config["analytics_enabled"] is False and config["footer_links"] == []


def test_the_server_itself_calls_nobody(run, free_port, monkeypatch):
    """Starting a page asks for no address but this machine's own."""
    from hf_selfdemo.app.asking import Asking
    from hf_selfdemo.app.demonstrations import Demonstrations
    from hf_selfdemo.app.page import page
    from hf_selfdemo.app.serving import serve
    from hf_selfdemo.core.errors import UserError

    asked, resolve = set(), socket.getaddrinfo

    def noted(host, *rest, **more):
        asked.add(host)
        return resolve(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", noted)
    made = page("made/up", Demonstrations(run / "demonstrations"), UserError("no", "evaluation"), Asking({}))
    try:
        serve(made, port=free_port())
        time.sleep(0.5)  # what would be told to others is told by threads
    finally:
        made.close(verbose=False)
    assert asked and asked <= {"127.0.0.1", "localhost", b"127.0.0.1", None}


def test_a_port_that_is_taken_is_told(served, run):
    from hf_selfdemo.app.asking import Asking
    from hf_selfdemo.app.page import page
    from hf_selfdemo.app.serving import serve
    from hf_selfdemo.core.errors import UserError

    taken = int(served.url.rstrip("/").rpartition(":")[2])
    made = page("x", *(UserError("nothing", "here"),) * 2, Asking({}))
    with pytest.raises(UserError, match="set another app_port"):
        serve(made, port=taken)
    with pytest.raises(UserError, match="app_port is 99999: give a port from 1 to 65535"):
        serve(made, port=99999)

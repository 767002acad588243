"""A Hub for tests: the protocol that huggingface_hub 2.4 speaks, in this process, with failures to be planted.

Repositories of three types with commits, revisions and etags; large files by the LFS batch protocol; private
repositories, tokens that may read or write, and organisations. What it answers, to whom and with which headers follows
what huggingface_hub reads (`hf_api`, `_commit_api`, `lfs`, `file_download`, `utils/_http`). Xet is not spoken: set
`HF_HUB_DISABLE_XET=1`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = (".parquet", ".safetensors", ".bin", ".npy", ".npz", ".arrow", ".gguf")
TOKEN = "hf_" + "Writer7Of9" * 4
READER = "hf_" + "Reader8Of9" * 4
TYPES = {"models": "model", "datasets": "dataset", "spaces": "space"}


@dataclass(frozen=True)
class User:
    """Who a token belongs to, the organisations it may write to, and whether it may write at all."""

    name: str
    organisations: tuple[str, ...] = ()
    writes: bool = True


@dataclass(frozen=True)
class File:
    content: bytes
    large: bool

    @property
    def oid(self) -> str:
        """SHA-256 of a large file, git's SHA-1 of another: also its etag."""
        if self.large:
            return hashlib.sha256(self.content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()


@dataclass(frozen=True)
class Commit:
    oid: str
    message: str
    files: dict[str, File]


@dataclass
class Repository:
    """One repository; it begins with a commit of the Hub's own, as real ones do."""

    type: str
    id: str
    private: bool = False
    sdk: str = ""
    commits: list[Commit] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.commit("initial commit", {".gitattributes": File(b"*.parquet filter=lfs\n", False)})

    @property
    def head(self) -> Commit:
        return self.commits[-1]

    @property
    def pushes(self) -> list[Commit]:
        """The commits that clients made."""
        return self.commits[1:]

    def commit(self, message: str, files: dict[str, File]) -> None:
        seed = f"{self.type}{self.id}{len(self.commits)}{message}"
        self.commits.append(Commit(hashlib.sha1(seed.encode()).hexdigest(), message, files))

    def at(self, revision: str) -> Commit | None:
        if revision == "main":
            return self.head
        return next((commit for commit in self.commits if commit.oid == revision), None)


@dataclass
class Failure:
    """A planted one: requests that match fail, `times` of them (-1: all).

    `cut` closes the connection in the middle of the body; `after` does what was asked and loses the answer.
    """

    request: str
    status: int = 500
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    text: str = "planted"
    cut: bool = False
    after: bool = False


class Refused(Exception):
    """An answer that is an error: a status, huggingface_hub's error code for it, and a message."""

    def __init__(self, status: int, code: str = "", message: str = "", **headers: str) -> None:
        self.status, self.message = status, message
        self.headers = {"X-Error-Code": code, "X-Error-Message": message} | headers


class HubServer:
    """The server, listening from the moment it is made.

    `requests` are all that came, as "METHOD /path"; `received` counts the bytes of large files.
    """

    def __init__(self, users: dict[str, User] | None = None) -> None:
        self.users = users or {}
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.failures: list[Failure] = []
        self.requests: list[str] = []
        self.received = 0
        self.lock = threading.RLock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def fail(self, request: str, **how) -> None:
        """Plant a failure for requests that match a pattern, such as "POST .*/commit/"."""
        self.failures.append(Failure(request, **how))

    def add(self, type: str, id: str, private: bool = False, sdk: str = "", **files: bytes) -> Repository:
        made = self.repositories[type, id] = Repository(type, id, private, sdk)
        if files:
            made.commit("theirs", {name: File(content, name.endswith(LARGE)) for name, content in files.items()})
            made.objects |= {f.oid: f.content for f in made.head.files.values() if f.large}
        return made

    def failure_of(self, request: str) -> Failure | None:
        for failure in self.failures:
            if failure.times and re.match(failure.request, request):
                failure.times -= 1
                return failure
        return None


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_) -> None:
        pass

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path, self.query = unquote(url.path), parse_qs(url.query)
        request = f"{self.command} {path}"
        with self.hub.lock:
            self.hub.requests.append(request)
            failure = self.hub.failure_of(request)
        if failure and failure.cut:
            self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
            self.close_connection = True
            self.connection.close()
            return
        self.body = self._read()
        if failure and not failure.after:
            return self._error(failure.status, failure.text, failure.headers)
        try:
            with self.hub.lock:
                answer = self._answer(path)
        except Refused as refused:
            return self._error(refused.status, refused.message, refused.headers)
        if failure:
            return self._error(failure.status, failure.text, failure.headers)
        self._send(*answer) if isinstance(answer, tuple) else self._send(200, json.dumps(answer).encode())

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            if value:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(content)

    def _error(self, status: int, message: str, headers: dict[str, str]) -> None:
        self._send(status, json.dumps({"error": message}).encode(), headers)

    # who asks

    def _user(self) -> User | None:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not given:
            return None
        if given not in self.hub.users:
            raise Refused(401, message="Invalid credentials in Authorization header")
        return self.hub.users[given]

    def _writer(self, namespace: str) -> User:
        user = self._user()
        if not user:
            raise Refused(401, message="Invalid username or password.")
        if not user.writes or namespace not in (user.name, *user.organisations):
            raise Refused(403, message=f"You don't have the rights to write under the namespace {namespace}")
        return user

    def _repository(self, type: str, id: str, write: bool = False) -> Repository:
        found, user = self.hub.repositories.get((type, id)), self._user()
        owner = id.partition("/")[0]
        hidden = found and found.private and (not user or owner not in (user.name, *user.organisations))
        if not found or hidden:
            raise Refused(404 if user else 401, "RepoNotFound", "Repository not found")
        if write:
            self._writer(owner)
        return found

    def _commit_of(self, repository: Repository, revision: str) -> Commit:
        if not (found := repository.at(revision)):
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found

    # what is asked

    def _answer(self, path: str):
        for method, pattern, answer in _ROUTES:
            if self.command in method.split() and (found := re.fullmatch(pattern, path)):
                parts = found.groupdict()
                if "type" in parts:
                    parts["type"] = TYPES[(parts["type"] or "models/").strip("/")]
                return answer(self, **parts)
        raise Refused(404, message=f"no such endpoint: {path}")

    def _whoami(self):
        if not (user := self._user()):
            raise Refused(401, message="Invalid username or password.")
        role = "write" if user.writes else "read"
        organisations = [{"name": name, "type": "org"} for name in user.organisations]
        return {"type": "user", "name": user.name, "orgs": organisations, "auth": {"accessToken": {"role": role}}}

    def _validate(self):
        import yaml

        front = re.match(r"---\n(.*?)\n---\n", json.loads(self.body)["content"], re.DOTALL)
        try:
            yaml.safe_load(front[1] if front else "")
        except yaml.YAMLError as error:
            problem = json.dumps({"errors": [{"message": str(error)}], "warnings": []}).encode()
            return 400, problem, {}
        return {"errors": [], "warnings": []}

    def _create(self):
        wanted = json.loads(self.body)
        user = self._user()
        owner = wanted.get("organization") or (user.name if user else "")
        self._writer(owner)
        type, id = wanted.get("type") or "model", f"{owner}/{wanted['name']}"
        url = f"{self.hub.url}/{'' if type == 'model' else f'{type}s/'}{id}"
        if (type, id) in self.hub.repositories:
            raised = json.dumps({"error": f"You already created this {type} repo", "url": url}).encode()
            return 409, raised, {}
        self.hub.add(type, id, wanted.get("visibility") == "private" or wanted.get("private"), wanted.get("sdk", ""))
        return {"url": url, "name": id, "id": id}

    def _preupload(self, type: str, id: str, revision: str):
        repository = self._repository(type, id, write=True)
        files = self._commit_of(repository, revision).files

        def info(asked):
            large = asked["path"].endswith(LARGE) or asked["size"] > 10_000_000
            known = files.get(asked["path"])
            mode = {"path": asked["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
            return mode | ({"oid": known.oid} if known else {})

        return {"files": [info(asked) for asked in json.loads(self.body)["files"]]}

    def _batch(self, type: str, id: str):
        repository = self._repository(type, id, write=True)

        def action(asked):
            if asked["oid"] in repository.objects:
                return asked
            href = f"{self.hub.url}/lfs/{type}s/{id}/{asked['oid']}"
            return asked | {"actions": {"upload": {"href": href, "header": {}}}}

        return {"transfer": "basic", "objects": [action(asked) for asked in json.loads(self.body)["objects"]]}

    def _put(self, type: str, id: str, oid: str):
        self.hub.received += len(self.body)
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise Refused(400, message="the content is not what its name says")
        self.hub.repositories[type, id].objects[oid] = self.body
        return 200, b"", {}

    def _commit(self, type: str, id: str, revision: str):
        repository = self._repository(type, id, write=True)
        header, *operations = (json.loads(line) for line in self.body.splitlines())
        if header["value"].get("parentCommit", repository.head.oid) != repository.head.oid:
            raise Refused(412, message="The parent commit is not the head")
        files = dict(repository.head.files)
        for operation in operations:
            value = operation["value"]
            match operation["key"]:
                case "file":
                    files[value["path"]] = File(base64.b64decode(value["content"]), False)
                case "lfsFile":
                    if value["oid"] not in repository.objects:
                        raise Refused(400, message=f"Your push was rejected: {value['path']} was not uploaded")
                    files[value["path"]] = File(repository.objects[value["oid"]], True)
                case "deletedFile":
                    del files[value["path"]]
        repository.commit(header["value"]["summary"], files)
        url = f"{self.hub.url}/{id}/commit/{repository.head.oid}"
        return {"success": True, "commitOid": repository.head.oid, "commitUrl": url, "hookOutput": ""}

    def _info(self, type: str, id: str, revision: str | None = None):
        repository = self._repository(type, id)
        commit = self._commit_of(repository, revision or "main")
        siblings = [
            {"rfilename": name} | ({"size": len(file.content), "blobId": file.oid} if "blobs" in self.query else {})
            for name, file in sorted(commit.files.items())
        ]
        found = {"_id": id, "id": id, "sha": commit.oid, "private": repository.private, "siblings": siblings}
        return found | {"tags": [], "downloads": 0, "likes": 0, "lastModified": "2026-01-01T00:00:00.000Z"}

    def _tree(self, type: str, id: str, revision: str, folder: str | None = None):
        files = self._commit_of(self._repository(type, id), revision).files
        prefix = f"{folder}/" if folder else ""
        recursive = any(value.lower() == "true" for value in self.query.get("recursive", []))
        below = {name: file for name, file in files.items() if name.startswith(prefix)}
        if folder and not below:
            raise Refused(404, "EntryNotFound", f"{folder} does not exist")
        parts = {name: name.removeprefix(prefix).split("/") for name in below}
        folders = {prefix + "/".join(p[:depth]) for p in parts.values() for depth in range(1, len(p))}
        shown = [{"type": "directory", "path": f, "oid": "0" * 40, "size": 0} for f in sorted(folders)]
        shown += [_entry(name, file) for name, file in sorted(below.items())]
        return [e for e in shown if recursive or "/" not in e["path"].removeprefix(prefix)]

    def _paths(self, type: str, id: str, revision: str):
        files = self._commit_of(self._repository(type, id), revision).files
        json_body = self.headers.get("Content-Type", "").startswith("application/json")
        asked = json.loads(self.body)["paths"] if json_body else parse_qs(self.body.decode()).get("paths", [])
        folders = [{"type": "directory", "path": p, "oid": "0" * 40, "size": 0} for p in asked if _is_folder(p, files)]
        return [_entry(p, files[p]) for p in asked if p in files] + folders

    def _resolve(self, type: str, id: str, revision: str, name: str):
        commit = self._commit_of(self._repository(type, id), revision)
        if name not in commit.files:
            raise Refused(404, "EntryNotFound", "Entry not found", **{"X-Repo-Commit": commit.oid})
        file = commit.files[name]
        headers = {
            "ETag": f'"{file.oid}"',
            "X-Repo-Commit": commit.oid,
            "Content-Type": "application/octet-stream",
            "Accept-Ranges": "bytes",
        }
        if file.large:
            headers |= {"X-Linked-Etag": f'"{file.oid}"', "X-Linked-Size": str(len(file.content))}
        if part := re.match(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "")):
            return self._part(file.content, part, headers)
        return 200, file.content, headers

    def _part(self, content: bytes, part: re.Match[str], headers: dict[str, str]):
        size = len(content)
        start = int(part[1]) if part[1] else max(size - int(part[2]), 0)
        end = min(int(part[2]), size - 1) if part[1] and part[2] else size - 1
        if start >= size:
            raise Refused(416, message="Range Not Satisfiable", **{"Content-Range": f"bytes */{size}"})
        return 206, content[start : end + 1], headers | {"Content-Range": f"bytes {start}-{end}/{size}"}


def _is_folder(path: str, files: dict[str, File]) -> bool:
    return any(name.startswith(f"{path}/") for name in files)


def _entry(name: str, file: File) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": name, "size": len(file.content), "oid": file.oid[:40]}
    if file.large:
        entry["lfs"] = {"oid": file.oid, "size": len(file.content), "pointerSize": 134}
    return entry


_API = r"/api/(?P<type>models|datasets|spaces)/(?P<id>[^/]+/[^/]+)"
_PAGE = r"/(?P<type>datasets/|spaces/)?(?P<id>[^/]+/[^/]+)"
_REV = r"(?P<revision>[^/]+)"
_ROUTES = [
    ("GET", r"/api/whoami-v2", _Handler._whoami),
    ("POST", r"/api/validate-yaml", _Handler._validate),
    ("POST", r"/api/repos/create", _Handler._create),
    ("POST", rf"{_API}/preupload/{_REV}", _Handler._preupload),
    ("POST", rf"{_API}/commit/{_REV}", _Handler._commit),
    ("POST", rf"{_API}/paths-info/{_REV}", _Handler._paths),
    ("GET", rf"{_API}/tree/{_REV}(?:/(?P<folder>.+))?", _Handler._tree),
    ("GET", rf"{_API}(?:/revision/{_REV})?", _Handler._info),
    ("POST", rf"{_PAGE}\.git/info/lfs/objects/batch", _Handler._batch),
    ("PUT", r"/lfs/(?P<type>models|datasets|spaces)/(?P<id>[^/]+/[^/]+)/(?P<oid>\w+)", _Handler._put),
    ("GET HEAD", rf"{_PAGE}/resolve/{_REV}/(?P<name>.+)", _Handler._resolve),
]
"""Every endpoint; what a pattern names is what the method is given."""

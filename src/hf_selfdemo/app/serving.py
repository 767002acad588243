"""The page on the network: what it may fetch, and who is let in."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ranges import PORT

_MOST_WAITING = 32
"""Questions in the queue; whoever comes when it is full is told so."""

_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # gradio fills its templates by making functions
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'none'",
    ]
)
"""Nothing is fetched from, or sent to, anybody else, whatever a component would like to."""

_STYLE = Path(__file__).parent / "style.css"

_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_EVERYBODY = ("0.0.0.0", "::")

_UPLOADS = re.compile(r"/upload(?:_progress)?/?$")
"""Paths at which gradio would take files."""


def serve(made: gr.Blocks, host: str = "127.0.0.1", port: int = 7860, names: Sequence[str] = ()) -> str:
    """Serve a page from a thread of its own.

    No file of this machine is served beyond gradio's own, nothing can be uploaded, and nothing goes to others. Only
    requests that name this machine are answered, so that no other page can reach this one by a name of its own (DNS
    rebinding).

    Args:
        made: from `page`.
        host: address to listen on; 127.0.0.1 is this machine alone, 0.0.0.0 everybody.
        port: to listen on.
        names: others under which it is reached, such as that of a proxy before it.

    Returns:
        Where it is. `made.close()` ends it.

    Raises:
        UserError: if that port cannot be had.
    """
    PORT.check(app_port=port)
    made.queue(max_size=_MOST_WAITING)
    try:
        _, url, _ = made.launch(
            server_name=host,
            server_port=port,
            share=False,
            inbrowser=False,
            quiet=True,
            prevent_thread_lock=True,
            show_error=False,
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            mcp_server=False,
            enable_monitoring=False,
            pwa=False,
            allowed_paths=[],
            max_file_size=1,
            theme=_theme(),
            head=f"<style>{_STYLE.read_text(encoding='utf-8')}</style>",  # `css` would be rewritten, and partly lost
            app_kwargs={"middleware": [Middleware(_Guard, names=_names(host, names), any_address=host in _EVERYBODY)]},
        )
    except OSError as error:
        raise UserError(f"{host}:{port} cannot be listened on ({_first_line(error)})", "set another app_port") from None
    return url


class _Guard:
    """Answers those who call this machine by a name of its own, takes no file, and adds the headers to every response.

    Args:
        app: the page.
        names: under which it is reached.
        any_address: whether every address will do, which no other page can make its own.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str], any_address: bool) -> None:
        self._app, self._names, self._any_address = app, names, any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            if not self._is_own(Headers(scope=scope).get("host", "")):
                return await PlainTextResponse("this page is not served under that name", 403)(scope, receive, send)
            if _UPLOADS.search(scope["path"]):
                return await PlainTextResponse("nothing can be uploaded", 404)(scope, receive, send)

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, guarded)

    def _is_own(self, host: str) -> bool:
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        return name.lower() in self._names or (self._any_address and _is_address(name))


def _names(host: str, others: Sequence[str]) -> frozenset[str]:
    """What a request may call this machine."""
    here = (*_LOOPBACK, socket.gethostname(), os.environ.get("SPACE_HOST", "")) if host in _EVERYBODY else ()
    loopback = _LOOPBACK if host in _LOOPBACK else ()
    return frozenset(name.lower() for name in (host, *here, *loopback, *others) if name)


def _theme() -> gr.themes.Base:
    """Fonts of the reader's own system, and the report's colours; text on what is filled stands out in both schemes."""
    colours = {
        "body_background_fill": ("#fdfdfb", "#16181b"),
        "body_text_color": ("#1d1f23", "#e4e4e0"),
        "block_background_fill": ("#ffffff", "#1f2226"),
        "block_label_text_color": ("#5c6068", "#a2a6ad"),
        "block_title_text_color": ("#5c6068", "#a2a6ad"),
        "input_background_fill": ("#f4f4ef", "#16181b"),
        "input_placeholder_color": ("#5c6068", "#a2a6ad"),
        "border_color_primary": ("#deded8", "#363a40"),
        "button_primary_background_fill": ("#1b6ca8", "#1b6ca8"),
        "button_primary_background_fill_hover": ("#155a8c", "#155a8c"),
        "button_secondary_background_fill": ("#ecece6", "#2b2f34"),
        "checkbox_label_background_fill": ("#f4f4ef", "#2b2f34"),
        "checkbox_background_color_selected": ("#1b6ca8", "#1b6ca8"),
        "slider_color": ("#1b6ca8", "#74b8e6"),
    }
    both = {name: light for name, (light, _) in colours.items()} | {
        f"{name}_dark": dark for name, (_, dark) in colours.items()
    }
    return gr.themes.Base(
        primary_hue="blue",
        neutral_hue="gray",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(**both)


def _is_address(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]

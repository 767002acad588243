"""Serve the page, with limits on what it loads and who can reach it."""

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
"""Maximum number of questions in the queue. When it is full, further ones get an error."""

_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # gradio compiles its templates to functions
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'none'",
    ]
)
"""The page loads nothing from other hosts, and sends nothing to them."""

_STYLE = Path(__file__).parent / "style.css"

_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_EVERYBODY = ("0.0.0.0", "::")

_UPLOADS = re.compile(r"/upload(?:_progress)?/?$")
"""Paths at which gradio accepts files."""


def serve(made: gr.Blocks, host: str = "127.0.0.1", port: int = 7860, names: Sequence[str] = ()) -> str:
    """Serve a page in its own thread.

    Only gradio's own files are served, nothing can be uploaded, and nothing is sent to other hosts. Only requests with
    a host name of this machine are answered, to prevent DNS rebinding.

    Args:
        made: the page, from `page`.
        host: address to listen on: 127.0.0.1 for this machine only, 0.0.0.0 for everyone who can reach it.
        port: port to listen on.
        names: further host names of the page, such as that of a proxy.

    Returns:
        The URL of the page. `made.close()` stops it.

    Raises:
        UserError: if the port cannot be used.
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
            head=f"<style>{_STYLE.read_text(encoding='utf-8')}</style>",  # gradio rewrites `css` and loses parts of it
            app_kwargs={"middleware": [Middleware(_Guard, names=_names(host, names), any_address=host in _EVERYBODY)]},
        )
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port} ({_first_line(error)})", "set another app_port") from None
    return url


class _Guard:
    """Rejects requests with foreign host names and uploads, and adds security headers to every response.

    Args:
        app: the page.
        names: the host names of the page.
        any_address: accept every IP address as host, since DNS rebinding needs a name.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str], any_address: bool) -> None:
        self._app, self._names, self._any_address = app, names, any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            if not self._is_own(Headers(scope=scope).get("host", "")):
                return await PlainTextResponse("this host name is not allowed; add it to app_names", 403)(
                    scope, receive, send
                )
            if _UPLOADS.search(scope["path"]):
                return await PlainTextResponse("uploads are not allowed", 404)(scope, receive, send)

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, guarded)

    def _is_own(self, host: str) -> bool:
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        return name.lower() in self._names or (self._any_address and _is_address(name))


def _names(host: str, others: Sequence[str]) -> frozenset[str]:
    """The host names that a request may have."""
    here = (*_LOOPBACK, socket.gethostname(), os.environ.get("SPACE_HOST", "")) if host in _EVERYBODY else ()
    loopback = _LOOPBACK if host in _LOOPBACK else ()
    return frozenset(name.lower() for name in (host, *here, *loopback, *others) if name)


def _theme() -> gr.themes.Base:
    """A theme with system fonts and the colours of the report, with enough contrast in light and dark mode."""
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

"""A list of rows with filters and pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import gradio as gr

from hf_selfdemo.app import fragments

T = TypeVar("T")

ROWS_SHOWN = 10
"""Number of rows on one page of the list."""


def listing(name: str, filters: Sequence[Any], find: Callable[..., Sequence[T]], show: Callable[..., str]) -> None:
    """Add a list and its buttons below the filters, and connect both to them.

    Args:
        name: name of the list and of its endpoint.
        filters: the filter components, in the order of the arguments of `find`.
        find: returns the rows that match the values of the filters.
        show: makes the HTML of a row, from the row and the values of the filters.
    """

    def leaf(number: int, *values: Any) -> tuple[Any, ...]:
        rows = find(*values)
        last = max(1, -(-len(rows) // ROWS_SHOWN))
        number = max(1, min(number, last))
        begin = (number - 1) * ROWS_SHOWN
        shown = rows[begin : begin + ROWS_SHOWN]
        where = f"{begin + 1:,} to {begin + len(shown):,} of {len(rows):,}" if shown else ""
        page = fragments.joined([show(row, *values) for row in shown])
        return (
            page,
            fragments.place(where),
            number,
            gr.update(interactive=number > 1),
            gr.update(interactive=number < last),
        )

    page, where, number, _, onward = leaf(1, *(component.value for component in filters))
    told = gr.HTML(where, elem_id=f"{name}-told", apply_default_css=False)
    body = gr.HTML(page, elem_id=f"{name}-rows", apply_default_css=False)
    current = gr.State(number)
    with gr.Row(elem_classes="turn"):
        back = gr.Button("Previous", size="sm", interactive=False)
        on = gr.Button("Next", size="sm", interactive=onward["interactive"])
    outputs = [body, told, current, back, on]
    quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last"}
    gr.on([one.change for one in filters], lambda *v: leaf(1, *v), filters, outputs, api_name=name, **quiet)
    for button, step in ((back, -1), (on, 1)):
        turned = button.click(
            lambda at, *v, step=step: leaf(at + step, *v),
            [current, *filters],
            outputs,
            api_visibility="private",
            show_progress="hidden",
        )
        turned.then(None, js=f"() => document.getElementById('{name}-told').scrollIntoView()", api_visibility="private")

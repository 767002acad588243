"""The page in a real browser, from the disk: nothing overflows, filters filter, both colour schemes can be read.

The page itself has no script. A frame in a page of the test's own holds it, and the test's script looks at it there.
"""

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from made_up import comparison

from hf_selfdemo.evaluation.report import write_figures, write_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed to look at the page with")

LONG = "a-model-with-quite-a-long-name-and-a-very_long_word_" + "x" * 40
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update"),
    *("--disable-background-networking", "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=3000"),
]
DARK, LIGHT = 0, 1


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Three models, one with a name that is hard to place, unscored replies, confidences and words without a break."""
    chosen = comparison(80, ("base", "tuned", LONG), passages=2)
    columns = [
        replace(
            column,
            record={"usage": {"calls": 123456, "prompt_tokens": 123456789, "generated_tokens": 1234567}},
            predictions={
                mode: [
                    replace(p, label="unscored") if i % 11 == k == 1 else replace(p, confidence=i / 80)
                    for i, p in enumerate(rows)
                ]
                for mode, rows in column.predictions.items()
            },
        )
        for k, column in enumerate(chosen.columns)
    ]
    wide = {
        row: replace(e, passages=tuple(replace(p, text=p.text.replace(" ", "")) for p in e.passages))
        for row, e in chosen.evidence.items()
    }
    provenance = {"settings": {"a_long_key_" * 6: "a/long/value/" * 20}}
    chosen = replace(chosen, columns=columns, evidence=wide, provenance=provenance)
    folder = tmp_path_factory.mktemp("page")
    return write_page(folder, write_figures(folder, chosen), chosen)


@pytest.fixture
def chromium(tmp_path):
    def run(path, *flags):
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *flags, "--dump-dom", path.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture
def seen(page, chromium, tmp_path):
    """What a script finds out about the page, shown at some width in some colour scheme."""

    def look(script, width=390, scheme=LIGHT):
        frame = tmp_path / "frame.html"
        frame.write_text(
            '<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
            f'<iframe style="border:0;width:{width}px;height:900px" srcdoc="{html.escape(page.read_text())}"></iframe>'
            f'<pre id="out"></pre><script>addEventListener("load", () => {{'
            "const frame = document.querySelector('iframe'), page = frame.contentDocument, view = frame.contentWindow;"
            "const all = (query, root = page) => [...root.querySelectorAll(query)];"
            f"const found = (() => {{ {script} }})();"
            "document.getElementById('out').textContent = JSON.stringify(found) }})</script>".replace("}})<", "})<")
        )
        dom = chromium(frame, f"--blink-settings=preferredColorScheme={scheme}", "--window-size=1400,1000").stdout
        return json.loads(html.unescape(re.search(r'<pre id="out">(.*?)</pre>', dom, re.DOTALL)[1]))

    return look


OPEN_ALL = "all('details').forEach(one => one.open = true);"


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_screen(seen, width):
    found = seen(
        OPEN_ALL
        + """
        all('.filter [id=kind-any]')[0].click();
        const wide = all('body *').filter(e => !e.closest('.scroll') && !e.closest('svg') && e.checkVisibility()
            && !e.matches('.skip, input') && e.getBoundingClientRect().right > page.documentElement.clientWidth + 1);
        return {page: page.documentElement.scrollWidth, screen: page.documentElement.clientWidth,
                wide: wide.map(e => e.outerHTML.slice(0, 80)), shown: all('body *').length};""",
        width,
    )
    assert found["wide"] == [] and found["shown"] > 1000
    assert found["page"] <= found["screen"] <= width


def test_the_browser_has_nothing_to_complain_of(page, chromium):
    done = chromium(page, "--enable-logging=stderr", "--log-level=0")
    assert "In short" in done.stdout
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []


def test_filters_show_the_rows_of_the_kind_that_is_chosen(seen):
    found = seen("""
        const visible = e => e.checkVisibility(), result = [];
        for (const mode of all('[name=mode]')) for (const column of all('[name=column]')) {
            mode.click(); column.click();
            for (const kind of all('[name=kind]')) {
                kind.click();
                const place = mode.id.slice(5) + '-' + column.id.slice(7), change = kind.id.slice(5);
                const wanted = change == 'any' ? place : place + '-' + change;
                const label = page.querySelector(`label[for="${kind.id}"]`);
                result.push({
                    shown: all('details.row').filter(visible).length,
                    right: all('details.row').filter(visible).every(e => e.classList.contains(wanted)),
                    wanted: all('details.row').filter(e => e.classList.contains(wanted)).length,
                    told: all('.count', label).filter(visible).map(e => parseInt(e.textContent)),
                    none: all('.nothing').filter(visible).length,
                    any: change == 'any'});
            }
        }
        return result;""")
    assert len(found) >= 2 * 2 * 7 and all(one["right"] for one in found)
    assert [one["shown"] for one in found] == [one["wanted"] for one in found]
    assert len({one["shown"] for one in found}) > 3
    assert all(one["told"] == [one["shown"]] for one in found if not one["any"])
    assert all(bool(one["none"]) == (one["shown"] == 0) for one in found)


def test_a_row_opens_and_filters_can_be_reached_from_the_keyboard(seen):
    found = seen("""
        const row = all('details.row').find(e => e.checkVisibility()), summary = row.querySelector('summary');
        summary.focus();
        const focused = page.activeElement === summary, before = row.open;
        summary.click();
        const radio = page.querySelector('[name=kind]');
        radio.focus();
        return {focused, before, after: row.open, radio: page.activeElement === radio,
                tables: all('.scroll').every(e => e.tabIndex === 0)};""")
    assert found == {"focused": True, "before": False, "after": True, "radio": True, "tables": True}


CONTRAST = """
    const rgb = text => {
        const parts = text.match(/[\\d.]+/g).map(Number);
        return text.startsWith('color(') ? parts.slice(-3).map(x => 255 * x) : parts;
    };
    const over = (top, below) => top.slice(0, 3).map((x, i) => x * (top[3] ?? 1) + below[i] * (1 - (top[3] ?? 1)));
    const behind = e => {
        if (!e) return [255, 255, 255];
        const own = rgb(view.getComputedStyle(e).backgroundColor);
        return (own[3] ?? 1) === 1 ? own : over(own, behind(e.parentElement));
    };
    const light = c => { const [r, g, b] = c.map(x => (x /= 255) <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
                         return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
    const texts = all('body *').filter(e => e.checkVisibility() && !e.closest('svg')
        && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
    const bars = all('.bar text').map(e => [e.textContent, contrast(rgb(view.getComputedStyle(e).fill),
        rgb(view.getComputedStyle(e.previousElementSibling).fill))]);
    const ink = e => rgb(view.getComputedStyle(e).color);
    const words = texts.map(e => [e.textContent.slice(0, 40), contrast(ink(e), behind(e))]);
    return {paper: light(behind(page.body)), texts: words.concat(bars)};
"""


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_every_text_stands_out_in_light_and_dark(seen, scheme):
    found = seen(OPEN_ALL + CONTRAST, 1280, scheme)
    assert (found["paper"] < 0.05) if scheme == DARK else (found["paper"] > 0.9)
    assert len(found["texts"]) > 500
    assert [text for text in found["texts"] if text[1] < 4.5] == []

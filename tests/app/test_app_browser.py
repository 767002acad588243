"""The running page in a real browser: used by keyboard, on a phone, in both colour schemes, with hostile texts."""

import time

import pytest

from .browser import CHROMIUM, Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed to look at the page with")

ITEMS = "document.querySelectorAll('#{}-rows details.item')"
OPEN_ALL = "document.querySelectorAll('details.item').forEach(one => one.open = true)"
TABS = "[...document.querySelectorAll('[role=tab]')].filter(e => e.checkVisibility())"
TAB = TABS + ".find(e => e.textContent.trim() == '{}').click()"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    one = Browser(tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


@pytest.fixture
def page(browser, served):
    """The page as it is first seen."""
    browser.requests.clear()
    browser.complaints.clear()

    def show(width=1280, dark=False):
        browser.open(served.url, width, 900, dark)
        browser.wait(f"{ITEMS.format('demonstrations')}.length == 10")
        return browser

    return show


def focused(browser):
    here = "(e => e === document.body ? '' : e.innerText || e.ariaLabel || '')(document.activeElement)"
    return browser.run(here).strip()


def tab_to(browser, words, most=60):
    """Press Tab until what has the focus says these words."""
    for _ in range(most):
        browser.press("Tab")
        if words in focused(browser):
            return
    raise AssertionError(f"{words!r} cannot be reached by the keyboard")


def seen(browser, where, change):
    """What stands on a tab, once it is there."""
    browser.run(TAB.format(where))
    return browser.wait(change)


def settled(browser, script, tries=40):
    """A list that is to be empty once the page has been laid out; what is still in it after two seconds is wrong."""
    for _ in range(tries):
        if not (found := browser.run(script)):
            break
        time.sleep(0.05)
    return found


def ask(browser, question):
    browser.run(TAB.format("Ask"))
    browser.wait("!!document.querySelector('#question textarea')?.checkVisibility()")
    box = "document.querySelector('#question textarea')"
    for _ in range(20):  # a page that is still being put together may empty what was typed too early
        browser.run(f"{box}.select(), {box}.focus()")
        browser.type(question)
        time.sleep(0.2)
        if browser.run(f"{box}.value") == question:
            break
    browser.press("Enter")
    browser.wait("document.querySelectorAll('#answers .side').length == 2 && !document.querySelector('.waiting')")


def test_a_row_is_opened_and_the_list_turned_by_keyboard_alone(page):
    browser = page()
    tab_to(browser, "Who built tower number 3?")
    browser.press("Enter")
    assert browser.run(f"{ITEMS.format('demonstrations')}[3].open") is True
    assert "Builder3" in browser.run("document.querySelector('details[open] mark').innerText")
    tab_to(browser, "Next")
    browser.press("Enter")
    browser.wait("document.querySelector('#demonstrations-told').innerText.includes('11 to 20 of 24')")
    tab_to(browser, "Compare")
    browser.press("Enter")
    browser.wait(f"{ITEMS.format('replies')}[0]?.checkVisibility()")


def test_typing_filters_the_list(page):
    browser = page()
    browser.run("document.querySelector('.filters textarea, .filters input').focus()")
    browser.type("builder17")
    browser.wait(f"{ITEMS.format('demonstrations')}.length == 1")
    assert "tower number 17" in browser.run("document.querySelector('#demonstrations-rows').innerText")
    assert "1 to 1 of 1" in browser.run("document.querySelector('#demonstrations-told').innerText")


def test_a_change_of_outcome_is_chosen_by_keyboard(page):
    browser = page()
    seen(browser, "Compare", f"{ITEMS.format('replies')}.length == 10")
    tab_to(browser, "Outcome")
    browser.type("abstained → correct")  # over what was there, which coming by Tab selects
    browser.press("Enter")
    rows = browser.wait(
        "(() => { const rows = [...document.querySelectorAll('#replies-rows .moves')].map(e => e.innerText);"
        "return rows.length && rows.every(r => r.replace(/\\s+/g, ' ') == 'abstained → correct') && rows.length })()"
    )
    assert rows == 8


def test_a_mode_without_a_row_of_the_chosen_kind_says_so(page):
    browser = page()
    seen(browser, "Compare", f"{ITEMS.format('replies')}.length == 10")
    tab_to(browser, "Outcome")
    browser.type("abstained → correct")
    browser.press("Enter")
    browser.wait("document.querySelector('#replies-told').innerText.includes('1 to 8 of 8')")
    browser.press("Tab", shift=True)
    assert focused(browser) == "Asked"
    browser.type("Without")
    browser.press("Enter")
    browser.wait("document.querySelector('#replies-rows').innerText.includes('No row matches.')")
    browser.press("Tab")
    browser.type("all that changed")
    browser.press("Enter")
    browser.wait("document.querySelector('#replies-told').innerText.includes('1 to 10 of 16')")
    assert "Asked without passages." in browser.run("document.querySelector('#replies-rows').textContent")
    assert browser.complaints == []


def test_a_question_is_asked_by_keyboard_and_its_passages_are_marked(page):
    browser = page()
    ask(browser, "Which country is polonium named after?")
    assert browser.run("[...document.querySelectorAll('#answers .side h3')].map(e => e.innerText.split(' ')[0])") == [
        "base",
        "tuned",
    ]
    assert browser.run("document.querySelectorAll('#answers .passages li').length") == 3
    assert browser.run("document.querySelector('#answers .passages mark').innerText") == "Poland"


def test_hostile_texts_do_nothing_but_stand_there(page):
    browser = page()
    browser.run(OPEN_ALL)
    assert "<img src=x onerror=" in browser.run("document.querySelector('#demonstrations-rows').innerText")
    seen(browser, "Compare", f"{ITEMS.format('replies')}.length == 10")
    browser.run(OPEN_ALL)
    ask(browser, "A hostile one <img src=x onerror=window.struck=1>")
    assert "<script>window.struck=1</script>" in browser.run("document.querySelector('#answers').innerText")
    assert browser.run("window.struck") is None
    inside = "document.querySelectorAll('.html-container :is(img, script, a, iframe, strong, em, style)').length"
    assert browser.run(inside) == 0
    assert "${window.struck=1} {{value}}" in browser.run("document.querySelector('#answers').innerText")


def test_nobody_else_is_asked_for_anything_and_the_console_is_silent(page, served):
    browser = page()
    seen(browser, "Compare", f"{ITEMS.format('replies')}.length == 10")
    ask(browser, "Where?")
    own = (served.url, "data:", "blob:")
    assert len(browser.requests) > 10
    assert [url for url in browser.requests if not url.startswith(own)] == []
    assert browser.complaints == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_screen(page, width):
    browser = page(width)
    wide = (
        "[...document.querySelectorAll('.html-container *, .block, button, input, textarea')]"
        ".filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1)"
        ".map(e => e.outerHTML.slice(0, 120))"
    )
    browser.run(OPEN_ALL)
    assert settled(browser, wide) == [] and browser.run("document.documentElement.scrollWidth") <= width
    seen(browser, "Compare", f"{ITEMS.format('replies')}.length == 10")
    browser.run(OPEN_ALL)
    assert settled(browser, wide) == []
    ask(browser, "A hostile one " + "x" * 90)
    assert settled(browser, wide) == [] and browser.run("document.documentElement.scrollWidth") <= width


CONTRAST = """(() => {
    const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
    const behind = e => {
        if (!e) return [255, 255, 255];
        const own = rgb(getComputedStyle(e).backgroundColor), a = own[3] ?? 1;
        return a === 1 ? own : behind(e.parentElement).map((x, i) => own[i] * a + x * (1 - a));
    };
    const light = c => { const [r, g, b] = c.map(x => (x /= 255) <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
                         return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
    const texts = [...document.querySelectorAll('.gradio-container *')].filter(e => e.checkVisibility()
        && !e.closest('[disabled]') && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
    return {paper: light(behind(document.body)), texts: texts.map(e => [e.textContent.slice(0, 40), e.className,
        contrast(rgb(getComputedStyle(e).color).slice(0, 3), behind(e))])};
})()"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out_in_light_and_dark(page, dark):
    browser = page(dark=dark)
    browser.run(OPEN_ALL)
    found = [browser.run(CONTRAST)]
    seen(browser, "Compare", f"{ITEMS.format('replies')}.length == 10")
    browser.run(OPEN_ALL)
    found.append(browser.run(CONTRAST))
    ask(browser, "Where?")
    found.append(browser.run(CONTRAST))
    assert all((one["paper"] < 0.05) if dark else (one["paper"] > 0.9) for one in found)
    texts = [text for one in found for text in one["texts"]]
    assert len(texts) > 200
    assert [text for text in texts if text[2] < 4.5] == []

"""The page in Chromium, which may reach nothing: what a reader does with it, and what must not happen."""

import librosa
import numpy as np
import pytest

from experiments.commands import report
from tests.chromium import opened
from tests.experiments.reporting.conftest import HOSTILE
from tests.experiments.reporting.test_report import write_run

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(evaluated, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "report.html"
    words = ["--recordings", str(evaluated.recordings), "--audio", "--bootstrap=100", "--out", str(out)]
    report.main([str(evaluated.report), *words])
    return f"file://{out}"


def shown(page):
    """Name of the opened track, and the plot's range of time."""
    return page.inner_text(".viewer h3"), page.evaluate("document.querySelector('.timeplot .plot').layout.xaxis.range")


def cursor(page):
    return page.evaluate("parseFloat(document.querySelector('.cursor').style.left)")


def middle_of(page):
    """A place within the plot, in the window."""
    box = page.locator(".timeplot .plot").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + 150


def reaches(page, place):
    """Wait until the cursor has come further than a place."""
    for _ in range(100):
        if cursor(page) > place:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"the cursor stays at {cursor(page)}")


def test_the_worst_seconds_are_open_and_nothing_complains(address):
    with opened(address) as found:
        page = found.page
        page.wait_for_selector(".timeplot .scatterlayer .trace")
        name, (start, end) = shown(page)
        assert name == page.inner_text(".worst li.current b") == page.inner_text(".worst li:first-child b")
        assert (name, end - start) == (HOSTILE, pytest.approx(3.0))
        for y in range(0, 5000, 600):  # charts are drawn when they are seen
            page.evaluate(f"scrollTo(0, {y})")
            page.wait_for_timeout(100)
        assert page.locator("figure .main-svg").count() >= 6
        assert found.complaints == [] and found.requests == []


@pytest.mark.long
def test_a_heading_sorts_and_a_row_opens_its_track(address):
    with opened(address) as found:
        page = found.page
        rows = page.locator(".set > .table").first.locator("tbody tr")
        first = [rows.nth(k).locator("td").first.inner_text() for k in range(rows.count())]
        heading = page.get_by_role("button", name="seconds", exact=True)
        heading.click()
        column = [float(rows.nth(k).locator("td").nth(2).inner_text()) for k in range(rows.count())]
        assert column == sorted(column, reverse=True) and column[0] == 34.0
        heading.click()
        again = [float(rows.nth(k).locator("td").nth(2).inner_text()) for k in range(rows.count())]
        assert again == sorted(column)
        assert sorted(first) == sorted(rows.nth(k).locator("td").first.inner_text() for k in range(rows.count()))
        rows.last.click()
        assert shown(page)[0] == "long & 'slow'"
        rows.first.focus()
        page.keyboard.press("Enter")
        assert shown(page)[0] == HOSTILE
        assert found.complaints == []


@pytest.mark.long
def test_the_wheel_zooms_and_a_double_click_shows_all_again(address):
    with opened(address) as found:
        page = found.page
        page.wait_for_selector(".timeplot .scatterlayer .trace")
        _, (start, end) = shown(page)
        page.mouse.move(*middle_of(page))
        for _ in range(4):
            page.mouse.wheel(0, -400)
            page.wait_for_timeout(200)
        page.wait_for_timeout(500)
        _, (left, right) = shown(page)
        assert right - left < 0.9 * (end - start)
        page.mouse.dblclick(*middle_of(page))
        page.wait_for_timeout(600)
        assert shown(page)[1] == pytest.approx([start, end], abs=1e-3)
        assert found.complaints == []


@pytest.mark.long
def test_sound_moves_the_cursor_and_a_click_moves_the_sound(address):
    with opened(address) as found:
        page = found.page
        page.wait_for_selector(".timeplot .scatterlayer .trace")
        at_rest = cursor(page)
        page.get_by_role("button", name="Play").click()
        reaches(page, at_rest + 20)
        reaches(page, cursor(page) + 20)
        page.get_by_role("button", name="Stop").click()
        stopped = cursor(page)
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("Space")
        reaches(page, stopped + 10)
        page.keyboard.press("Space")
        stopped = cursor(page)
        page.wait_for_timeout(200)
        assert cursor(page) == stopped
        page.locator(".timeplot .plot").click(position={"x": 600, "y": 100})
        assert cursor(page) == pytest.approx(600, abs=2)
        page.locator(".timeplot").focus()
        page.keyboard.press("Shift+ArrowRight")
        seconds = float(page.inner_text(".clock").split()[0])
        page.keyboard.press("ArrowLeft")
        assert float(page.inner_text(".clock").split()[0]) == pytest.approx(seconds - 0.1, abs=0.011)
        assert found.complaints == []


@pytest.mark.long
def test_recording_and_sung_contours_sound_at_the_same_time(address):
    """The recording is the truth as a tone: what is sung after it has its pitch, in every part of it."""
    with opened(address) as found:
        page = found.page
        page.get_by_role("button", name="glide").first.click()
        [recorded, sung] = page.evaluate(
            """async () => {
              const { player } = window.melisma.viewers[0];
              const made = [];
              for (const name of ["recording", "reference"]) {
                const buffer = await player.sources.get(name).make(player.context);
                made.push([buffer.sampleRate, Array.from(buffer.getChannelData(0))]);
              }
              return made;
            }"""
        )
        tones = []
        for rate, samples in (recorded, sung):
            f0 = librosa.yin(np.array(samples), fmin=100, fmax=600, sr=rate, frame_length=2048, hop_length=rate // 100)
            tones.append(f0[: int(100 * 3.9)])
        times = np.arange(len(tones[0])) / 100
        steady = (times % 1 > 0.1) & (times % 1 < 0.65) & (times > 0.7)
        cents = 1200 * np.log2(tones[0] / tones[1])[steady]
        assert np.median(np.abs(cents)) < 5
        moving = np.abs(np.cos(2 * np.pi * times[steady] / 4)) > 0.7  # 20 ms apart they would differ by 10 cents
        rising = np.sign(np.cos(2 * np.pi * times[steady] / 4))
        assert abs(np.median((cents * rising)[moving])) < 4
        assert found.complaints == []


@pytest.mark.long
def test_names_are_shown_as_they_are(address):
    with opened(address) as found:
        page = found.page
        page.get_by_role("button", name=HOSTILE).first.click()
        assert shown(page)[0] == HOSTILE
        assert page.evaluate("document.scripts.length") == page.evaluate(
            "[...document.scripts].filter((each) => each.type === 'application/json' || each.text.length > 1000).length"
        )
        assert found.complaints == [] and found.requests == []


@pytest.mark.long
def test_parts_of_a_long_track_and_what_lies_behind_are_chosen(address):
    with opened(address) as found:
        page = found.page
        page.get_by_role("button", name="long & 'slow'").first.click()
        _, (start, end) = shown(page)
        assert end - start == pytest.approx(10.0)  # its worst
        page.get_by_label("jumpy", exact=True).first.click()
        assert shown(page)[1] == pytest.approx([start, end])  # a change of what is seen keeps the place
        page.mouse.dblclick(*middle_of(page))
        page.wait_for_timeout(300)
        assert shown(page)[1] == pytest.approx([0.0, 34.0])
        assert page.locator(".timeplot .imagelayer image").count() == 1
        page.get_by_label("behind").select_option("none")
        page.wait_for_timeout(300)
        assert page.locator(".timeplot .imagelayer image").count() == 0
        found.page.emulate_media(color_scheme="dark")
        page.wait_for_timeout(300)
        assert found.complaints == []


@pytest.mark.long
def test_scores_alone_are_shown(tmp_path):
    write_run(tmp_path / "run")
    (tmp_path / "run" / "validate" / "toy" / "frames.npz").unlink()
    report.main([str(tmp_path / "run"), "--bootstrap=100"])
    with opened(f"file://{tmp_path / 'run' / 'report.html'}") as found:
        assert "sung" in found.page.inner_text("tbody >> nth=1")
        assert found.complaints == []


@pytest.mark.long
def test_a_run_shows_its_curves(tmp_path):
    write_run(tmp_path / "run")
    report.main([str(tmp_path / "run"), "--bootstrap=100"])
    with opened(f"file://{tmp_path / 'run' / 'report.html'}") as found:
        page = found.page
        assert page.inner_text(".viewer h3") == "sung"
        page.get_by_role("tab", name="The run").click()
        page.wait_for_selector("figure .main-svg")
        assert "finished" in page.inner_text("h2")
        assert found.complaints == [] and found.requests == []

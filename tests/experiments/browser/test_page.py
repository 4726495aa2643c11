"""The page in Chromium: what it hears, shows, plays, saves and refuses."""

import csv

import mido
import numpy as np
import pretty_midi
import pytest

from experiments.transcription.formats.midi import midi_bytes
from lightning_modules.decoding.pitch.notes import notes_of
from tests.chromium import opened
from tests.experiments.browser.conftest import RATE, cents, hear, saved, voice, wait, wav

pytestmark = [pytest.mark.browser, pytest.mark.long]


def table(path):
    with path.open() as file:
        header, *rows = csv.reader(file)
    assert header == ["time", "frequency", "confidence", "voiced"]
    return np.array(rows, dtype=float).T


def glides(seconds=24.0):
    """f0 that rises and falls by an octave, with rests and jumps of loudness: more than two pieces of the page."""
    time = np.arange(int(seconds * RATE)) / RATE
    f0 = 220 * 2 ** (0.5 + 0.5 * np.sin(2 * np.pi * time / 7.3))
    f0[((time + 2) % 5 < 0.5) | (time > seconds - 0.3)] = 0
    return f0, voice(f0) * np.where((time + 2) % 10 < 5, 1.0, 0.15)


def melody():
    """Nine notes of half a second, some repeated after a rest."""
    notes = [60, 62, 64, 64, 67, 65, 64, 62, 60]
    f0 = np.concatenate([np.r_[np.full(RATE // 2, 440 * 2 ** ((n - 69) / 12)), np.zeros(RATE // 20)] for n in notes])
    return notes, voice(np.r_[np.zeros(RATE // 5), f0, np.zeros(RATE // 5)])


def test_a_glide_has_its_f0_and_that_of_transcribe(page, melisma, tmp_path):
    f0, samples = glides()
    hear(page, samples, "glides.wav")
    assert saved(page, "#csv", tmp_path / "page.csv") == "glides.csv"
    (tmp_path / "glides.wav").write_bytes(wav(samples))
    assert melisma("transcribe", tmp_path / "glides.wav", "--out", tmp_path / "python").code == 0
    ours, theirs = table(tmp_path / "page.csv"), table(tmp_path / "python" / "glides.csv")
    assert ours.shape == theirs.shape and (ours[0] == theirs[0]).all()
    truth = f0[np.minimum(np.round(ours[0] * RATE).astype(int), len(f0) - 1)]
    settled = np.convolve(truth > 0, np.ones(17), "same") == 17  # 80 ms from any end of a voice
    assert settled.sum() > 1500
    assert ours[3][settled].all() and not ours[3][np.convolve(truth > 0, np.ones(17), "same") == 0].any()
    assert cents(ours[1][settled], truth[settled]).max() < 5
    both = (ours[3] > 0) & (theirs[3] > 0)
    assert cents(ours[1][both], theirs[1][both]).max() < 1
    assert (ours[3] != theirs[3]).mean() < 0.002 and np.abs(ours[2] - theirs[2])[settled].max() < 0.01


def test_the_table_is_written_as_transcribe_writes_it(page, melisma, tmp_path):
    _, samples = melody()
    hear(page, samples)
    saved(page, "#csv", tmp_path / "page.csv")
    (tmp_path / "sound.wav").write_bytes(wav(samples))
    melisma("transcribe", tmp_path / "sound.wav", "--out", tmp_path)
    ours, theirs = ((tmp_path / name).read_text().splitlines() for name in ("page.csv", "sound.csv"))
    assert [line.split(",")[0] for line in ours] == [line.split(",")[0] for line in theirs]
    values = [1e-6, 1.25e-5, 0.000123456789, 0.5, 99999999.96, 1234.5, 261.625565301, 3e9, 0.0]
    written = page.evaluate(
        "async (values) => { const { significant } = await import('/table.js');"
        " return values.map((x) => [significant(x, 9), significant(x, 7)]); }",
        values,
    )
    assert written == [[f"{x:.9g}", f"{x:.7g}"] for x in values]


def test_notes_are_those_of_python_and_are_read_back_from_midi(page, tmp_path):
    notes, samples = melody()
    hear(page, samples)
    saved(page, "#csv", tmp_path / "page.csv")
    assert saved(page, "#midi", tmp_path / "page.mid") == "sound.mid"
    times, f0, confidence, voiced = table(tmp_path / "page.csv")
    expected = notes_of(times, f0, confidence, voiced > 0)
    assert [round(note.pitch) for note in expected] == notes
    (tmp_path / "python.mid").write_bytes(midi_bytes(expected, times, f0, voiced > 0))
    ours, theirs = (mido.MidiFile(tmp_path / name) for name in ("page.mid", "python.mid"))
    assert ours.ticks_per_beat == theirs.ticks_per_beat and list(ours.tracks[0]) == list(theirs.tracks[0])
    read = pretty_midi.PrettyMIDI(str(tmp_path / "page.mid")).instruments[0].notes
    assert [note.pitch for note in read] == notes
    assert np.allclose([note.start for note in read], 0.2 + 0.55 * np.arange(9), atol=0.03)


@pytest.mark.long
def test_notes_of_any_contour_are_those_of_python(page):
    random = np.random.default_rng(0)
    for case in range(6):
        frames = int(random.integers(300, 900))
        note = (
            60
            + np.cumsum(random.normal(size=frames) * (random.random(frames) < 0.04) * 3)
            + random.normal(size=frames) * 0.04 * case
        )
        f0 = (440 * 2 ** ((note - 69) / 12)).astype(np.float32).astype(float)
        confidence = np.convolve(random.random(frames) < 0.85, np.ones(3) / 3, "same")
        confidence = np.clip(confidence + 0.01 * random.random(frames), 0, 1).astype(np.float32).astype(float)
        found = page.evaluate(
            "async ({ f0, confidence }) => { const { notesOf } = await import('/notes.js');"
            " const notes = notesOf({ step: 0.01, frames: f0.length, f0, confidence }, 0.4);"
            " return notes.map((note) => [note.start, note.end, note.pitch, note.confidence]); }",
            {"f0": f0.tolist(), "confidence": confidence.tolist()},
        )
        expected = notes_of(np.arange(frames) * 0.01, f0, confidence, confidence > 0.4)
        assert len(expected) > 5
        assert np.shape(found) == (len(expected), 4) and np.allclose(found, expected, rtol=0, atol=1e-9)


@pytest.mark.long
def test_resampling_keeps_what_is_below_half_the_rate_and_nothing_else(page):
    for rate, hertz, gain in ((44100, 3000, 1), (48000, 6500, 1), (8000, 1000, 1), (44100, 9000, 0), (96000, 21000, 0)):
        samples = np.sin(2 * np.pi * hertz * np.arange(rate // 2) / rate)
        found = page.evaluate(
            "async ({ samples, rate }) => { const { resampled } = await import('/resampling.js');"
            " return [...resampled(Float32Array.from(samples), rate, 16000)]; }",
            {"samples": samples.tolist(), "rate": rate},
        )
        assert len(found) == 8000
        expected = gain * np.sin(2 * np.pi * hertz * np.arange(8000) / 16000)
        assert np.abs(found - expected)[400:-400].max() < 1e-3


def test_the_microphone_is_seen_live_and_kept(address, tmp_path):
    (tmp_path / "tone.wav").write_bytes(wav(voice(np.full(4 * RATE, 330.0))))  # played again and again
    flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    flags.append(f"--use-file-for-fake-audio-capture={tmp_path / 'tone.wav'}")
    with opened(address, reach=[address], flags=flags) as found:
        page = found.page
        wait(page, "idle")
        page.click("#herorecord")
        wait(page, "recording")
        page.wait_for_selector("#hertz:text-matches('^3')", timeout=60_000)
        page.wait_for_timeout(1500)
        assert page.inner_text("#note") == "E4" and cents(float(page.inner_text("#hertz")), 330) < 5
        assert float(page.evaluate("document.body.dataset.behind")) >= 0.04
        assert page.is_disabled("#csv")
        page.keyboard.press("r")
        wait(page, "ready")
        assert page.inner_text("#name").startswith("Recording ")
        saved(page, "#csv", tmp_path / "kept.csv")
        _, f0, confidence, voiced = table(tmp_path / "kept.csv")
        sure = np.flatnonzero((voiced > 0) & (confidence > 0.9))
        # The fake device drops a few samples where the machine is busy.
        assert len(sure) > 80 and np.percentile(cents(f0[sure], 330), 90) < 5
        assert found.complaints == [] and found.requests == []


@pytest.mark.long
def test_playing_moves_the_cursor_and_pausing_holds_it(page):
    hear(page, melody()[1])
    seen = lambda: float(page.inner_text("#time").partition(":")[2])  # noqa: E731
    assert seen() == 0 and page.get_attribute("#play", "aria-label") == "Play"
    for mode in ("recording", "pitch", "both"):
        page.check(f"input[value={mode}]", force=True)
    page.click("#play")
    page.wait_for_timeout(900)
    assert page.get_attribute("#play", "aria-label") == "Pause"
    first = seen()
    page.wait_for_timeout(500)
    assert 0 < first < seen()
    page.keyboard.press(" ")
    held = seen()
    page.wait_for_timeout(300)
    assert seen() == held and page.get_attribute("#play", "aria-label") == "Play"
    page.keyboard.press("Home")
    assert seen() == 0
    page.keyboard.press(">")
    assert seen() == 1
    page.evaluate("document.querySelector('#play').click()")
    page.wait_for_selector("#play[aria-label=Play]", timeout=20_000)  # it ends by itself


@pytest.mark.long
def test_the_tone_has_the_pitch_of_the_contour_and_rests_with_it(page):
    power = page.evaluate(
        """async () => {
        const [{ Contour }, { toneOf }] = await Promise.all([import('/contour.js'), import('/sonification.js')]);
        const contour = new Contour(0.01, 200);
        contour.f0.fill(300);
        contour.confidence.fill(0.9, 0, 100);
        return [...toneOf(contour, 0.5, new Float32Array(200).fill(1), 16000, 32000)];
    }"""
    )
    spectrum = np.abs(np.fft.rfft(power[1600:14400]))
    assert abs(np.argmax(spectrum) * 16000 / 12800 - 300) < 2 and np.abs(power[18000:]).max() < 1e-3


@pytest.mark.long
def test_the_threshold_acts_at_once_on_all_that_is_shown_and_saved(page, tmp_path):
    hear(page, melody()[1] + 0.003 * np.random.default_rng(0).normal(size=len(melody()[1])))
    before = page.inner_text("#facts")
    page.fill("#threshold", "0.98")
    assert page.inner_text("#thresholdtext") == "0.98"
    page.wait_for_timeout(600)
    assert page.inner_text("#facts") != before
    saved(page, "#csv", tmp_path / "strict.csv")
    _, _, confidence, voiced = table(tmp_path / "strict.csv")
    assert ((confidence > 0.98) == (voiced > 0)).all() and (confidence[voiced == 0] > 0.5).any()


@pytest.mark.long
def test_the_mouse_points_zooms_and_moves(page):
    hear(page, melody()[1])
    box = page.locator("#plot").bounding_box()
    at = lambda part: (box["x"] + part * box["width"], box["y"] + 0.4 * box["height"])  # noqa: E731
    page.mouse.move(*at(0.5))
    shown = page.inner_text("#time")
    assert shown != "0:00.00"
    for _ in range(4):
        page.mouse.wheel(0, -300)
    page.mouse.move(*at(0.9))
    zoomed = page.inner_text("#time")
    page.mouse.down()
    page.mouse.move(*at(0.5), steps=4)
    page.mouse.up()
    page.mouse.move(*at(0.91))
    assert page.inner_text("#time") > zoomed
    page.keyboard.press("0")
    page.mouse.move(*at(0.5))
    assert page.inner_text("#time") == shown
    page.mouse.click(*at(0.5))
    page.mouse.move(2, 2)
    assert page.inner_text("#time") == shown  # of the cursor now


@pytest.mark.long
def test_an_example_is_there_for_who_has_nothing(page):
    page.click("#heroexample")
    wait(page, "ready")
    assert page.inner_text("#name") == "An example, synthesised here"
    assert "A3" in page.inner_text("#facts") and "A4" in page.inner_text("#facts")


def test_a_name_is_text_whatever_it_says(page):
    name = "<script>document.title='hit'</script><img src=x onerror=document.title='hit'>.wav"
    hear(page, melody()[1][: 2 * RATE], name)
    assert page.inner_text("#name") == name and page.locator("#about img, #about script").count() == 0
    assert page.title() == "melisma: see a melody"


def test_what_is_no_recording_is_refused_in_one_sentence(page):
    short = wav(np.ones(900) * 0.1)
    for name, content, sentence in (
        ("notes.txt", b"no audio at all", "cannot read that file as audio"),
        ("nothing.wav", b"", "This file is empty."),
        ("click.wav", short, "too short"),
        ("cut.wav", short[:30], "cannot read that file as audio"),
    ):
        page.set_input_files("#file", {"name": name, "mimeType": "audio/wav", "buffer": content})
        page.wait_for_selector(f"#alert:not([hidden]):has-text('{sentence}')")
        assert page.get_attribute("body", "data-state") == "idle"
    hear(page, melody()[1][: 2 * RATE])
    assert page.is_hidden("#alert")


@pytest.mark.long
def test_silence_has_no_pitch_and_says_so(page):
    hear(page, np.zeros(RATE))
    assert "no pitch found" in page.inner_text("#facts")
    page.click("#play")
    page.wait_for_timeout(200)


@pytest.mark.long
def test_without_a_microphone_the_page_says_so(address):
    with opened(address, reach=[address]) as found:
        wait(found.page, "idle")
        found.page.click("#herorecord")
        found.page.wait_for_selector("#alert:not([hidden])")
        assert "icrophone" in found.page.inner_text("#alert")
        assert found.page.get_attribute("body", "data-state") == "idle"
        assert found.complaints == []


@pytest.mark.long
def test_it_fits_a_narrow_screen(page):
    page.set_viewport_size({"width": 400, "height": 860})
    hear(page, melody()[1][: 2 * RATE])
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    for button in ("#open", "#record", "#help", "#play", "#csv", "#midi"):
        box = page.locator(button).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 400

import base64
import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from experiments.reporting import encoding
from experiments.reporting.spectrograms import BINS, MELS, STEP, mel_spectrogram, on_notes, spectrogram


def unpacked(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_pitches_are_kept_to_a_quarter_of_a_cent():
    hertz = np.geomspace(20, 5000, 1001)
    found = unpacked(encoding.packed_notes(1200 * np.log2(hertz / 10), np.ones(1001, bool)), "<i2")
    notes = 69 + 12 * np.log2(hertz / 440)
    assert np.abs(found / encoding.NOTE_STEPS - notes).max() <= 0.0025 + 1e-9


def test_guesses_are_negative_and_nothing_is_0():
    cents = np.array([0.0, 1200.0, 1200.0])
    found = unpacked(encoding.packed_notes(cents, np.array([True, True, False])), "<i2")
    assert found[0] == 0 and found[1] > 0 and found[2] == -found[1]


def test_shares_are_kept_to_a_byte():
    shares = np.linspace(0, 1, 300)
    assert np.abs(unpacked(encoding.packed_shares(shares), "u1") / 255 - shares).max() <= 0.5 / 255 + 1e-9
    assert encoding.packed_shares(None) is None


def test_a_picture_has_time_to_the_right_and_the_lowest_bin_at_the_bottom():
    levels = np.zeros((40, 20), np.uint8)
    levels[30:, :5] = 255  # late and low
    data = encoding.picture(levels).removeprefix("data:image/webp;base64,")
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L"))
    assert image.shape == (20, 40)
    assert image[17, 35] < 60 and image[3, 35] > 200 and image[17, 5] > 200


def test_a_picture_of_very_many_frames_has_fewer_columns():
    levels = np.zeros((40001, 8), np.uint8)
    levels[30000] = 255
    data = encoding.picture(levels).removeprefix("data:image/webp;base64,")
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L"))
    assert image.shape == (8, 13334)
    assert abs(int(image.mean(axis=0).argmin()) - 10000) <= 1


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_sound_is_neither_late_nor_slow(rate):
    seconds = 1.5
    clicks = np.zeros(int(seconds * rate), np.float32)
    at = int(1.2 * rate)
    clicks[at : at + rate // 100] = np.hanning(rate // 100)
    found, told = soundfile.read(io.BytesIO(base64.b64decode(encoding.sound(clicks, rate))))
    assert told == min(rate, 16000)
    assert len(found) / told == pytest.approx(seconds, abs=0.001)
    middle = (np.arange(len(found)) * found**2).sum() / (found**2).sum() / told
    assert middle == pytest.approx(1.205, abs=0.002)


def test_silence_and_one_sample_are_sounds_too():
    for samples in (np.zeros(1000, np.float32), np.zeros(1, np.float32)):
        soundfile.read(io.BytesIO(base64.b64decode(encoding.sound(samples, 16000))))


def test_a_tone_is_in_its_bin_at_its_time():
    rate, note = 16000, 57
    samples = np.zeros(2 * rate, np.float32)
    times = np.arange(rate) / rate
    samples[rate:] = np.sin(2 * np.pi * 440 * 2 ** ((note - 69) / 12) * times)
    levels = spectrogram(samples, rate, 40.0, 80.0)
    assert levels.shape == (round(2 / STEP), 40 * BINS)
    assert abs(levels[round(1.5 / STEP)].argmax() / BINS + 40 - note) <= 1 / BINS
    assert levels[: round(0.9 / STEP)].max() == 0
    mels, hertz = mel_spectrogram(samples, rate)
    assert mels.shape == (round(2 / STEP), MELS)
    assert hertz[mels[round(1.5 / STEP)].argmax()] == pytest.approx(220, rel=0.2)


def test_less_audio_than_a_window_has_a_spectrogram():
    assert spectrogram(np.ones(10, np.float32), 16000, 40.0, 60.0).shape == (1, 60)
    assert (spectrogram(np.zeros(10, np.float32), 16000, 40.0, 60.0) == 0).all()


def test_salience_is_put_on_the_notes_that_are_shown():
    notes = np.arange(50.0, 60.0, 0.5)
    salience = np.zeros((3, 20), np.uint8)
    salience[1, 8] = 200  # note 54
    found = on_notes(salience, notes, 48.0, 66.0)
    assert found.shape == (3, 18 * BINS)
    assert abs(found[1].argmax() / BINS + 48 - 54) <= 0.5
    assert found[0].max() == 0 and found[1, -1] == 0


def test_the_same_sound_is_the_same_text_and_is_heard_as_it_was():
    samples = np.random.default_rng(0).normal(0, 0.1, 5 * 16000).astype(np.float32)
    text = encoding.sound(samples, 16000)
    assert text == encoding.sound(samples, 16000)
    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", samplerate=16000, channels=1, format="OGG", subtype="OPUS", compression_level=0.92
    ) as opus:
        opus.write(samples * (0.9 / float(np.abs(samples).max())))
    one, other = soundfile.read(io.BytesIO(file.getvalue())), soundfile.read(io.BytesIO(base64.b64decode(text)))
    assert one[1] == other[1] and np.array_equal(one[0], other[0])  # a page of a wrong checksum is left out


def test_the_checksum_of_a_page_is_that_of_libogg():
    file = io.BytesIO()
    soundfile.write(file, np.zeros(16000), 16000, format="OGG", subtype="OPUS")
    first = bytearray(file.getvalue()[: 27 + 1 + 19])  # the header of Opus
    stated = int.from_bytes(first[22:26], "little")
    first[22:26] = bytes(4)
    assert encoding._checksum(first) == stated != 0

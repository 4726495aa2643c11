"""Write the recordings of the clips and of the utterances: tones in noise, the same ones every time."""

from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
CLASSES = {"low": (220.0, 330.0), "high": (1400.0, 2100.0)}  # Hz, between which a clip's tone lies
PHONES = {"A": 300.0, "B": 700.0, "C": 1300.0, "D": 2300.0}  # Hz
generator = np.random.default_rng(0)


def tone(frequency: float, seconds: float) -> np.ndarray:
    """A sine that fades in and out, with noise 35 dB below it."""
    times = np.arange(round(seconds * RATE)) / RATE
    fade = np.clip(np.minimum(times, times[::-1]) / 0.01, 0, 1)
    return 0.5 * fade * np.sin(2 * np.pi * frequency * times) + generator.normal(0, 0.006, times.size)


def write(path: Path, samples: np.ndarray) -> None:
    """16-bit FLAC."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE, subtype="PCM_16")


for label, (lowest, highest) in CLASSES.items():
    for number in range(5):
        seconds = generator.uniform(0.15, 0.2)
        write(Path("recordings", "clips", label, f"{number}.flac"), tone(generator.uniform(lowest, highest), seconds))

lines = ["audio\tphones\tspeaker\tsplit"]
for number in range(7):
    phones = list(generator.choice(list(PHONES), 4))
    samples = np.concatenate([tone(PHONES[phone], generator.uniform(0.08, 0.1)) for phone in phones])
    write(Path("recordings", "utterances", f"{number}.flac"), samples)
    lines.append(f"{number}.flac\t{' '.join(phones)}\t{number}\t{'train' if number < 4 else 'validation'}")
Path("recordings", "utterances", "list.tsv").write_text("\n".join(lines) + "\n")

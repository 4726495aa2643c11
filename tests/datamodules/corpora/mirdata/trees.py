"""Small trees as mirdata lays the data sets out: for each, the files of its tracks and those beside them."""

import json

import numpy as np

RATE = 8000


def tone(frequency):
    return 0.5 * np.sin(2.0 * np.pi * frequency * np.arange(RATE) / RATE)


def stereo(left, right):
    return np.stack([tone(left), tone(right)], axis=1)


def rows(*f0, step=0.1, separator=","):
    return "".join(f"{step * row:.1f}{separator}{value}\n" for row, value in enumerate(f0))


def jams(*strings):
    """A GuitarSet file: a pitch contour for each string, a value every 256 samples at 44.1 kHz from frame 10 on."""

    def annotation(number, f0):
        return {
            "namespace": "pitch_contour",
            "annotation_metadata": {"data_source": str(number)},
            "data": {
                "time": [(10 + frame) * 256 / 44100 for frame in range(len(f0))],
                "duration": [0.0] * len(f0),
                "value": [{"index": 0, "frequency": abs(value), "voiced": value > 0} for value in f0],
                "confidence": [None] * len(f0),
            },
        }

    return json.dumps({"annotations": [annotation(number, f0) for number, f0 in enumerate(strings)]})


STRINGS = np.stack([tone(frequency) for frequency in range(100, 700, 100)], axis=1)
CONTOURS = jams([], [110.0] * 30, [], [200.0, -200.0, 200.0] * 20, [], [])

# Of each data set: the files that its index gives each track, with their contents, and its other files.
TREES = {
    "medleydb_melody": (
        {
            "Some_Song": {
                "audio": ("audio/Some_Song_MIX.wav", tone(440)),
                "melody1": ("melody1/Some_Song_MELODY1.csv", rows(0.0, 100.0, 100.0)),
                "melody2": ("melody2/Some_Song_MELODY2.csv", rows(0.0, 200.0, 210.0)),
                "melody3": ("melody3/Some_Song_MELODY3.csv", "0.0,0.0,0.0\n0.1,200.0,300.0\n0.2,210.0,0.0\n"),
            }
        },
        {
            "medleydb_melody_metadata.json": json.dumps(
                {"Some_Song": {"artist": "Some", "title": "Song", "genre": "Rock", "is_instrumental": True}}
            )
        },
    ),
    "medleydb_pitch": (
        {
            "Some_Song_STEM_03": {
                "audio": ("audio/Some_Song_STEM_03.wav", tone(440)),
                "pitch": ("pitch/Some_Song_STEM_03.csv", "0.10,220.0\n0.11,221.0\n0.50,330.0\n0.51,331.0\n"),
                "notes_pyin": (None, None),
            }
        },
        {"medleydb_pitch_metadata.json": json.dumps({"Some_Song_STEM_03": {"instrument": "flute"}})},
    ),
    "mdb_stem_synth": (
        {
            "Some_Song_STEM_03": {
                "audio": ("audio_stems/Some_Song_STEM_03.RESYN.wav", tone(440)),
                "f0": ("annotation_stems/Some_Song_STEM_03.RESYN.csv", rows(0.0, 200.0, 210.0)),
            }
        },
        {},
    ),
    "orchset": (
        {
            "Rimski-Korsakov-Work-I-ex2": {
                "audio_mono": ("audio/mono/Rimski-Korsakov-Work-I-ex2.wav", tone(440)),
                "audio_stereo": ("audio/stereo/Rimski-Korsakov-Work-I-ex2.wav", stereo(220, 880)),
                "melody": ("GT/Rimski-Korsakov-Work-I-ex2.mel", rows(0, 200.0, 210.0, separator="\t")),
            }
        },
        {
            "Orchset - Predominant Melodic Instruments.csv": (
                "excerpt,instruments,alternating,winds,strings,brass,only strings,only winds,only brass\n"
                "Rimski-Korsakov-Work-I-ex2.mel,strings+winds,TRUE,TRUE,TRUE,FALSE,FALSE,FALSE,FALSE\n"
            )
        },
    ),
    "ikala": (
        {
            "10161_chorus": {
                "audio": ("Wavfile/10161_chorus.wav", stereo(220, 440)),
                "pitch": ("PitchLabel/10161_chorus.pv", "0\n57\n69\n"),
                "lyrics": (None, None),
                "notes_pyin": (None, None),
            }
        },
        {"id_mapping.txt": "singer\tsong\nnina\t10161\n"},
    ),
    "vocadito": (
        {
            "1": {
                "audio": ("Audio/vocadito_1.wav", tone(440)),
                "f0": ("Annotations/F0/vocadito_1_f0.csv", rows(0.0, 200.0, 210.0)),
                "notesA1": (None, None),
                "notesA2": (None, None),
                "lyrics": (None, None),
            }
        },
        {"vocadito_metadata.csv": "track_id,singer_id,average_pitch,language\n1,S1,55,English\n"},
    ),
    "guitarset": (
        {
            "00_Funk3-112-C#_solo": {
                "audio_hex_cln": ("hex_cln/00_Funk3-112-C#_solo_hex_cln.wav", STRINGS),
                "audio_hex": (None, None),
                "audio_mic": ("mic/00_Funk3-112-C#_solo_mic.wav", tone(440)),
                "audio_mix": ("mix/00_Funk3-112-C#_solo_mix.wav", tone(220)),
                "jams": ("annotation/00_Funk3-112-C#_solo.jams", CONTOURS),
            }
        },
        {},
    ),
}  # fmt: skip


VERSIONS = {
    "medleydb_melody": "5.0",
    "medleydb_pitch": "3.0",
    "mdb_stem_synth": "1.0.0",
    "orchset": "1.0",
    "ikala": "2.0",
    "vocadito": "1.0",
    "guitarset": "1.1.0",
}


def pitch(recording):
    """Hz that most of the audio's energy is at."""
    audio = recording.audio.read()
    assert audio.rate == RATE and audio.samples.shape == (RATE,)
    return int(np.abs(np.fft.rfft(audio.samples)).argmax())

"""The data sets that are read through mirdata: where each has its audio, f0, artists and songs.

mirdata: R. M. Bittner, M. Fuentes, D. Rubinstein, A. Jansson, K. Choi, T. Kell, "mirdata: software for reproducible
usage of datasets", ISMIR 2019.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from datamodules.corpora.sources.f0_files import TableOptions

STRINGS = "EADGBe"  # of a guitar, from the lowest; mirdata and GuitarSet number them in this order


class TrackAudio(NamedTuple):
    """Audio of a track.

    Attributes:
        path: name of the attribute of mirdata's track with the path of the file.
        channel: of the file; None: the mean of all.
    """

    path: str
    channel: int | None = None


class Loader(NamedTuple):
    """A function of mirdata that reads an annotation.

    Attributes:
        name: of the function in the data set's module.
        voices: for every voice the arguments that follow the path.
    """

    name: str
    voices: tuple[tuple[int, ...], ...] = ((),)


class Annotation(NamedTuple):
    """An f0 annotation of a track.

    Attributes:
        path: name of the attribute of mirdata's track with the path of the file.
        reader: what reads the file: a function of mirdata, or ours for tables.
        signals: the audio that it annotates, by name; the first is the default.
    """

    path: str
    reader: Loader | TableOptions
    signals: Mapping[str, TrackAudio]


class DatasetFields(NamedTuple):
    """What mirdata's tracks of a data set hold.

    Attributes:
        annotations: by name; the first is the default.
        artist: from a track to its performer or composer.
        song: from a track to its song.
        metadata: names of the attributes that are stored with every record.
    """

    annotations: Mapping[str, Annotation]
    artist: Callable[[Any], str | None]
    song: Callable[[Any], str]
    metadata: tuple[str, ...] = ()


def _before_underscore(track: Any) -> str:  # noqa: ANN401 -- mirdata has no types
    return str(track.track_id).partition("_")[0]


def _without_stem(track: Any) -> str:  # noqa: ANN401
    return str(track.track_id).partition("_STEM_")[0]


def _orchset_composer(track: Any) -> str:  # noqa: ANN401
    return str(track.track_id).partition("-")[0]


def _orchset_work(track: Any) -> str:  # noqa: ANN401
    return re.sub(r"-ex\d+$", "", str(track.track_id))


def _guitarset_take(track: Any) -> str:  # noqa: ANN401 -- the solo is played over the accompaniment of the same take
    return str(track.track_id).rpartition("_")[0]


_MIX = {"mix": TrackAudio("audio_path")}
_STEM = {"stem": TrackAudio("audio_path")}
_VOCALS = {"vocals": TrackAudio("audio_path")}

DATASETS: dict[str, DatasetFields] = {
    "medleydb_melody": DatasetFields(
        {
            "melody2": Annotation("melody2_path", Loader("load_melody"), _MIX),
            "melody1": Annotation("melody1_path", Loader("load_melody"), _MIX),
            "melody3": Annotation("melody3_path", Loader("load_melody3"), _MIX),
        },
        _before_underscore,
        attrgetter("track_id"),
        ("genre", "is_excerpt", "is_instrumental", "n_sources"),
    ),
    "medleydb_pitch": DatasetFields(
        # These tables leave unvoiced frames out, and mirdata 1.0 refuses tables with uneven times.
        {"pitch": Annotation("pitch_path", TableOptions(gap=0.02), _STEM)},
        _before_underscore,
        _without_stem,
        ("genre", "instrument"),
    ),
    "mdb_stem_synth": DatasetFields(
        {"f0": Annotation("f0_path", Loader("load_f0"), _STEM)}, _before_underscore, _without_stem
    ),
    "orchset": DatasetFields(
        {
            "melody": Annotation(
                "melody_path",
                Loader("load_melody"),
                {"mono": TrackAudio("audio_path_mono"), "stereo": TrackAudio("audio_path_stereo")},
            )
        },
        _orchset_composer,
        _orchset_work,
        ("composer", "work", "alternating_melody", "only_strings", "only_winds", "only_brass"),
    ),
    "ikala": DatasetFields(
        {
            "f0": Annotation(
                "f0_path",
                Loader("load_f0"),
                {"vocals": TrackAudio("audio_path", channel=1), "mix": TrackAudio("audio_path")},
            )
        },
        attrgetter("singer_id"),
        attrgetter("song_id"),
        ("section",),
    ),
    "vocadito": DatasetFields(
        {"f0": Annotation("f0_path", Loader("load_f0"), _VOCALS)},
        attrgetter("singer_id"),
        attrgetter("track_id"),
        ("language",),
    ),
    "guitarset": DatasetFields(
        {
            "multif0": Annotation(
                "jams_path",
                Loader("load_pitch_contour", tuple((string,) for string in range(len(STRINGS)))),
                {"mic": TrackAudio("audio_mic_path"), "mix": TrackAudio("audio_mix_path")},
            ),
            **{
                string: Annotation(
                    "jams_path",
                    Loader("load_pitch_contour", ((number,),)),
                    {"hex_cln": TrackAudio("audio_hex_cln_path", number), "hex": TrackAudio("audio_hex_path", number)},
                )
                for number, string in enumerate(STRINGS)
            },
        },
        attrgetter("player_id"),
        _guitarset_take,
        ("mode", "style", "tempo"),
    ),
}

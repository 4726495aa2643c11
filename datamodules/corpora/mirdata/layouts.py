"""What is what in the data sets that are read through mirdata: audio, f0, and who must not stand in two splits.

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


class Signal(NamedTuple):
    """Audio of a track.

    Attributes:
        path: attribute of mirdata's track that holds the file's path.
        channel: of the file; None: the mean of all.
    """

    path: str
    channel: int | None = None


class Loader(NamedTuple):
    """A function of mirdata that reads an annotation.

    Attributes:
        name: of the function in the data set's module.
        voices: arguments behind the path, once for every voice.
    """

    name: str
    voices: tuple[tuple[int, ...], ...] = ((),)


class Annotation(NamedTuple):
    """An f0 annotation of a track.

    Attributes:
        path: attribute of mirdata's track that holds the file's path.
        reader: how the file is read: by mirdata, or as a table.
        signals: audio that the annotation is of, by name; the first is the usual choice.
    """

    path: str
    reader: Loader | TableOptions
    signals: Mapping[str, Signal]


class Layout(NamedTuple):
    """A data set.

    Attributes:
        annotations: by name; the first is the usual choice.
        artist: who plays, sings or wrote a track, given mirdata's track.
        song: what a track is of.
        metadata: attributes of mirdata's track that are kept.
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


_MIX = {"mix": Signal("audio_path")}
_STEM = {"stem": Signal("audio_path")}
_VOCALS = {"vocals": Signal("audio_path")}

LAYOUTS: dict[str, Layout] = {
    "medleydb_melody": Layout(
        {
            "melody2": Annotation("melody2_path", Loader("load_melody"), _MIX),
            "melody1": Annotation("melody1_path", Loader("load_melody"), _MIX),
            "melody3": Annotation("melody3_path", Loader("load_melody3"), _MIX),
        },
        _before_underscore,
        attrgetter("track_id"),
        ("genre", "is_excerpt", "is_instrumental", "n_sources"),
    ),
    "medleydb_pitch": Layout(
        # These tables leave unvoiced frames out, and mirdata 1.0 refuses tables with uneven times.
        {"pitch": Annotation("pitch_path", TableOptions(gap=0.02), _STEM)},
        _before_underscore,
        _without_stem,
        ("genre", "instrument"),
    ),
    "mdb_stem_synth": Layout(
        {"f0": Annotation("f0_path", Loader("load_f0"), _STEM)}, _before_underscore, _without_stem
    ),
    "orchset": Layout(
        {
            "melody": Annotation(
                "melody_path",
                Loader("load_melody"),
                {"mono": Signal("audio_path_mono"), "stereo": Signal("audio_path_stereo")},
            )
        },
        _orchset_composer,
        _orchset_work,
        ("composer", "work", "alternating_melody", "only_strings", "only_winds", "only_brass"),
    ),
    "ikala": Layout(
        {
            "f0": Annotation(
                "f0_path",
                Loader("load_f0"),
                {"vocals": Signal("audio_path", channel=1), "mix": Signal("audio_path")},
            )
        },
        attrgetter("singer_id"),
        attrgetter("song_id"),
        ("section",),
    ),
    "vocadito": Layout(
        {"f0": Annotation("f0_path", Loader("load_f0"), _VOCALS)},
        attrgetter("singer_id"),
        attrgetter("track_id"),
        ("language",),
    ),
    "guitarset": Layout(
        {
            "multif0": Annotation(
                "jams_path",
                Loader("load_pitch_contour", tuple((string,) for string in range(len(STRINGS)))),
                {"mic": Signal("audio_mic_path"), "mix": Signal("audio_mix_path")},
            ),
            **{
                string: Annotation(
                    "jams_path",
                    Loader("load_pitch_contour", ((number,),)),
                    {"hex_cln": Signal("audio_hex_cln_path", number), "hex": Signal("audio_hex_path", number)},
                )
                for number, string in enumerate(STRINGS)
            },
        },
        attrgetter("player_id"),
        _guitarset_take,
        ("mode", "style", "tempo"),
    ),
}

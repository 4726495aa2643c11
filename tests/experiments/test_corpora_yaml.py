"""What the files in experiments/corpora promise besides being recipes, which test_recipes.py tests of every one."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from jsonargparse import ArgumentParser

from datamodules.corpora import Excerpts, MirdataCorpus
from datamodules.corpora.base import Recording
from datamodules.corpora.sources.audio_files import AudioFile
from datamodules.preparation.recipe import ShardRecipe
from datamodules.preparation.splits import assign_splits
from tests.experiments.catalogue import recipes

CORPORA = Path(__file__).parents[2] / "experiments" / "corpora"
TO_VALIDATE_WITH = """
    AmarLal_Rest AmarLal_SpringDay1 BrandonWebster_DontHearAThing BrandonWebster_YesSirICanFly
    ClaraBerryAndWooldog_AirTraffic ClaraBerryAndWooldog_Boys ClaraBerryAndWooldog_Stella
    ClaraBerryAndWooldog_TheBadGuys ClaraBerryAndWooldog_WaltzForMyVictims HezekiahJones_BorrowedHeart
    InvisibleFamiliars_DisturbingWildlife MichaelKropf_AllGoodThings NightPanther_Fire
    SecretMountains_HighHorse Snowmine_Curfews
""".split()  # the validation songs of the split of the literature (Bittner et al., ISMIR 2017)


def parsed(name, *arguments):
    parser = ArgumentParser()
    parser.add_argument("--config", action="config")
    parser.add_class_arguments(ShardRecipe)
    return parser.instantiate(parser.parse_args(["--config", str(CORPORA / name), *arguments]))


def test_excerpts_to_look_at_are_of_validation_songs_and_of_no_other():
    stated = yaml.safe_load((CORPORA / "medleydb_excerpts.yaml").read_text())
    assert set(stated["corpus"]["init_args"]["excerpts"]) <= set(TO_VALIDATE_WITH)
    assert set(stated["splits"]) == {"validation"}


def test_the_folder_of_the_excerpts_corpus_can_be_given_on_the_command_line():
    corpus = parsed("medleydb_excerpts.yaml", "--corpus.corpus.folder", "elsewhere").corpus
    assert isinstance(corpus, Excerpts) and corpus.corpus.folder == "elsewhere"
    assert corpus.excerpts["NightPanther_Fire"] == (82.0, 87.0)


@pytest.mark.parametrize("name", ["medleydb_melody.yaml", "mdb_stem_synth.yaml"])
def test_the_split_of_the_literature_is_a_few_words_on_the_command_line(name):
    options = parsed(name, "--corpus.tracks", "split.json", "--corpus.group", "song", "--splits", "null")
    assert isinstance(options.corpus, MirdataCorpus)
    assert (options.corpus.tracks, options.corpus.group, options.splits) == ("split.json", "song", None)


def test_no_two_files_write_to_the_same_directory():
    directories = [yaml.safe_load(path.read_text())["directory"] for path in CORPORA.glob("*.yaml")]
    assert len(set(directories)) == len(directories) > 1


GRIDS = sorted(CORPORA.glob("medleydb_[0-9]*k_*.yaml"))


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_medleydb_files_by_grid_have_the_rate_and_hop_of_their_names_and_differ_in_nothing_else(path):
    stated = yaml.safe_load(path.read_text())
    kilohertz, hop, *spectrogram = path.stem.removeprefix("medleydb_").split("_")
    assert (stated["rate"] // 1000, stated["hop"]) == (int(kilohertz.removesuffix("k")), int(hop))
    assert stated["directory"] == f"data/{path.stem}"
    assert ("spectrogram" in stated) == bool(spectrogram)
    assert stated["corpus"] == yaml.safe_load(GRIDS[0].read_text())["corpus"]
    assert "splits" not in stated, "the split is that of the list of songs"
    assert stated["corpus"]["init_args"]["group"] == "song"


def test_ten_seconds_of_a_test_song_are_never_learned_from_or_chosen_by():
    stated = yaml.safe_load((CORPORA / "medleydb_fairerhopes.yaml").read_text())
    assert set(stated["splits"]) == {"validation"}
    for path in recipes("melody"):
        recipe = yaml.safe_load(path.read_text())
        assert stated["directory"] not in recipe["data"]["init_args"].get("train", ())
        assert "fairerhopes" not in recipe["checkpoint"]["monitor"]


def test_the_split_of_the_literature_has_the_validation_songs_and_counts_that_are_stated():
    folder = os.environ.get("MELISMA_TEST_DATA")
    if folder is None:
        pytest.skip("MELISMA_TEST_DATA is not set: no list of the split")
    split = json.loads((Path(folder) / "f0_medleydb_contours" / "mdb_ismir2017_split.json").read_text())
    counts = re.search(r"(\d+), (\d+) and (\d+) songs", (CORPORA / "medleydb_16k_93.yaml").read_text()).groups()
    assert [len(split[name]) for name in ("train", "validation", "test")] == [int(count) for count in counts]
    assert sorted(split["validation"]) == sorted(TO_VALIDATE_WITH)
    assert "MatthewEntwistle_FairerHopes" in split["test"]


def write_second(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(8000), 8000)


def test_wjazzd_is_read_as_its_folders_name_it_and_split_by_artist(tmp_path):
    for name in ("ArtPepper_Anthropology", "ArtPepper_Desafinado", "JohnColtrane_GiantSteps-1"):
        write_second(tmp_path / "audio_f0" / f"{name}_Solo.wav")
        (tmp_path / "f0").mkdir(exist_ok=True)
        (tmp_path / "f0" / f"{name}_FINAL_f0.csv").write_text("0,440\n0.5,440\n")
    recordings = parsed("wjazzd.yaml", "--corpus.folder", str(tmp_path)).corpus.recordings()
    assert [recording.group for recording in recordings] == ["ArtPepper", "ArtPepper", "JohnColtrane"]
    assert all(recording.truth is not None for recording in recordings)


SOLOS = {  # of an artist, counted in the split of the thesis
    "validation": {
        **{"BixBeiderbecke": 4, "BuckClayton": 3, "CurtisFuller": 2, "DickieWells": 3, "DonEllis": 2, "FatsNavarro": 4},
        **{"JCHigginbotham": 1, "LesterYoung": 6, "LouisArmstrong": 5, "PatMetheny": 1, "SidneyBechet": 3},
        **{"SteveLacy": 5, "WayneShorter": 9, "WoodyShaw": 6},
    },
    "test": {
        **{"BennyCarter": 5, "CannonballAdderley": 5, "CharlieParker": 6, "CharlieShavers": 1, "DonByas": 7},
        **{"GerryMulligan": 3, "JJJohnson": 5, "JoeLovano": 6, "JohnnyDodds": 1, "KennyDorham": 6, "LeeMorgan": 1},
        **{"MilesDavis": 8, "PaulDesmond": 8, "SonnyRollins": 12},
    },
}


def test_wjazzd_has_the_54_and_74_solos_of_the_published_split_to_validate_and_to_test_with():
    recipe = parsed("wjazzd.yaml")
    counted = {"train": {"ArtPepper": 6, "ZootSims": 2}, **SOLOS}
    recordings = [
        Recording(f"{artist}_{solo}", AudioFile("none.wav"), None, artist, metadata={"split": split})
        for split, artists in counted.items()
        for artist, solos in artists.items()
        for solo in range(solos)
    ]
    dealt = assign_splits(recordings, recipe.splits, recipe.seed)
    assert {name: len(members) for name, members in dealt.items()} == {"train": 8, "validation": 54, "test": 74}
    assert all(each.metadata["split"] == name for name, members in dealt.items() for each in members)


def test_mdb_melody_synth_takes_the_split_of_a_manifest(tmp_path):
    write_second(tmp_path / "audio_mix" / "AmarLal_Rest_MIX_melsynth.wav")
    (tmp_path / "annotation_melody").mkdir()
    (tmp_path / "annotation_melody" / "AmarLal_Rest_STEM_01.csv").write_text("0,440\n0.5,440\n")
    columns = ["audio", "table", "song", "split"]
    row = ["audio_mix/AmarLal_Rest_MIX_melsynth.wav", "annotation_melody/AmarLal_Rest_STEM_01.csv"]
    lines = ["\t".join(columns), "\t".join([*row, "AmarLal_Rest", "validation"])]
    (tmp_path / "manifest.tsv").write_text("\n".join(lines) + "\n")
    (recording,) = parsed("mdb_melody_synth_songs.yaml", "--corpus.folder", str(tmp_path)).corpus.recordings()
    assert (recording.group, recording.split) == ("AmarLal_Rest", "validation")
    assert recording.truth is not None

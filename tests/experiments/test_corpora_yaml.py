"""What the files in experiments/corpora promise besides being recipes, which test_recipes.py tests of every one."""

from pathlib import Path

import pytest
import yaml
from jsonargparse import ArgumentParser

from datamodules.corpora import Excerpts, MirdataCorpus
from datamodules.recipe import ShardRecipe

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

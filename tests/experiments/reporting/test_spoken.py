import json

import numpy as np
import pytest
import yaml

from datamodules.corpora.base import Audio, Recording
from datamodules.errors import DataError
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from experiments.commands import report
from experiments.evaluation.statistics import Bootstrap
from experiments.reporting.clips import clip_section, read_clips
from experiments.reporting.phones import phone_section, read_utterances
from experiments.reporting.spoken import ratio_with_interval
from lightning_modules.metrics import edit_distance
from tests.experiments.reporting.page_data import read_page
from tests.given_corpus import Given, GivenCorpus

RATE = 8000


@pytest.fixture
def clips(tmp_path):
    """Five clips of two speakers: one wrong and sure, one wrong and unsure, one of unknown class."""
    rows = [
        ("a1", "yes", 0.9, "no", 0.1, "yes"),
        ("a2", "yes", 0.95, "no", 0.05, "no"),
        ("b1", "no", 0.55, "yes", 0.45, "yes"),
        ("b2", "no", 0.6, "yes", 0.4, "no"),
        ("c1", "no", 0.6, "yes", 0.4, ""),
    ]
    lines = ["id\tclass\tprobability\tclass_2\tprobability_2\ttruth"]
    lines += ["\t".join(map(str, row)) for row in rows]
    folder = tmp_path / "run" / "validate" / "words"
    folder.mkdir(parents=True)
    (folder / "classes.tsv").write_text("\n".join(lines) + "\n")
    return folder


class TestClips:
    def test_the_surest_mistake_comes_first(self, clips):
        section = clip_section("words", read_clips(clips), {}, Bootstrap(100))
        assert [row[0] for row in section["scores"]["rows"]] == ["a2", "b1", "a1", "b2"]
        assert section["clips"] == 4  # one has no known class

    def test_figures_follow_their_definitions(self, clips):
        groups = {"a1": "a", "a2": "a", "b1": "b", "b2": "b"}
        section = clip_section("words", read_clips(clips), groups, Bootstrap(100))
        figures = {each["name"]: each["cells"][0]["value"] for each in section["figures"]}
        assert figures["accuracy"] == 0.5
        assert figures["mean_recall_of_classes"] == 0.5
        # Bins .9 to 1 (.9 right, .95 wrong), .5 to .6 (.55 wrong) and .6 to .7 (.6 right).
        assert figures["expected_calibration_error"] == pytest.approx((0.85 + 0.55 + 0.4) / 4)
        assert section["classes"] == {
            "names": ["no", "yes"],
            "counts": [[1, 1], [1, 1]],
            "rows": [["no", 2, 0.5, 0.5, "yes (1)"], ["yes", 2, 0.5, 0.5, "no (1)"]],
        }
        assert section["by_group"] == [["a", 2, 0.5, 0.925], ["b", 2, 0.5, 0.575]]
        assert section["figures"][0]["cells"][0]["low"] == 0.5  # both speakers are as good

    def test_without_groups_there_is_no_table_of_them(self, clips):
        assert clip_section("words", read_clips(clips), {}, Bootstrap(100))["by_group"] == []

    def test_a_table_of_something_else_is_refused(self, clips):
        (clips / "classes.tsv").write_text("id\tclass\ttruth\na\tyes\tno\n")
        with pytest.raises(DataError, match=r"classes.tsv: not readable as a table of classes"):
            read_clips(clips)
        (clips / "classes.tsv").write_text("id\tclass\tprobability\ttruth\na\tyes\t1\t\n")
        with pytest.raises(DataError, match="no clip with a known class"):
            read_clips(clips)


@pytest.fixture
def phones(tmp_path):
    """Three utterances: one right, one with each kind of edit, one without transcript."""
    folder = tmp_path / "run" / "validate" / "speech"
    folder.mkdir(parents=True)
    (folder / "phones.tsv").write_text(
        "id\tscore\tphones\twords\treference\tedits\n"
        "fine one\t-1\tA B C\tabc\tA B C\t0\n"
        "worse\t-2\tA X C D\t\tA B C E F\t3\n"
        "unknown\t-2\tA\t\t\t\n"
    )
    (folder / "scores.tsv").write_text("id\tedits\tphones\nfine one\t0\t3\nworse\t3\t5\n")
    spans = {"fine_one": "ABC", "worse": "AXCD", "unknown": "A"}
    lines = [
        f"{name} 1 {0.1 * k:.3f} 0.050 {phone} 0.9" for name, said in spans.items() for k, phone in enumerate(said)
    ]
    (folder / "phones.ctm").write_text("\n".join(lines) + "\n")
    return folder


class TestPhones:
    def test_utterances_are_aligned_with_the_fewest_edits(self, phones):
        found = read_utterances(phones)
        assert [each.name for each in found] == ["fine one", "worse"]
        for each in found:
            numbers = [[ord(phone) for phone in said] for said in (each.reference, each.phones)]
            assert sum(a != b for a, b in each.pairs) == edit_distance(*numbers) == each.edits
            assert len(each.times) == len(each.phones)
        assert found[1].times[1] == (0.1, pytest.approx(0.15))

    def test_rates_are_sums_over_sums(self, phones):
        section = phone_section("speech", read_utterances(phones), {}, Bootstrap(100))
        figures = {each["name"]: each["cells"][0]["value"] for each in section["figures"]}
        assert figures["phoneme_error_rate"] == pytest.approx(3 / 8)
        assert figures["substitution_rate"] + figures["deletion_rate"] + figures["insertion_rate"] == pytest.approx(
            3 / 8
        )
        assert figures["utterances_with_errors"] == 0.5
        assert section["scores"]["rows"][0][:3] == ["worse", 3, 5]
        assert not section["folded"]
        assert sum(map(sum, section["matrix"]["counts"])) == sum(len(each.pairs) for each in read_utterances(phones))
        assert sum(section["places"]["phones"]) == 8 and sum(section["places"]["wrong"]) == 3

    def test_scores_after_folding_are_said_to_be(self, phones):
        (phones / "scores.tsv").write_text("id\tedits\tphones\nfine one\t0\t3\nworse\t2\t5\n")
        assert phone_section("speech", read_utterances(phones), {}, Bootstrap(100))["folded"]

    def test_missing_scores_and_times_are_named(self, phones):
        (phones / "scores.tsv").write_text("id\tedits\tphones\nworse\t2\t5\n")
        with pytest.raises(DataError, match=r"scores\.tsv: no scores of 'fine one'"):
            read_utterances(phones)
        (phones / "phones.ctm").write_text("x y\n")
        with pytest.raises(DataError, match=r"phones\.ctm: not readable as a CTM"):
            read_utterances(phones)


def test_the_interval_of_a_ratio_draws_clusters():
    generator = np.random.default_rng(0)
    parts, wholes = generator.random(60), np.ones(60)
    found = ratio_with_interval(parts, wholes, np.arange(60) // 2, Bootstrap(4000))
    pairs = parts.reshape(30, 2).mean(axis=1)
    half = 1.96 * pairs.std() / np.sqrt(30)
    assert found["value"] == pytest.approx(parts.mean(), rel=1e-5)
    assert found["high"] - found["low"] == pytest.approx(2 * half, rel=0.08)
    assert ratio_with_interval(parts[:2], wholes[:2], np.zeros(2, int), Bootstrap(10))["low"] is None


def test_the_sound_of_a_clip_is_that_of_its_shard(tmp_path, clips):
    tones = {name: 0.5 * np.sin(2 * np.pi * 200 * (k + 1) * np.arange(4000) / RATE) for k, name in enumerate("abc")}
    names = {"a1": "a", "a2": "a", "b1": "b", "b2": "b", "c1": "c"}
    corpus = GivenCorpus(
        Recording(
            id=name, group=group, audio=Given(Audio(tones[group].astype(np.float32), RATE)), truth=None, label="yes"
        )
        for name, group in names.items()
    )
    recipe = ShardRecipe(
        corpus=corpus, directory=str(tmp_path / "words"), splits={"validation": 1.0}, rate=RATE, hop=80, segment=None,
        context=0.0, classes=["no", "yes"],
    )  # fmt: skip
    prepare(recipe)
    run = clips.parents[1]
    config = {"data": {"init_args": {"validation": {"words": str(tmp_path / "words")}}}}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    report.main([str(run), "--audio", "--bootstrap=100"])
    found = read_page(run / "report.html")
    [section] = found["data"]["sections"]
    assert section["groups"] == 2 and [row[0] for row in section["by_group"]] == ["a", "b"]
    block = found["block-0-0"]
    assert (block["name"], section["items"][0]) == ("a2", "a2")
    assert block["seconds"] == pytest.approx(0.5) and block["sound"] and block["picture"]["bins"] == 96
    assert json.dumps(found).count(str(tmp_path)) == 0

"""Every recipe that repeats an original melody run has all that the run's name says, but for listed departures."""

import pytest

from tests.experiments.catalogue import PUBLISHED, original_runs, recipes, stated, text_of
from tests.experiments.run_names import (
    STATED,
    departures,
    differences,
    fields,
    names,
    nearest,
    recipes_of,
    said,
    variants,
)

NAMES = names()
# Until it was seen, these excerpts of the original were one frame apart, and ours did not overlap.
OVERLAPPING = ["0307_140856", "0307_214147", "0309_204420", "0310_003614", "0310_055905", "0310_223331", "0328_062000"]


def test_every_run_of_the_catalogue_has_a_name_or_what_is_known_of_it():
    assert set(NAMES) == set(PUBLISHED["runs"]["melody"])


@pytest.mark.parametrize("run", NAMES)
def test_a_recipe_has_all_that_its_original_name_says_but_for_the_listed_departures(run):
    paths = recipes_of(run)
    assert paths, f"no header has `# Original run: {run}`"
    for path in paths:
        found = nearest(run, NAMES[run], path)
        others = {field: values for field, values in found.items() if field not in departures(run)}
        assert not others, f"{path.stem}: (of the name, of the recipe) are {others}"
        gone = departures(run) - set(found)
        assert not gone, f"{path.stem}: {sorted(gone)} no longer differ from the name; take them off the list"


@pytest.mark.parametrize("run, length", STATED["lengths"].items())
def test_a_recipe_is_trained_as_long_as_its_original(run, length):
    for path in recipes_of(run):
        trainer = stated(path)["trainer"]
        assert {trainer.get("max_steps"), trainer.get("max_epochs")} == {length, None}, path.stem


def test_every_departure_has_a_reason_and_is_of_a_run_and_a_field_of_its_name():
    for each in STATED["departures"]:
        assert each["reason"]
        for run in each["runs"]:
            assert set(each["fields"]) <= set(NAMES[run])


@pytest.mark.parametrize("run", OVERLAPPING)
def test_the_excerpts_of_seven_wavenets_begin_at_every_frame(run):
    (path,) = recipes_of(run)
    assert NAMES[run]["stride"] == said(path, next(variants(path)))["stride"] == 1


@pytest.mark.parametrize("run", ["0306_183921", "0307_002832", "0307_022006"])
def test_three_wavenets_run_on_the_legacy_grid_and_their_twins_differ_in_the_grid_alone(run):
    (legacy,) = recipes_of(run)
    twin = legacy.with_stem(legacy.stem.removesuffix("_legacy_grid"))
    assert twin.exists() and twin != legacy
    ours, corrected = (said(path, stated(path)) for path in (legacy, twin))
    assert {key for key in ours if ours[key] != corrected[key]} == {"hop", "context"}
    assert (ours["hop"], ours["context"], corrected["hop"], corrected["context"]) == (93, 652, 256, 0)
    assert "LegacyGridWaveNet" in stated(legacy)["model"]["init_args"]["network"]["class_path"]


@pytest.mark.parametrize("recipe", ["bittner_batchnorm", "cqt_resid_dropout"])
def test_a_header_says_that_six_harmonics_are_read_where_the_original_name_says_one_transform(recipe):
    (path,) = (path for path in recipes("melody") if path.stem == recipe)
    (run,) = original_runs(path)
    assert NAMES[run]["spectrogram"] == "cqt"
    assert said(path, stated(path))["spectrogram"] == "hcqt"
    assert "(HCQT)" in text_of(path)
    assert "`scqt`" in text_of(path)


@pytest.mark.parametrize("run", ["0302_204351", "0310_223331", "0320_062237", "0513_114331"])
def test_any_value_that_is_otherwise_is_found(run):
    (path,) = recipes_of(run)
    of_recipe = min((said(path, each) for each in variants(path)), key=lambda each: len(differences(NAMES[run], each)))
    for field in set(NAMES[run]) - departures(run):
        assert set(differences(NAMES[run], {**of_recipe, field: "otherwise"})) == departures(run) | {field}
        assert field in differences(NAMES[run], {key: each for key, each in of_recipe.items() if key != field})


def test_options_are_told_apart_that_begin_alike():
    run, network, found = fields("0513_114331-spctrgrm-s16000-scqt_fs-sus8-f16-s4-us1-cc0-cc-3,-3,-1-d-8,-4,-2")
    assert (run, network) == ("0513_114331", "spctrgrm")
    assert found == {
        **{"rate": 16000, "spectrogram": "cqt_fs", "undertones": 8, "filters": 16, "blocks": 4, "layer_undertones": 1},
        **{"cut_context": 0, "kernels": [1, 3, 3], "dilations": [2, 4, 8]},
    }


def test_the_second_width_of_a_wavenet_is_that_of_its_dilated_filters():
    found = fields("0306_210838-wavenet-dmdb-apw4-hsNone-fw93-fw2-dld0.0-pconv_f2_k3_s1_Psame->avgpool_p4_s4_Psame")[2]
    assert (found["hop"], found["kernel"], found["stride"], found["residual_dropout"]) == (93, 2, 4, 0.0)
    assert found["postprocessing"] == ["conv_f2_k3_s1_Psame", "avgpool_p4_s4_Psame"]


@pytest.mark.parametrize("day, sigma", [("0413", 0.177), ("0414", 0.25)])
def test_a_blur_is_a_standard_deviation_since_the_14th_of_april(day, sigma):
    assert fields(f"{day}_120000-crepe-as0.25")[2]["sigma"] == sigma


@pytest.mark.parametrize("option, message", [("zz5", "zz5 is no option"), ("bs8-bs9", "bs9 is the second")])
def test_a_name_that_is_not_understood_is_refused(option, message):
    with pytest.raises(ValueError, match=message):
        fields(f"0301_000000-crepe-{option}")

"""The names of the original melody runs: what their options say, and what our recipes say of the same things."""

import math
import re
from copy import deepcopy
from functools import cache
from importlib import import_module
from inspect import signature
from itertools import product
from pathlib import Path

import yaml

from tests.experiments.catalogue import (
    ROOT,
    SWEEPS,
    is_copy,
    original_runs,
    preparations,
    prepare_parser,
    recipes,
    relative,
    stated,
)

STATED = yaml.safe_load(Path(__file__).with_name("run_names.yaml").read_text())
# Since 14 April 2019 the option that blurs a target has been a standard deviation; before it was sqrt(2) times that.
TRUE_SIGMA = "0414"


def _numbers(text):
    return [abs(int(number)) for number in text.split(",")][:: -1 if text.startswith("-") else 1]


def _layers(text):
    return re.split("->|--", text)


def _flag(text):
    return {"True": True, "False": False}[text]


def _frames(text):
    return None if text == "None" else int(text)


# What an option of a name means: how it is written, the field, and its value. The first that fits is taken.
OPTIONS = [
    (r"d((?:mdb|wjazzd|orchset)(?:,(?:wjazzd|orchset))*)", "data", lambda text: sorted(text.split(","))),
    (r"bs(\d+)", "batch_size", int),
    (r"apw(\d+)", "frames", int),
    (r"hs(\d+|None)", "stride", _frames),
    (r"fw(\d+)", "hop", int),
    (r"cw(\d+)", "context", int),
    (r"s(\d{5})", "rate", int),
    (r"in(True)", "standardised", _flag),
    (r"lr([\d.]+)", "lr", float),
    (r"lrd([\d.]+)", "lr_decay", float),
    (r"lrds(\d+)", "lr_decay_steps", int),
    (r"cg([\d.]+)", "clip", float),
    (r"llw([\d.]+)", "l2", float),
    (r"bps(\d+)", "bins_per_semitone", int),
    (r"mn(\d+)", "lowest_note", int),
    (r"as([\d.]+)", "sigma", float),
    (r"mw([\d.]+)", "miss_weight", float),
    (r"ulw([\d.]+)", "unvoiced_weight", float),
    (r"cm(\d+)", "capacity", int),
    (r"mc(\d+)", "resolutions", int),
    (r"vs(True|False)", "variable_stride", _flag),
    (r"flc(\d+)", "first_layer_capacity", int),
    (r"ifw(\d+)", "initial_kernel", int),
    (r"ifp(same|valid)", "initial_padding", str),
    (r"ub(True|False)", "bias", _flag),
    (r"sc(\d+)", "skip_channels", int),
    (r"rc(\d+)", "channels", int),
    (r"sn(\d+)", "stacks", int),
    (r"md(\d+)", "max_dilation", int),
    (r"dld([\d.]+)", "residual_dropout", float),
    (r"sld([\d.]+)", "skip_dropout", float),
    (r"s(concat|add|last)", "skips", str),
    (r"p((?:conv|avgpool)_.+)", "postprocessing", _layers),
    (r"s(h?cqt|cqt_fs)", "spectrogram", str),
    (r"std([\d.]+)", "top_db", float),
    (r"sus(\d+)", "undertones", int),
    (r"sos(\d+)", "overtones", int),
    (r"us(\d+)", "layer_undertones", int),
    (r"os(\d+)", "layer_overtones", int),
    (r"f(\d+)", "filters", int),
    (r"s(\d\d?)", "blocks", int),
    (r"cc([01])", "cut_context", int),
    (r"cc(-.+)", "kernels", _numbers),
    (r"d(-.+)", "dilations", _numbers),
    (r"sp([\d.]+)", "mask_probability", float),
]  # fmt: skip


def fields(name):
    """Run, network and fields of a name; ValueError names an option that is not known or given twice."""
    run, network, *options = _words(name)
    found = {}
    for option in options:
        matches = ((re.fullmatch(pattern, option), field, value) for pattern, field, value in OPTIONS)
        match, field, value = next((each for each in matches if each[0]), (None, "", None))
        if match is None:
            raise ValueError(f"{name}: {option} is no option that is known")
        field = "kernel" if field == "hop" and network == "wavenet" and "hop" in found else field
        if field in found:
            raise ValueError(f"{name}: {option} is the second of {field}")
        found[field] = value(match[1])
    if "stride" in found and found["stride"] is None:
        found["stride"] = found["frames"]
    if "sigma" in found and run < TRUE_SIGMA:
        found["sigma"] = round(found["sigma"] / math.sqrt(2), 3)
    return run, network, found


def _words(name):
    """The parts of a name between its hyphens; those within a value are not between parts."""
    before, *layers = re.split(r"-(?=p(?:conv|avgpool)_)", name)
    marked = re.sub(r"(?<=,)-|(?<=-cc)-|(?<=-d)-", "~", before)
    return [word.replace("~", "-") for word in marked.split("-")] + layers


def names():
    """Fields of every run, by run: of its name and of what is noted beside it."""
    notes = STATED["notes"]
    found = {}
    for name in (*STATED["names"], *STATED["fragments"]):
        run = name.partition("-")[0]
        found[run] = fields("-".join([name, notes[run]]) if run in notes else name)[2]
    return found


def departures(run):
    """Fields in which the recipe of a run means to differ from its name."""
    return {field for each in STATED["departures"] if run in each["runs"] for field in each["fields"]}


def _class(described):
    module, _, name = described["class_path"].rpartition(".")
    return getattr(import_module(module), name)


def _option(described, name, otherwise=None):
    """A value that a recipe gives to a class, or else the class's default, or `otherwise` if it has no such option."""
    given = described.get("init_args", {})
    parameters = signature(_class(described)).parameters
    return given.get(name, parameters[name].default if name in parameters else otherwise)


def _named(described):
    return described["class_path"].rpartition(".")[2]


def variants(path):
    """A recipe as it is, and as every run of its grids changes it."""
    yield stated(path)
    for sweep in SWEEPS:
        words = stated(sweep)["command"]
        if f"--config={relative(path)}" not in words or stated(sweep)["method"] != "grid":
            continue
        fixed = dict(word[2:].split("=", 1) for word in words if re.match(r"--(model|data)\.", word))
        grid = {key: given["values"] for key, given in stated(sweep)["parameters"].items() if "values" in given}
        for values in product(*grid.values()):
            changed = {key: yaml.safe_load(value) for key, value in fixed.items()}
            recipe = _changed(stated(path), changed | dict(zip(grid, values, strict=True)))
            if set(recipe["data"]["init_args"]["train"]) <= set(_written(path)):  # no other shards, of the sweep's own
                yield recipe


def _changed(recipe, values):
    recipe = deepcopy(recipe)
    for key, value in values.items():
        *outer, last = key.split(".")
        place = recipe
        for part in outer:
            place = place.setdefault(part, {})
        # As on the command line: a group of keys changes those that it has.
        merged = isinstance(value, dict) and "class_path" not in value
        place[last] = {**place.get(last, {}), **value} if merged else value
    return recipe


@cache
def _written(path):
    """The options of every directory that a header or a corpus file of a recipe prepares."""
    found = dict(preparations(path))
    for file in stated(path)["data"]["init_args"].get("recipes", ()):
        options = prepare_parser().parse_args(["--config", str(path.parent / file)])
        found[options.directory] = options
    return found


DATA_SETS = {"medleydb": "mdb", "wjazzd": "wjazzd", "orchset": "orchset"}


def said(path, recipe):
    """The fields of a recipe, with the names and units that run names have; those that it has not are missing."""
    model, data = recipe["model"]["init_args"], recipe["data"]["init_args"]
    network, loss = model["network"], model["loss"]
    directories = [*data["train"], *data["validation"].values()]
    prepared = _written(path)[directories[0]]
    scheduler = model.get("scheduler", {}).get("init_args", {})
    frames = _option(network, "frames", 1)
    found = {
        "data": sorted({DATA_SETS[directory.removeprefix("data/").split("_")[0]] for directory in directories}),
        "batch_size": data["batch_size"],
        "frames": frames,
        "stride": data.get("stride") or frames,
        "hop": prepared.hop,
        "rate": prepared.rate,
        "lr": model["optimizer"]["init_args"]["lr"],
        "lr_decay": scheduler.get("gamma"),
        "lr_decay_steps": scheduler.get("step_size"),
        "clip": recipe["trainer"].get("gradient_clip_val") or 0.0,
        "l2": _option(model["penalty"], "weight") if "penalty" in model else 0.0,
        "bins_per_semitone": model["grid"]["bins_per_semitone"],
        "lowest_note": model["grid"]["lowest_note"],
        "sigma": _option(loss, "sigma", 0.0),
        "miss_weight": _option(loss, "miss_weight", 1.0),
        "unvoiced_weight": _option(loss, "unvoiced_weight", 0.0),
    }
    return found | _OF_NETWORK[_named(network)](network, prepared, found, model)


def _crepe(network, prepared, found, model):
    first = _option(network, "first")
    return {
        # The originals left out the last sample of a window.
        "context": math.ceil((_option(network, "window") - found["frames"] * found["hop"]) / 2),
        "standardised": True,  # tests/architectures: CREPE does not hear how loud a window is
        "capacity": _option(network, "capacity"),
        "resolutions": _option(first, "branches", 0) if first else 0,
        "variable_stride": bool(first) and _named(first) == "VariableStride",
        "first_layer_capacity": _option(first, "first_capacity", 1) if first else 1,
    }


def _wavenet(network, prepared, found, model):
    initial, skips = _option(network, "initial"), _option(network, "skips")
    padding = initial and _option(initial, "padding")
    return {
        "context": _option(network, "context"),
        "standardised": True,  # tests/architectures: WaveNet does not hear how loud a window is
        "kernel": _option(network, "kernel"),
        "initial_kernel": _option(initial, "kernel") if initial else 0,
        "initial_padding": _named(padding).lower() if padding else "same",
        "bias": _option(network, "bias"),
        "skips": {"Sum": "add", "Concat": "concat", "Last": "last"}[_named(skips)] if skips else "add",
        "postprocessing": list(_postprocessing(_option(network, "postprocessing"))),
        **{key: _option(network, key) for key in ("channels", "skip_channels", "stacks", "max_dilation")},
        **{key: _option(network, key) for key in ("residual_dropout", "skip_dropout")},
    }


def _postprocessing(layers):
    """Layers as a run name writes them; an activation belongs to the layer before it."""
    for layer, after in zip(layers, [*layers[1:], None], strict=True):
        padding = _option(layer, "padding")
        ending = f"_P{_named(padding).lower() if padding else 'same'}"
        if _named(layer) == "Convolution":
            text = "conv_f{}_k{}_s{}".format(*(_option(layer, key) for key in ("filters", "kernel", "stride")))
        elif _named(layer) == "AveragePool":
            size = _option(layer, "size")
            text = f"avgpool_p{size}_s{_option(layer, 'stride') or size}"
        else:
            continue
        yield text + ending + ("_arelu" if after and _named(after) == "Activation" else "")


def _salience(network, prepared, found, model):
    return {"context": _option(network, "context") * found["hop"], "spectrogram": _spectrogram(prepared.spectrogram)}


def _hcnn(network, prepared, found, model):
    stacked, inner = _option(network, "harmonics"), _option(network, "layer_harmonics")
    kernels, augment = _option(network, "kernels"), model.get("augment")
    return {
        **_salience(network, prepared, found, model),
        "top_db": prepared.spectrogram.init_args.top_dbs[0],
        "undertones": stacked["undertones"],
        "overtones": stacked["overtones"],
        "layer_undertones": inner["undertones"],
        "layer_overtones": inner["overtones"],
        "filters": _option(network, "filters"),
        "blocks": len(kernels),
        "kernels": kernels,
        "dilations": _option(network, "dilations") or [1] * len(kernels),
        "mask_probability": _option(augment, "p") if augment else 0.0,
    }


def _spectrogram(described):
    if described.class_path.endswith("HarmonicConstantQ"):
        return "hcqt"
    return "cqt" if len(described.init_args.filter_scales) == 1 else "cqt_fs"


_OF_NETWORK = {
    "CREPE": _crepe,
    "WaveNet": _wavenet,
    "LegacyGridWaveNet": _wavenet,
    "DeepSalienceWithoutBiases": _salience,
    "ResidualSalience": _salience,
    "HCNN": _hcnn,
}


def differences(named, of_recipe):
    """Fields of a name that a recipe has not, or otherwise: the value of the name and of the recipe."""
    missing = object()
    return {
        field: (value, of_recipe.get(field)) for field, value in named.items() if of_recipe.get(field, missing) != value
    }


def recipes_of(run):
    """The recipes whose headers say that they repeat a run."""
    return [path for path in recipes("melody", ROOT) if run in original_runs(path) and not is_copy(path)]


def nearest(run, named, path):
    """What differs between a name and, of all variants of a recipe, the one that is nearest to it."""
    found = (differences(named, said(path, recipe)) for recipe in variants(path))
    return min(found, key=lambda each: len(set(each) ^ departures(run)))

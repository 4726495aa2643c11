"""The benchmark of a GPU, on a CPU: every side trains, and the last line holds their medians."""

import json
import statistics

import pytest

from experiments.benchmarks import gpu
from experiments.cli import run


def fitted(words, root):
    run(words)
    (made,) = (root / "runs").iterdir()
    return json.loads((made / "record.json").read_text())["throughput"]


@pytest.mark.long
def test_every_side_of_the_benchmark_trains_on_a_cpu(tmp_path):
    result = gpu.measure(gpu.Bench("cpu", tiny=True, rounds=1, steps=3), tmp_path, fitted)
    for network in gpu.NETWORKS:
        for variant in gpu.TINY_VARIANTS:
            figures = result[f"{network}, {variant}"]
            assert figures["windows_per_second"] > 0 and 0 <= figures["waiting_for_data"] <= 1
    assert result["CREPE, 32 bits"]["to 32 bits"] == 1
    assert result["loader windows/s"] > 0


def test_figures_are_medians_and_ratios_those_of_each_round(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "shards", lambda folder, tiny: dict.fromkeys(gpu.NETWORKS, folder))
    monkeypatch.setattr(gpu, "loader_rate", lambda *_: 7.0)
    speeds = {"32 bits": [10.0, 40.0, 20.0], "compiled": [30.0, 40.0, 40.0]}
    asked = []

    def fit(words, root):
        asked.append(words)
        variant = "compiled" if "--compile.mode=default" in words else "32 bits"
        figures = dict.fromkeys(gpu.FIGURES, 0.5)
        return figures | {"windows_per_second": speeds[variant][int(root.parent.name)]}

    result = gpu.measure(gpu.Bench("cpu", tiny=True, rounds=3, steps=3), tmp_path, fit)
    compiled = result["HCNN, compiled"]
    assert compiled["windows_per_second"] == statistics.median(speeds["compiled"])
    assert compiled["to 32 bits"] == statistics.median([3.0, 1.0, 2.0])
    assert len(asked) == 3 * 4 and {words[0] for words in asked} == {"fit"}


def test_without_a_gpu_it_says_so_and_is_no_failure(monkeypatch, capsys):
    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)
    gpu.main([])
    assert capsys.readouterr().out == "No GPU on this machine: nothing is measured.\n"

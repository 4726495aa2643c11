"""A precision that the machine cannot compute is refused before training, and no recipe needs one."""

import itertools
import os
import platform
import subprocess
import sys

import pytest
import torch

from experiments import cli, lightning_cli, precision
from tests.experiments.catalogue import ROOT, SWEEPS, recipes

# A CPU without AVX-512, as far as torch and oneDNN see.
LESSER = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
REFUSED = """
import torch
from experiments.precision import refusal
print(refusal("bf16-mixed", torch.device("cpu")))
"""
WRONG = """
import torch
from experiments.precision import refusal
torch.manual_seed(0)
signal, kernel = torch.randn(1, 8, 64), torch.randn(1, 8, 32)
exact = torch.conv1d(signal, kernel)
error = (torch.conv1d(signal.bfloat16(), kernel.bfloat16()).float() - exact).abs().max() / exact.abs().max()
print(float(error), refusal("bf16-mixed", torch.device("cpu")))
"""


@pytest.mark.parametrize(
    ("asked", "device", "has", "remedy"),
    [
        ("bf16-mixed", "cpu", False, "32-true"),
        ("bf16-true", "cpu", False, "32-true"),
        ("bf16", "cpu", False, "32-true"),
        ("bf16-mixed", "cpu", True, None),
        ("bf16-true", "cpu", True, None),
        ("16-mixed", "cpu", False, "32-true"),
        ("16-mixed", "cpu", True, "32-true or bf16-mixed"),
        ("16-true", "cpu", True, "32-true or bf16-mixed"),
        ("16", "cpu", True, "32-true or bf16-mixed"),
        ("32-true", "cpu", False, None),
        ("64-true", "cpu", False, "32-true"),
        ("bf16-mixed", "cuda:0", False, "32-true or 16-mixed"),
        ("bf16-mixed", "cuda:0", True, None),
        ("16-mixed", "cuda:0", False, None),
        ("32-true", "cuda:0", False, None),
    ],
)
def test_what_a_device_lacks_is_refused_with_the_key_and_the_remedy(monkeypatch, asked, device, has, remedy):
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: has)
    monkeypatch.setattr(precision, "gpu_has_bfloat16", lambda device: has)
    refusal = precision.refusal(asked, torch.device(device))
    if remedy is None:
        assert refusal is None
    else:
        assert refusal.startswith(f"trainer.precision: {asked}, but ")
        assert refusal.endswith(f"; set --trainer.precision to {remedy}")


@pytest.mark.parametrize("asked", ["bf16-mixed", "16-true"])
def test_the_command_line_refuses_in_one_line_and_writes_nothing(melisma, small_recipe, tmp_path, monkeypatch, asked):
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: False)
    words = ("--trainer.default_root_dir", tmp_path, f"--trainer.precision={asked}")
    outcome = melisma("fit", "--config", small_recipe, *words)
    assert outcome.code == 1 and "Traceback" not in outcome.err
    (line,) = (line for line in outcome.err.splitlines() if line.startswith("melisma:"))
    assert f"trainer.precision: {asked}, " in line
    assert not any(tmp_path.iterdir())


def test_a_plugin_is_refused_as_its_precision_is(melisma, small_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: False)
    plugin = "{class_path: lightning.pytorch.plugins.HalfPrecision, init_args: {precision: bf16-true}}"
    words = ("--trainer.default_root_dir", tmp_path, f"--trainer.plugins=[{plugin}]")
    outcome = melisma("fit", "--config", small_recipe, *words)
    assert outcome.code == 1 and "trainer.precision: bf16-true, " in outcome.err


@pytest.mark.bfloat16
def test_bfloat16_trains_where_the_cpu_has_it(small_recipe):
    words = ["--trainer.fast_dev_run=true", "--trainer.precision=bf16-mixed"]
    assert cli.run(["fit", "--config", str(small_recipe), *words]).trainer.precision == "bf16-mixed"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="imitates an x86 CPU")
def test_on_a_cpu_without_avx512_bfloat16_is_refused():
    """torch reads these variables once in a process; what the command line makes of a refusal is tested above."""
    finished = subprocess.run(
        [sys.executable, "-c", REFUSED], env=os.environ | LESSER, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "trainer.precision: bf16-mixed, but this CPU" in finished.stdout
    assert finished.stdout.endswith("to 32-true\n")


def test_a_cpu_that_computes_bfloat16_wrongly_is_refused(monkeypatch):
    """As with AMX, whose kernels the package leaves out unless the environment asks for them."""
    exact = torch.conv1d

    def wrong(signal, kernel):
        return exact(signal, kernel) * (1.0 if signal.dtype == torch.float32 else 0.5)

    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: True)
    monkeypatch.setattr(torch, "conv1d", wrong)
    precision.cpu_is_right_in_bfloat16.cache_clear()
    try:
        refusal = precision.refusal("bf16-mixed", torch.device("cpu"))
        assert "wrongly on this CPU" in refusal and refusal.endswith("; set --trainer.precision to 32-true")
    finally:
        precision.cpu_is_right_in_bfloat16.cache_clear()


@pytest.mark.bfloat16
@pytest.mark.parametrize("asked", [None, "DEFAULT"])
def test_bfloat16_is_right_or_refused_whatever_the_environment_asks_of_onednn(asked):
    environment = {name: value for name, value in os.environ.items() if name != "ONEDNN_MAX_CPU_ISA"}
    finished = subprocess.run(
        [sys.executable, "-c", WRONG], env=environment | ({"ONEDNN_MAX_CPU_ISA": asked} if asked else {}), cwd=ROOT,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    error, refusal = finished.stdout.split(maxsplit=1)
    assert float(error) < 0.1 or "wrongly on this CPU" in refusal
    assert asked or refusal == "None\n"


@pytest.mark.gpu
def test_a_gpu_is_asked_for_its_compute_capability():
    assert precision.gpu_has_bfloat16(torch.device("cuda")) == (torch.cuda.get_device_capability() >= (8, 0))


def test_recipes_leave_the_precision_to_their_user():
    families = (recipes(family) for family in ("melody", "classification", "phonemes"))
    files = [lightning_cli.BASE, *SWEEPS, *itertools.chain(*families)]
    assert len(files) > 150
    assert [path for path in files if "precision:" in path.read_text()] == []

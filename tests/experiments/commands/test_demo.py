"""`melisma demo`, cut short: it names files that exist, ends with its result, and is repeated from its record."""

import json
import re
from pathlib import Path

import pytest


@pytest.fixture
def demo(melisma, tmp_path, monkeypatch):
    """What the demo printed, in whose folder the test goes on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    outcome = melisma(
        *("demo", "--trainer.max_steps=4", "--trainer.val_check_interval=4", "--trainer.logger=false"),
        "--trainer.enable_progress_bar=false",
    )
    assert outcome.code == 0
    return outcome


@pytest.mark.slow(seconds=20)
def test_the_demo_names_what_it_wrote_and_ends_with_its_result(demo, tmp_path):
    last = demo.out.rstrip().splitlines()[-1]
    result = json.loads(last.removeprefix("RESULT "))
    assert last.startswith("RESULT ") and set(result) == {"raw_pitch_accuracy", "overall_accuracy", "seconds"}
    named = dict(re.findall(r"^  (pianoroll|f0 table|checkpoint|config|report) +(\S+)$", demo.out, re.MULTILINE))
    assert len(named) == 5
    assert all((tmp_path / path).stat().st_size > 0 for path in named.values())
    printed = re.search(r"raw pitch accuracy, 50 cents +(\d\.\d{3})", demo.out)
    assert float(printed[1]) == pytest.approx(result["raw_pitch_accuracy"], abs=6e-4)
    (run,) = Path("runs").iterdir()
    for record in (run / "record.json", run / "validate" / "record.json"):
        kept = json.loads(record.read_text())
        assert kept["command"][-5:-3] == ["demo", "--trainer.max_steps=4"]
        assert kept["config"]["data"]["init_args"]["validation"] == {"demo": "data/demo"}


@pytest.mark.long
def test_the_demo_is_repeated_from_its_record(demo, melisma):
    (run,) = Path("runs").iterdir()
    again = melisma("rerun", run)
    assert again.code == 0 and again.out.rstrip().endswith("\nequal"), again.out + again.err

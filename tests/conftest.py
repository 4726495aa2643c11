"""Synthetic data for all tests: made once a session, in a temporary folder."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

# Processes that compile at the same time spoil numba's cache for good: it numbers the compiled versions of a function,
# and two processes may give two versions one number (librosa then ends in a segmentation fault). So every process of
# pytest-xdist has a cache of its own, which the commands that it starts share; numba reads this when it is imported.
os.environ["NUMBA_CACHE_DIR"] = str(
    Path(__file__).parents[1] / ".pytest_cache" / f"numba-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
)

import hypothesis
import pytest
import torch

from datamodules.corpora import SyntheticMelody
from datamodules.preparation.prepare import prepare
from datamodules.preparation.recipe import ShardRecipe
from experiments.precision import cpu_has_bfloat16
from tests.compiled import COMPILED

ROOT = Path(__file__).parents[1]
PACKAGES = ("architectures", "callbacks", "datamodules", "experiments", "lightning_modules", "tests")
BEFORE = pytest.StashKey[set[str]]()
LEFT = pytest.StashKey[list[str]]()

# How long an example takes depends on the machine. Continuous integration tries the same examples every time, so that
# no change is refused for what another one has brought in; everywhere else they are new ones.
hypothesis.settings.register_profile(
    "melisma",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize="CI" in os.environ,
    print_blob=True,
)
hypothesis.settings.load_profile("melisma")

own = Path(os.environ["NUMBA_CACHE_DIR"])
if COMPILED.is_dir() and not any(own.rglob("*.nbi")):
    shutil.copytree(COMPILED, own, dirs_exist_ok=True)


def in_the_checkout(root: Path) -> set[str]:
    """The entries of a checkout and of its packages; caches, hidden names and what shards and runs hold left out."""
    found = {entry.name for entry in os.scandir(root) if not entry.name.startswith((".", "__pycache__"))}
    for package in PACKAGES:
        for folder, names, files in os.walk(root / package):
            names[:] = [name for name in names if name != "__pycache__" and not name.startswith(".")]
            found |= {os.path.relpath(os.path.join(folder, name), root) for name in (*names, *files)}
    return found


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remember what the checkout holds."""
    session.config.stash[BEFORE] = in_the_checkout(ROOT)


@pytest.hookimpl(trylast=True)  # when the processes of pytest-xdist have ended
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a session that leaves something in the checkout; of several processes, the one that started them looks."""
    config = session.config
    if hasattr(config, "workerinput"):
        return
    if new := in_the_checkout(ROOT) - config.stash[BEFORE]:  # perhaps a commit was checked out meanwhile
        listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
        new -= {str(part) for name in listed for part in (Path(name), *Path(name).parents)}
    config.stash[LEFT] = sorted(new)
    if config.stash[LEFT] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name what the session left in the checkout."""
    if left := config.stash.get(LEFT, []):
        terminalreporter.section("left in the checkout", red=True, bold=True)
        terminalreporter.write_line("Tests write into tmp_path only. New since the start: " + ", ".join(left))


@pytest.hookimpl(tryfirst=True)  # before pytest looks which marks are wanted
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Call cases long that are no samples, and skip what needs a GPU, Chromium or bfloat16 where there is none."""
    _sample(items)
    missing = {}
    if not torch.cuda.is_available():
        missing["gpu"] = pytest.mark.skip(reason="no CUDA device on this machine")
    if not cpu_has_bfloat16():
        missing["bfloat16"] = pytest.mark.skip(reason="this CPU has no kernels of bfloat16 (AVX-512)")
    if shutil.which("chromium") is None:
        missing["browser"] = pytest.mark.skip(reason="no program named chromium on this machine")
    for item in items:
        for name in missing.keys() & {marker.name for marker in item.iter_markers()}:
            item.add_marker(missing[name])
    items.sort(key=_seconds, reverse=True)  # what is long begins first, so that no process waits for it at the end


def _sample(items: list[pytest.Item]) -> None:
    """Of a test with `@pytest.mark.sampled(5)`, five cases, evenly spread, are run as others are; the rest is long."""
    cases: dict[tuple[Path, str], list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("sampled") is not None:
            cases.setdefault((item.path, item.nodeid.partition("[")[0]), []).append(item)
    for each in cases.values():
        marker = each[0].get_closest_marker("sampled")
        kept = min(marker.args[0], len(each)) if marker is not None else 0
        samples = {place * len(each) // kept for place in range(kept)}
        for place, item in enumerate(each):
            if place not in samples:
                item.add_marker("long")


def _seconds(item: pytest.Item) -> float:
    """What `@pytest.mark.slow(seconds=...)` or `long` says of a test; 0 of all others."""
    marker = item.get_closest_marker("long") or item.get_closest_marker("slow")
    return 0.0 if marker is None else marker.kwargs.get("seconds", 0.0)


def melody_recipe(directory: Path, **changes: object) -> ShardRecipe:
    """A tiny corpus at 8 kHz: 4 tracks to learn from, 3 to validate, 2 to test, of 3 s in records of 1 s."""
    corpus = SyntheticMelody(
        {"train": 4, "validation": 3, "test": 2}, seconds=3.0, rate=8000, lowest_note=60, highest_note=72
    )
    values = {"rate": 8000, "hop": 80, "segment": 1.0, "context": 0.1, "records_per_shard": 5, **changes}
    return ShardRecipe(corpus, str(directory), **values)


@pytest.fixture(scope="session")
def make_recipe() -> Callable[..., ShardRecipe]:
    """`melody_recipe`, for tests that prepare their own."""
    return melody_recipe


@pytest.fixture(scope="session")
def melody_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of `melody_recipe`; read-only."""
    directory = tmp_path_factory.mktemp("melody")
    prepare(melody_recipe(directory), progress=False)
    return directory


@pytest.fixture
def one_thread():
    """As many as the figures of earlier runs were computed on: the count decides the last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def signal_handlers():
    """A fit that dies leaves handlers of Lightning, and processes forked later ignore SIGTERM or Ctrl+C."""
    kinds = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
    before = [signal.getsignal(kind) for kind in kinds]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores Ctrl+C
    yield
    for kind, handler in zip(kinds, before, strict=True):
        signal.signal(kind, handler)

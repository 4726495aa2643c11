"""The command line on shards behind a URL: fit and continue as from a folder, inspect; what it refuses."""

import pytest
import torch

from datamodules.storage import fetching
from tests.datamodules.storage.servers import FolderServer


@pytest.fixture
def server(melody_shards, monkeypatch):
    """The session's shards behind a server at which every twentieth request fails."""
    monkeypatch.setattr(fetching, "PAUSE", 0.01)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with FolderServer(melody_shards, share=0.05, seed=3) as running:
        yield running


def weights(folder):
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}


def only(root):
    (folder,) = (root / "runs").iterdir()
    return folder


@pytest.mark.long
def test_a_fit_from_a_url_and_its_continuation_end_with_the_weights_of_a_local_one(
    server, small_recipe, melody_shards, tmp_path, melisma
):
    def fit(root, steps, *more):
        words = "--trainer.default_root_dir", tmp_path / root, "--trainer.max_steps", steps, *more
        outcome = melisma("fit", "--config", small_recipe, *words)
        assert outcome.code == 0, outcome.err
        return only(tmp_path / root)

    far = (
        f"--data.train=[{server.url}]", f"--data.validation={{mine: {server.url}}}", "--data.remote.timeout=5",
        f"--data.remote.cache={tmp_path / 'cache'}", "--data.remote.retries=8",
        "--checkpoint.monitor=val/mine/raw_pitch_accuracy",
    )  # fmt: skip
    near = (f"--data.validation={{mine: {melody_shards}}}", "--checkpoint.monitor=val/mine/raw_pitch_accuracy")
    local = weights(fit("near", 14, *near))
    begun = fit("far", 5, *far)
    last = begun / "checkpoints" / "last.ckpt"
    fit("far", 14, *far, "--ckpt_path", last, "--data.remote.gigabytes=0.0003")
    remote = weights(begun)
    assert local.keys() == remote.keys() and len(local) > 10
    assert all(torch.equal(local[name], remote[name]) for name in local)
    again = melisma("validate", "--config", begun / "config.yaml", "--ckpt_path", last, "--trainer.logger=false")
    assert again.code == 0, again.err


def test_inspect_says_of_a_url_what_it_says_of_the_folder(server, melody_shards, tmp_path, monkeypatch, melisma):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    far, near = melisma("inspect", server.url), melisma("inspect", melody_shards)
    assert near.code == far.code == 0, far.err
    assert far.out.splitlines()[1:] == near.out.splitlines()[1:]
    assert far.out.startswith(f"{server.url}: SyntheticMelody, id ")


def test_verify_and_prepare_are_refused_in_one_line(server, tmp_path, melisma):
    refused = melisma("verify", server.url)
    assert refused.code == 1 and f"{server.url}: verify reads folders of this machine" in refused.err
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(
        "corpus: {class_path: datamodules.SyntheticMelody, init_args: {recordings: {train: 1}, seconds: 3.0}}\n"
        "directory: s3://bucket/mine\nrate: 8000\nhop: 80\nsegment: 1.0\n"
    )
    refused = melisma("prepare", recipe)
    assert refused.code != 0 and "s3://bucket/mine: shards are written into a folder" in refused.err


def test_a_reader_in_a_recipe_of_an_earlier_version_is_refused_with_what_to_write(small_recipe, melisma):
    words = "--data.reader.class_path=datamodules.PipelineReader", "--data.reader.init_args.urls=x"
    refused = melisma("fit", "--config", small_recipe, *words)
    assert refused.code != 0 and "data.reader: " in refused.err and "data.train: [https://host/mine]" in refused.err

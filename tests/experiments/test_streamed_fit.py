"""A fit from streamed shards by the command line, and what continuing it means."""

import pytest
import torch


@pytest.fixture
def fit(small_recipe, melody_shards, tmp_path, melisma):
    """`melisma fit` from streams of 160 windows an epoch, 20 steps."""
    urls = f"{melody_shards}/train-{{000000..000002}}-of-000003.tar"

    def words(*more):
        return (
            "--data.train=[]", "--data.reader.class_path=datamodules.PipelineReader", f"--data.reader.urls={urls}",
            "--data.reader.windows_per_epoch=160", "--trainer.default_root_dir", tmp_path, *more,
        )  # fmt: skip

    return lambda *more: melisma("fit", "--config", small_recipe, *words(*more))


def test_a_run_continues_and_repeats_and_its_epochs_end_when_they_should(fit, tmp_path, melisma):
    with pytest.warns(UserWarning, match="streamed shards are read inexactly"):
        assert fit("--trainer.max_steps=2", "--trainer.val_check_interval=2").code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    last = folder / "checkpoints" / "last.ckpt"
    with pytest.warns(UserWarning, match="a run that is continued restarts the stream"):
        assert fit("--ckpt_path", last, "--trainer.max_steps=30").code == 0
    saved = torch.load(last, weights_only=True)
    assert saved["global_step"] == 30
    assert (saved["MelodyData"]["epoch"], saved["MelodyData"]["items"]) == (1, 10 * 8)
    again = melisma("fit", "--config", folder / "config.yaml", "--trainer.max_steps=2")
    assert again.code == 0, again.err


def test_other_data_and_epochs_without_a_step_are_refused(fit, small_recipe, tmp_path, melisma):
    assert fit("--trainer.max_steps=2").code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    last = folder / "checkpoints" / "last.ckpt"
    refused = fit("--data.batch_size=161")
    assert refused.code == 1 and "data.reader: 160 training examples are fewer than one step takes" in refused.err
    refused = fit("--ckpt_path", last, "--data.reader.windows_per_epoch=800")
    assert refused.code == 1 and "data.reader.windows_per_epoch: 800" in refused.err
    refused = melisma("fit", "--config", small_recipe, "--ckpt_path", last)
    assert refused.code == 1 and "not the training data of the checkpoint" in refused.err

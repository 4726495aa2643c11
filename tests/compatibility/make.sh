#!/bin/sh
# Make prepared directories, runs and figures anew in the present folder: sh make.sh, with `melisma` of the commit on
# the PATH.
set -eu
export OMP_NUM_THREADS=1
python recordings.py
for name in melody spectrogram clips phonemes; do
  test $name = melody || melisma prepare corpora/$name.yaml # the recipe of melody prepares by itself
  melisma fit --config recipes/$name.yaml --trainer.enable_progress_bar=false
  mv runs/melisma/* $name/run
  melisma validate --config $name/run/config.yaml --ckpt_path $name/run/checkpoints/best.ckpt \
    --trainer.logger=false --trainer.enable_progress_bar=false
  mv $name/run/validate/record.json $name/expected.json
  rm -r $name/run/validate $name/run/validation $name/run/record.json
  test $name = spectrogram || rm $name/run/checkpoints/last.ckpt # one is enough
done
rm -r recordings runs

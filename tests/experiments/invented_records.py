"""A record of a run and one of a study, as small as they can be."""

FIGURE = {"value": 0.5, "interval": [0.4, 0.6], "difference": [0.1, 0.0, 0.2]}
RECORD = {
    "kind": "run",
    "recipe": "experiments/phonemes/mine.yaml",
    "headline": {"evaluation": "test", "set": "an4", "part": "all", "metric": "error", "method": "greedy"},
    "run": {"commit": "abc", "parameters": 12, "hours": 0.5},
    "evaluations": {
        "test": {"settings": {"greedy": "no beam"}, "figures": {"an4": {"all": {"error": {"greedy": FIGURE}}}}}
    },
}
STUDY = {
    "kind": "study",
    "study": "experiments/studies/melody/bins.yaml",
    "question": "Are fine bins better?",
    "family": "melody",
    "stand_in": "Contours.",
    "seeds": [0, 1, 2],
    "hours": 0.25,
    "recipe": "experiments/melody/fine.yaml",
    "commit": ["abc", "def"],
    "runs": {
        "fine": {"settings": {}},
        "coarse": {"settings": {"recipe": "experiments/melody/coarse.yaml", "model.bins": 1}},
    },
    "findings": [
        {
            "claim": "Fine bins are better.",
            "published": "RPA .6 and .7",
            "metric": "mixes/raw_pitch_accuracy",
            "verdict": "holds",
            "comparisons": [{"runs": ["coarse", "fine"], "mean": 0.1, "low": 0.05, "high": 0.15, "verdict": "holds"}],
            "figures": {
                "coarse": {"mean": None, "low": None, "high": None},
                "fine": {"mean": 0.7, "low": 0.65, "high": 0.75},
            },
        }
    ],
}

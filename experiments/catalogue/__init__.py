"""What was measured: records of runs and studies, the recipes beside them, and the tables of RESULTS.md."""

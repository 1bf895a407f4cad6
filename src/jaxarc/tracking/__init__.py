"""Experiment tracking: what is said of a run goes into its log, and backends read it there."""

//! When does a job run next? Pure functions over time expressions.

"""Profiling: what a submission looks like, and what of it no rule was written for."""

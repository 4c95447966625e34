"""Hostile and odd files with the right table or the right refusal for each; see the README beside this file."""

from tests.corpus import classics, layouts, texts

ALL = [*classics.CASES, *layouts.CASES, *texts.CASES]

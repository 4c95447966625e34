"""Hostile and odd files with the right table or the right refusal for each; see the README beside this file."""

from tests.corpus import classics, containers, documents, layouts, texts, workbooks

ALL = [
    *classics.CASES,
    *layouts.CASES,
    *texts.CASES,
    *documents.CASES,
    *workbooks.CASES,
    *containers.CASES,
]

"""Takes in what suppliers submit, judges it, releases only what holds. Imports no Airflow."""

__version__ = "0.1.0"

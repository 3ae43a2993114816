"""Pages about results, for people: one HTML file each, with its figures in it, that needs no network."""

from mcsgd.reports.writing import report

__all__ = ["report"]

"""What the fields look like in all pictures.

Okabe and Ito's colours, told apart by the colour-blind; line styles and markers for grey print.
"""

from __future__ import annotations

from typing import Any

__all__ = ["CHANCE", "CLOUD", "MEAN", "PATHS", "PREDICTED", "SAMPLE", "field_style"]

CLOUD, PATHS, MEAN, CHANCE = "#56B4E9", "#8C8C8C", "#F0E442", "#E4E4E4"
PREDICTED: dict[str, Any] = {"color": "#000000", "linestyle": "-", "label": "predicted, 95%"}
SAMPLE: dict[str, Any] = {"color": "#D55E00", "linestyle": "--", "label": "from the sample, 95%"}
STYLES: dict[str, dict[str, Any]] = {
    "gradient": {"color": "#000000", "linestyle": "--", "marker": "s"},
    "gd": {"color": "#009E73", "linestyle": "-.", "marker": "D"},
    "sgd": {"color": "#D55E00", "linestyle": "-", "marker": "o"},
}
OTHER_STYLE: dict[str, Any] = {"color": "#CC79A7", "linestyle": ":", "marker": "^"}


def field_style(field: str) -> dict[str, Any]:
    """Return colour, line style and marker of a field, as keywords of matplotlib's `plot`.

    Examples
    --------
    >>> field_style("sgd")
    {'color': '#D55E00', 'linestyle': '-', 'marker': 'o'}
    """
    return dict(STYLES.get(field, OTHER_STYLE))

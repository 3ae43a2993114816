import sys
from dataclasses import replace

import numpy as np
import pytest

from mcsgd.errors import DivergedError, InputError, MissingExtraError, OutputExistsError
from mcsgd.plots import (
    check_picture,
    cloud_picture,
    draw_ellipse,
    draw_near,
    draw_orders,
    draw_whole,
    plot_orders,
    save_cloud_picture,
    save_picture,
)
from mcsgd.problems import Quadratic, ScalarFactorization
from mcsgd.projection import picture_plane
from mcsgd.run import Run
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.studies.measuring import study
from mcsgd.theory import default_fields, integrate


def run_of(problem, start, **settings):
    settings = Settings(**{"step_size": 0.02, "trajectories": 50, "paths": 3, "epochs": 2} | settings)
    flows = {field: integrate(problem, start, settings, field) for field in default_fields(problem, settings)}
    return Run(simulate(problem, start, settings), flows)


def quadratic(dimension):
    rng = np.random.default_rng(dimension)
    A = rng.normal(size=(3, dimension, dimension))
    return Quadratic(A @ A.transpose(0, 2, 1), rng.normal(size=(3, dimension)))


@pytest.mark.parametrize("dimension", [1, 2, 3, 60])
def test_every_dimension(dimension, tmp_path):
    run = run_of(quadratic(dimension), np.ones(dimension))
    figure = cloud_picture(run)
    labels = {text.get_text() for text in figure.legends[0].get_texts()}
    flows = {"gradient flow", "gd flow", "sgd flow", "second-order flow"}
    assert labels == flows | {"SGD paths", "endpoints", "start", "mean endpoint"}
    for suffix in (".png", ".pdf", ".svg"):
        save_cloud_picture(run, tmp_path / f"cloud{suffix}")
        assert (tmp_path / f"cloud{suffix}").stat().st_size > 5000


@pytest.mark.parametrize(
    "settings",
    [
        {"trajectories": 1, "paths": 0},
        {"sampling": "full-batch", "trajectories": 1, "paths": 1},
        {"design": "reversed-pairs"},
    ],
)
@pytest.mark.parametrize("dimension", [2, 5])
def test_clouds_without_extent(settings, dimension):
    cloud_picture(run_of(quadratic(dimension), np.ones(dimension), **settings)).canvas.draw()


def test_plane_of_many_parameters():
    """Orthonormal; the first axis is the cloud's, and the plane holds the displacement between the flows."""
    run = run_of(quadratic(6), np.ones(6))
    plane = picture_plane(run.cloud, list(run.flows.values()))
    np.testing.assert_allclose(plane.axes @ plane.axes.T, np.eye(2), atol=1e-14)
    _, directions = np.linalg.eigh(np.cov(run.cloud.endpoints.T))
    assert abs(plane.axes[0] @ directions[:, -1]) == pytest.approx(1)
    shift = run.flows["second-order"].endpoint - run.flows["gradient"].endpoint
    assert np.linalg.norm(plane.axes @ shift) == pytest.approx(np.linalg.norm(shift))
    x, y = plane.project(run.cloud.mean[None], np.zeros(1))
    np.testing.assert_allclose([x, y], 0, atol=1e-15)


def test_diverged():
    problem = Quadratic([[[-1e160]], [[1.0]], [[1.0]]], [[0.0], [1.0], [2.0]])
    some = run_of(problem, [1.0], step_size=0.5, sampling="with-replacement")
    assert "diverged" in cloud_picture(some).get_suptitle()
    with pytest.raises(DivergedError, match="none of the trajectories finished"):
        cloud_picture(run_of(problem, [1.0], step_size=0.5))


def test_where_a_picture_can_be_made(tmp_path):
    there = tmp_path / "there.png"
    there.write_text("precious")
    with pytest.raises(OutputExistsError):
        check_picture(there)
    assert check_picture(there, replace=True) == there
    with pytest.raises(InputError, match=r"output: must end in \.png, \.pdf, \.svg, got .*there\.gif"):
        check_picture(tmp_path / "there.gif")
    assert there.read_text() == "precious"


def test_matplotlib_is_an_extra(monkeypatch):
    run = run_of(ScalarFactorization([1.0], [0.6]), [2.8, 3.5])
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mcsgd\[plot\]'"):
        cloud_picture(run)


def make_study(**options):
    toy = ScalarFactorization([1.0, 0.5, 2.0, 1.5], [0.6, 1.0, 0.2, 0.9])
    vary = {"step_size": [0.01, 0.005, 0.0025]} | options.pop("more", {})
    return study(toy, [1.2, 0.7], Settings(0.01, trajectories=100), vary, **options)


def test_orders(tmp_path):
    """A line a field through the rungs that are used, with its slopes and its order."""
    found = make_study()
    figure = plot_orders(found)
    (axes,) = figure.axes
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    fields = found.ladder().fields
    assert labels == [f"{one.field}: order {one.order_text}" for one in fields]
    slopes = [text.get_text() for text in axes.texts]
    assert slopes == [f"{slope:.2f}" for one in fields for slope in one.slopes]
    assert (axes.get_xscale(), axes.get_yscale(), axes.get_xlabel()) == ("log", "log", "step size")
    save_picture(figure, tmp_path / "orders.svg")
    assert (tmp_path / "orders.svg").stat().st_size > 5000


def test_an_order_known_exactly_is_written_short():
    from matplotlib.figure import Figure

    found = make_study().ladder()
    exact = replace(found, fields=tuple(replace(one, order=2.0, order_error=1e-5) for one in found.fields))
    _, labels = draw_orders(Figure().subplots(), exact).get_legend_handles_labels()
    assert labels == [f"{one.field}: order 2.00" for one in found.fields]


def test_a_panel_for_each_ladder(tmp_path):
    found = make_study(more={"epochs": [1, 2]}, exact=False)
    figure = plot_orders(found)
    assert [axes.get_title() for axes in figure.axes] == ["epochs 1", "epochs 2"]
    save_picture(figure, tmp_path / "orders.png")
    with pytest.raises(InputError, match="study: must have 1 to 12 ladders to draw, got 13"):
        plot_orders(make_study(more={"epochs": list(range(1, 14))}, exact=False, fields=["gradient"]))


def test_orders_with_rungs_below_the_noise(tmp_path):
    found = make_study(exact=False)
    figure = plot_orders(found)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "second-order: no fit" in labels
    assert len(figure.axes[0].texts) == sum(np.isfinite(one.slopes).sum() for one in found.ladder().fields)
    figure.canvas.draw()


def test_drawing_into_axes_of_ones_own():
    """Each returns the axes it was given, and draws into them alone."""
    from matplotlib.figure import Figure

    run = run_of(quadratic(2), np.ones(2))
    figure = Figure()
    one, two, three = figure.subplots(1, 3)
    assert draw_whole(one, run) is one
    assert draw_near(two, run) is two
    assert draw_orders(three, make_study().ladder(), slopes=False) is three
    assert not three.texts
    assert one.get_xlabel() == two.get_xlabel() == "parameter 0"
    figure.canvas.draw()


def test_ellipse_holds_its_share_of_a_normal_cloud():
    """All of it is at the distance whose square is the quantile of chi-square with 2 dof, and along the axes."""
    from matplotlib.figure import Figure

    covariance = np.array([[4.0, 1.0], [1.0, 2.0]])
    axes = draw_ellipse(Figure().subplots(), [1.0, -1.0], covariance, probability=0.95, color="k")
    (line,) = axes.lines
    points = np.transpose(line.get_data()) - [1.0, -1.0]
    squares = np.einsum("ni,ij,nj->n", points, np.linalg.inv(covariance), points)
    np.testing.assert_allclose(squares, 5.991464547107979, rtol=1e-12)  # scipy.stats.chi2(2).ppf(0.95)
    assert line.get_color() == "k"


def test_ellipse_of_rank_one_is_a_line():
    from matplotlib.figure import Figure

    axes = draw_ellipse(Figure().subplots(), [0.0, 0.0], [[1.0, 2.0], [2.0, 4.0]])
    x, y = axes.lines[0].get_data()
    np.testing.assert_allclose(y, 2 * x, atol=1e-7)
    assert x.max() > 2


def test_what_an_ellipse_needs():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    with pytest.raises(InputError, match="mean") as error:
        draw_ellipse(axes, [0.0], np.eye(3), probability=1.0)
    assert {issue.argument for issue in error.value.issues} == {"mean", "covariance", "probability"}

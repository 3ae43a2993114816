import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from mcsgd.comparison import compare
from mcsgd.display import counted
from mcsgd.epochs import compare_by_epoch
from mcsgd.errors import DivergedError, InputError, MissingExtraError, OutputExistsError
from mcsgd.plots import (
    PICTURES,
    check_picture,
    cloud_picture,
    draw_coordinates,
    draw_covariance,
    draw_distances,
    draw_ellipse,
    draw_near,
    draw_orders,
    draw_whole,
    plot_orders,
    save_cloud_picture,
    save_picture,
)
from mcsgd.plots.styles import PATHS
from mcsgd.problems import Quadratic, ScalarFactorization
from mcsgd.projection import main_axes, picture_plane
from mcsgd.run import Run
from mcsgd.settings import Settings
from mcsgd.simulation import simulate
from mcsgd.studies.measuring import study
from mcsgd.theory import default_fields, integrate, predicted_covariance


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


@pytest.mark.parametrize("scale", [1.0, 1e-200])
def test_main_axes(scale):
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    axes = main_axes(scale * (basis * [1.0, 9.0, 4.0, 0.0, 0.5]) @ basis.T)
    np.testing.assert_allclose(np.abs(axes @ basis), [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0]], atol=1e-12)


def test_main_axes_of_no_variance():
    np.testing.assert_array_equal(main_axes(np.zeros((3, 3))), 0)


def test_diverged():
    problem = Quadratic([[[-1e160]], [[1.0]], [[1.0]]], [[0.0], [1.0], [2.0]])
    some = run_of(problem, [1.0], step_size=0.5, sampling="with-replacement", paths=50)
    assert "diverged" in cloud_picture(some).get_suptitle()
    axes = draw_whole(Figure().subplots(), some)
    paths = [line for line in axes.lines if line.get_color() == PATHS]
    assert len(paths) == some.cloud.finished().count < 50
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
    covariance = np.array([[4.0, 1.0], [1.0, 2.0]])
    axes = draw_ellipse(Figure().subplots(), [1.0, -1.0], covariance, probability=0.95, color="k")
    (line,) = axes.lines
    points = np.transpose(line.get_data()) - [1.0, -1.0]
    squares = np.einsum("ni,ij,nj->n", points, np.linalg.inv(covariance), points)
    np.testing.assert_allclose(squares, 5.991464547107979, rtol=1e-12)  # scipy.stats.chi2(2).ppf(0.95)
    assert line.get_color() == "k"


def test_ellipse_of_rank_one_is_a_line():
    axes = draw_ellipse(Figure().subplots(), [0.0, 0.0], [[1.0, 2.0], [2.0, 4.0]])
    x, y = axes.lines[0].get_data()
    np.testing.assert_allclose(y, 2 * x, atol=1e-7)
    assert x.max() > 2


def test_what_an_ellipse_needs():
    axes = Figure().subplots()
    with pytest.raises(InputError, match="mean") as error:
        draw_ellipse(axes, [0.0], np.eye(3), probability=1.0)
    assert {issue.argument for issue in error.value.issues} == {"mean", "covariance", "probability"}


# Coordinates ----------------------------------------------------------------------------------


def fields_of(axes):
    """The labelled lines, by their label."""
    handles, labels = axes.get_legend_handles_labels()
    return dict(zip(labels, handles, strict=True))


@pytest.mark.parametrize("dimension", [1, 3, 60])
def test_coordinates_in_standard_errors(dimension):
    """A mark for each coordinate and flow, at its score; and what chance explains."""
    run = run_of(quadratic(dimension), np.ones(dimension))
    axes = draw_coordinates(Figure().subplots(), run, confidence=0.99)
    found = fields_of(axes)
    band = found.pop(f"99% by chance: all {counted(dimension, 'coordinate')} of a flow")
    assert list(found) == list(run.flows)
    for field, line in found.items():
        comparison = compare(run.cloud, run.flows[field], 0.99)
        np.testing.assert_array_equal(line.get_ydata(), comparison.z_scores)
        np.testing.assert_array_equal(np.round(line.get_xdata()), np.arange(dimension))
    assert band.get_y() + band.get_height() == pytest.approx(comparison.largest_by_chance)
    assert axes.get_ylabel() == "(mean − flow) / standard error"


def test_marks_of_flows_stand_side_by_side():
    lines = fields_of(draw_coordinates(Figure().subplots(), run_of(quadratic(3), np.ones(3))))
    places = [line.get_xdata()[0] for label, line in lines.items() if "chance" not in label]
    assert places == sorted(set(places))


def test_coordinates_need_no_cloud():
    run = run_of(quadratic(2), np.ones(2))
    moments = simulate(quadratic(2), np.ones(2), run.cloud.settings, keep_cloud=False)
    draw_coordinates(Figure().subplots(), Run(moments, run.flows))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampling": "full-batch"}, "got trajectories that are all the same"),
        ({"trajectories": 1, "paths": 1}, "got one independent trajectory"),
        ({"trajectories": 2, "paths": 1, "design": "reversed-pairs"}, "got one independent pair"),
    ],
)
def test_coordinates_need_a_standard_error(settings, message):
    with pytest.raises(InputError, match=f"run: must have a mean with a standard error, {message}"):
        draw_coordinates(Figure().subplots(), run_of(quadratic(2), np.ones(2), **settings))


def test_coordinates_need_a_flow():
    with pytest.raises(InputError, match="run: must have a flow with an endpoint, got none"):
        draw_coordinates(Figure().subplots(), Run(run_of(quadratic(2), np.ones(2)).cloud))


# Covariance -----------------------------------------------------------------------------------


def wide_run(dimension, keep_cloud=True, **settings):
    problem, start = quadratic(dimension), np.ones(dimension)
    settings = Settings(**{"step_size": 0.02, "trajectories": 400, "epochs": 2} | settings)
    predicted = predicted_covariance(problem, start, settings)
    return Run(simulate(problem, start, settings, keep_cloud=keep_cloud), predicted_covariance=predicted)


@pytest.mark.parametrize("parameters", [None, (2, 0)])
def test_ellipses_of_sample_and_prediction(parameters):
    """In the two directions in which the cloud is widest, or along two parameters."""
    run = wide_run(4)
    lines = fields_of(draw_covariance(Figure().subplots(), run, parameters))
    assert list(lines) == ["endpoints", "predicted, 95%", "from the sample, 95%"]
    plane = np.eye(4)[[2, 0]] if parameters else main_axes(run.cloud.covariance)
    matrices = {"predicted, 95%": run.predicted_covariance, "from the sample, 95%": run.cloud.covariance}
    for label, covariance in matrices.items():
        points = np.transpose(lines[label].get_data())
        squares = np.einsum("ni,ij,nj->n", points, np.linalg.inv(plane @ covariance @ plane.T), points)
        np.testing.assert_allclose(squares, 5.991464547107979, rtol=1e-9)  # scipy.stats.chi2(2).ppf(0.95)


def test_widest_directions_hold_most_variance():
    axes = draw_covariance(Figure().subplots(), wide_run(4))
    x, y = fields_of(axes)["from the sample, 95%"].get_data()
    spread = np.linalg.eigvalsh(wide_run(4).cloud.covariance)[::-1]
    np.testing.assert_allclose([x.max() ** 2, y.max() ** 2], 5.991464547107979 * spread[:2], rtol=1e-3)
    assert axes.get_xlabel() == "first principal direction"


def test_covariance_of_corrected_endpoints_is_that_of_the_simulated_ones():
    run = wide_run(2, design="control-variate")
    dots = draw_covariance(Figure().subplots(), run, (0, 1)).collections[0].get_offsets()
    np.testing.assert_allclose(dots.mean(axis=0), 0, atol=1e-15)


def test_covariance_without_a_cloud():
    lines = fields_of(draw_covariance(Figure().subplots(), wide_run(2, keep_cloud=False)))
    assert list(lines) == ["predicted, 95%", "from the sample, 95%"]


@pytest.mark.parametrize(
    ("dimension", "settings", "parameters", "message"),
    [
        (1, {}, None, "run: must have two parameters or more, got 1"),
        (2, {"trajectories": 1}, None, "run: must have two trajectories or more that finished, got 1"),
        (3, {}, (0, 3), r"parameters\[1\]: must be <= 2, got 3"),
        (3, {}, (1, 1), r"parameters: must be two different ones, got \[1, 1\]"),
        (3, {}, (1,), r"parameters: must be two different ones, got \[1\]"),
    ],
)
def test_what_a_covariance_needs(dimension, settings, parameters, message):
    with pytest.raises(InputError, match=message):
        draw_covariance(Figure().subplots(), wide_run(dimension, **settings), parameters)


def test_a_covariance_needs_a_prediction():
    with pytest.raises(InputError, match="run: must have a predicted covariance, got one without"):
        draw_covariance(Figure().subplots(), run_of(quadratic(2), np.ones(2)))


# Distances by epoch ---------------------------------------------------------------------------


def test_distances_by_epoch():
    """As compared, with the interval; hollow marks are those of compatible flows."""
    run = run_of(quadratic(2), np.ones(2), epochs=4, snapshots=[1, 2, 3], trajectories=2000)
    axes = draw_distances(Figure().subplots(), run)
    found = compare_by_epoch(run.cloud, run.flows.values())
    lines = fields_of(axes)
    explained = lines.pop("hollow: compatible")
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white" and line is not explained]
    for line, marks in zip(lines.values(), hollow, strict=True):
        by_epoch = found[line.get_label()]
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4])
        np.testing.assert_array_equal(line.get_ydata(), [c.distance for c in by_epoch.values()])
        assert list(marks.get_xdata()) == [epoch for epoch, c in by_epoch.items() if c.compatible]
    assert any(marks.get_xdata().size for marks in hollow)
    bars = [bar.get_segments() for bar in axes.collections]
    assert [len(segments) for segments in bars] == [4, 4, 4, 4]
    assert (axes.get_yscale(), axes.get_xlabel()) == ("log", "epochs")
    assert axes.get_ylim()[0] > 0
    axes.figure.canvas.draw()


def test_labels_of_flows_that_are_near_each_other_stand_apart(toy):
    """Between the same rungs, at other sizes."""
    ladder = study(toy, [1.2, 0.7], Settings(0.01), {"step_size": [0.01, 0.005]}, ["gd", "sgd"]).ladder()
    axes = draw_orders(Figure().subplots(), ladder)
    first, second = (text.xy for text in axes.texts)
    assert 0.005 < second[0] < 0.0072 < first[0] < 0.01 or 0.005 < first[0] < 0.0072 < second[0] < 0.01
    for (x, y), one in zip((first, second), ladder.fields, strict=True):
        line = np.interp(np.log(x), np.log(ladder.sizes[::-1]), np.log(one.distance[::-1]))
        assert np.log(y) == pytest.approx(line)


def test_distances_of_many_epochs():
    run = run_of(
        quadratic(2), np.ones(2), epochs=300, snapshots=range(1, 300), step_size=1e-3, trajectories=4
    )
    epochs = fields_of(draw_distances(Figure().subplots(), run))["sgd"].get_xdata()
    assert len(epochs) == 40
    assert (epochs[0], epochs[-1]) == (1, 300)


def test_distances_of_one_trajectory_have_no_interval():
    run = run_of(quadratic(2), np.ones(2), epochs=2, snapshots=[1], trajectories=1, paths=1)
    draw_distances(Figure().subplots(), run).figure.canvas.draw()


@pytest.mark.parametrize(
    ("settings", "flows", "message"),
    [
        ({}, True, "run: must have snapshots of epochs before the last, as "),
        ({"snapshots": [1]}, False, "run: must have a flow that reaches the end of an epoch, got none"),
    ],
)
def test_what_distances_need(settings, flows, message):
    run = run_of(quadratic(2), np.ones(2), **settings)
    with pytest.raises(InputError, match=message):
        draw_distances(Figure().subplots(), run if flows else Run(run.cloud))


# Kinds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PICTURES)
def test_kinds_of_pictures(kind, tmp_path):
    """Each is drawn to every format, with labels on its axes and a line on what was run."""
    run = replace(run_of(quadratic(3), np.ones(3), snapshots=[1]), predicted_covariance=np.eye(3) * 1e-6)
    figure = PICTURES[kind](run)
    assert "50 trajectories, random-order" in figure.get_suptitle()
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in figure.axes)
    assert figure.legends
    for suffix in (".png", ".pdf", ".svg"):
        save_picture(figure, tmp_path / f"run{suffix}")
        assert (tmp_path / f"run{suffix}").stat().st_size > 5000


@pytest.mark.parametrize("kind", PICTURES)
def test_no_kind_draws_a_run_of_which_nothing_finished(kind):
    problem = Quadratic([[[-1e160]]] * 3, [[0.0]] * 3)
    with pytest.raises(DivergedError, match="none of the trajectories finished"):
        PICTURES[kind](run_of(problem, [1.0], step_size=0.5))


def test_many_points_are_an_image(tmp_path):
    """A picture stays small for many parameters and long paths."""
    run = run_of(quadratic(300), np.full(300, 1e-3), epochs=400, step_size=1e-5, trajectories=4, paths=4)
    for kind, size in {"coordinates": 140_000, "cloud": 400_000}.items():
        save_picture(PICTURES[kind](run), tmp_path / f"{kind}.svg")
        assert (tmp_path / f"{kind}.svg").stat().st_size < size


def test_a_picture_does_not_replace_its_run(tmp_path):
    path = tmp_path / "run.png"
    path.write_text("precious")
    with pytest.raises(InputError, match="output: must not be the file that it is about"):
        check_picture(path, replace=True, source=path)
    assert check_picture(path, replace=True, source=tmp_path / "other.h5") == path

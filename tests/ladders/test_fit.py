"""Coverage of the fitted order's interval. False-alarm rate of each test of a count: 1e-6 (fixed seeds)."""

import warnings

import numpy as np
import pytest
from scipy import stats

import mcsgd
from mcsgd.errors import McsgdWarning
from mcsgd.ladders.fit import FACTORS, PRIOR, PRIOR_DOF, TERMS, UNKNOWN, fit_order, local_slopes
from mcsgd.problems import Quadratic, ScalarFactorization
from mcsgd.settings import Settings

ALARM = 1e-6
ORDER, REPETITIONS = 3, 150


def ladders(signal, rungs, correlation, dof, noise_order=ORDER, bend=0.0, reach=0.0):
    """Draw sizes, distances and their estimated covariance; `signal` is that of the largest size."""
    rng = np.random.default_rng([rungs, dof, int(100 * correlation)])
    sizes = 0.5 ** np.arange(rungs)
    true = 7 * sizes**ORDER * (1 + bend * sizes - 0.5 * (reach * sizes) ** 2)
    errors = 7 * sizes**noise_order / signal
    corr = correlation ** np.abs(np.subtract.outer(np.arange(rungs), np.arange(rungs)))
    root = np.linalg.cholesky(corr * np.outer(errors, errors))
    for _ in range(REPETITIONS):
        x = rng.normal(size=(dof + 1, rungs)) @ root.T
        yield sizes, true + np.sqrt(dof + 1) * x.mean(axis=0), np.cov(x.T)


def coverage(drawn, reach, dof):
    """Of the true order by the intervals of those ladders that can be fitted."""
    hits = fits = 0
    for sizes, distances, covariance in drawn:
        used = distances > 2 * np.sqrt(np.diag(covariance))
        if used.sum() > 1:
            chosen = sizes[used], distances[used], covariance[np.ix_(used, used)], reach * sizes[used]
            low, high = fit_order(*chosen, dof).interval
            hits, fits = hits + (low <= ORDER <= high), fits + 1
    return hits, fits


@pytest.mark.parametrize(
    ("signal", "rungs", "correlation", "dof", "noise_order"),
    [
        (100, 5, 0.0, 1000, 3),
        (100, 5, 0.95, 100, 3),
        (20, 3, 0.9, 10, 3),
        (10, 4, 0.0, 1000, 2),
        (30, 2, 0.5, 50, 2),
    ],
)
def test_coverage(signal, rungs, correlation, dof, noise_order):
    """Also where the last rung's distance is about its noise; at most 3% off, for rungs are chosen by it."""
    hits, fits = coverage(ladders(signal, rungs, correlation, dof, noise_order), 0.0, dof)
    assert fits == REPETITIONS
    assert stats.binom.ppf(ALARM / 2, fits, 0.92) <= hits <= stats.binom.isf(ALARM / 2, fits, 0.98)


@pytest.mark.parametrize("bend", [0.3, -0.3])
@pytest.mark.parametrize(("signal", "rungs"), [(1000, 5), (100, 3), (100, 2), (1e6, 4)])
def test_coverage_where_the_ladder_bends(bend, signal, rungs):
    """At least the nominal, for the bend is no larger than its prior says."""
    hits, fits = coverage(ladders(signal, rungs, 0.0, 1000, bend=bend, reach=0.3), 0.3, 1000)
    assert hits >= stats.binom.ppf(ALARM, fits, 0.94)


def test_a_straight_line_would_not_cover():
    """What the series is for: the same ladders, fitted as if they went straight."""
    hits, fits = coverage(ladders(1000, 5, 0.0, 1000, bend=0.3, reach=0.3), 0.0, 1000)
    assert hits < 0.05 * fits


def test_little_noise_gives_weighted_least_squares_of_logarithms():
    rng = np.random.default_rng(1)
    sizes, errors = np.array([0.5, 0.3, 0.2, 0.1]), np.array([1e-4, 1e-4, 3e-4, 2e-4])
    distances = sizes**2.5 * (1 + errors * rng.normal(size=4))
    corr = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    covariance = corr * np.outer(errors * distances, errors * distances)
    fit = fit_order(sizes, distances, covariance)
    A = np.stack([np.ones(4), np.log(sizes)], axis=1) / errors[:, None]
    take = np.linalg.lstsq(A, np.diag(1 / errors))[0][1]
    assert fit.order == pytest.approx(take @ np.log(distances), abs=1e-7)
    error = np.sqrt(take @ (corr * np.outer(errors, errors)) @ take)
    assert fit.standard_error == pytest.approx(fit.scatter * error, rel=1e-4)
    assert fit.noise_error == pytest.approx(fit.scatter * error, rel=1e-6)
    half = stats.norm.ppf(0.975) * fit.standard_error
    assert fit.interval == pytest.approx((fit.order - half, fit.order + half), abs=0.01 * half)


def test_one_of_two_rungs_near_its_noise_has_the_interval_of_a_ratio():
    """Fieller's: d_1 - d_2 2^p is normal at the true p; one-sided here, for d_1 has no noise."""
    fit = fit_order(np.array([2.0, 1.0]), np.array([8.0, 1.0]), np.diag([0.0, 0.2**2]))
    t = stats.norm.ppf(0.975)
    assert fit.order == pytest.approx(3, abs=1e-9)
    wanted = np.log2([8 / (1 + t * 0.2), 8 / (1 - t * 0.2)])
    assert fit.interval == pytest.approx(wanted, abs=1e-6)
    assert fit_order(np.array([2.0, 1.0]), np.array([8.0, 1.0]), np.diag([0.0, 0.6**2])).interval[1] == np.inf


def test_few_units_widen_the_interval_by_student_s_quantile():
    args = np.array([2.0, 1.0]), np.array([8.0, 1.0]), np.diag([1e-8, 1e-8])
    many, few = (np.diff(fit_order(*args, dof=dof).interval)[0] for dof in (np.inf, 4))
    assert few / many == pytest.approx(stats.t.ppf(0.975, 4) / stats.norm.ppf(0.975), rel=1e-3)


def test_scatter_beyond_the_noise_scales_the_error():
    sizes = np.array([8.0, 4.0, 2.0, 1.0])
    noise = np.diag((1e-3 * sizes**3) ** 2)
    wild = sizes**3 * (1 + np.array([0.01, -0.01, -0.01, 0.01]))
    calm, scattered = fit_order(sizes, sizes**3, noise), fit_order(sizes, wild, noise)
    assert calm.scatter == 1
    assert scattered.scatter == pytest.approx(np.sqrt(4 / 2) * 10, rel=0.05)
    assert scattered.standard_error == pytest.approx(scattered.scatter * calm.standard_error, rel=0.05)
    assert np.diff(scattered.interval) == pytest.approx(scattered.scatter * np.diff(calm.interval), rel=0.05)


@pytest.mark.parametrize(("noise", "dof"), [(0.0, np.inf), (0.01, np.inf), (0.01, 3), (0.1, 5)])
def test_two_rungs_tell_nothing_of_the_factor(noise, dof):
    """The probability is the mean over the prior, of Student's with Welch's degrees of freedom."""
    sizes, distances, rho = np.array([2.0, 1.0]), np.array([8.0, 1.0]), np.array([0.06, 0.03])
    fit = fit_order(sizes, distances, noise**2 * np.diag(distances**2), rho, dof)

    def above(p):
        z, found = distances / sizes**p, []
        for k in FACTORS:
            q = np.minimum(k * rho, 1)[:, None]
            powers = np.where(q < 1, q ** np.arange(1, 300), 0.0)
            within, beyond = powers[:, :TERMS], np.sum(powers[:, TERMS:] ** 2, axis=1)
            beyond = np.where(q[:, 0] < 1, beyond, UNKNOWN)
            series = np.sum((within[0] - within[1]) ** 2) + beyond.sum()
            weights = 1 / (noise**2 + 1e-16 + np.sum(within**2, axis=1) + beyond)
            own = noise**2 + 1e-16
            variance = own * (z @ z) + series * (weights @ z / weights.sum()) ** 2
            welch = (2 * own + series) ** 2 / ((2 * own) ** 2 / dof + series**2 / PRIOR_DOF)
            found.append(stats.t.cdf((z[0] - z[1]) / np.sqrt(variance), welch))
        return np.average(found, weights=PRIOR)

    for end, probability in zip(fit.interval, (0.975, 0.025), strict=True):
        assert above(end) == pytest.approx(probability, rel=1e-3)
    assert above(fit.order) == pytest.approx(0.5, abs=1e-6)
    assert fit.factor == pytest.approx(np.exp(np.average(np.log(FACTORS), weights=PRIOR)))


def real_ladders():
    """Distances of gradient descent to its flows at fixed time on random problems: no noise, orders 1, 2 and 3."""
    rng = np.random.default_rng(5)
    for i in range(60):
        if i % 2:
            A = rng.normal(size=(3, 3, 3))
            problem = Quadratic(A @ A.transpose(0, 2, 1), 3 * rng.normal(size=(3, 3)))
        else:
            problem = ScalarFactorization(1 + rng.normal(size=3), rng.normal(size=3))
        start = rng.normal(size=problem.parameters)
        eps = np.exp(rng.uniform(np.log(0.05), np.log(0.7))) / mcsgd.theory.largest_curvature(problem, start)
        settings = Settings(eps, epochs=4, trajectories=1, sampling="full-batch")
        steps = eps / 2.0 ** np.arange(rng.integers(3, 7))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", McsgdWarning)  # of the asymptotic range
            found = mcsgd.study(problem, start, settings, {"step_size": steps}, fixed_time=True).ladder()
        for order, name in ((1, "gradient"), (2, "gd"), (3, "second-order")):
            one, used = found[name], np.array(found[name].used)
            chosen = (
                values[used]
                for values in (found.sizes, one.distance, one.standard_error, found.range_numbers)
            )
            if used.sum() > 2:
                yield order, *chosen


def test_coverage_on_real_ladders(monkeypatch):
    """At least the nominal; and not where every series goes on as fast as the largest curvature says."""
    drawn = list(real_ladders())

    def hits():
        intervals = [fit_order(s, d, np.diag(e**2), rho).interval for _, s, d, e, rho in drawn]
        return sum(low <= order <= high for (order, *_), (low, high) in zip(drawn, intervals, strict=True))

    assert len(drawn) > 150
    assert hits() >= stats.binom.ppf(ALARM, len(drawn), 0.95)
    monkeypatch.setattr("mcsgd.ladders.fit.FACTORS", np.array([0.25]))
    monkeypatch.setattr("mcsgd.ladders.fit.PRIOR", np.array([1.0]))
    assert hits() < stats.binom.ppf(ALARM, len(drawn), 0.95)


def test_a_series_that_is_the_same_at_all_rungs_is_none():
    sizes = 0.5 ** np.arange(4)
    args = sizes, sizes**2 * np.array([1, 1.01, 0.99, 1]), np.diag((1e-3 * sizes**2) ** 2)
    assert fit_order(*args, np.full(4, 0.5)) == fit_order(*args)


def test_a_range_that_ends_early_is_seen():
    """A leading term that is small by chance: slopes from 2 to 1, as far as rho = 0.01; and no order below 0."""
    rho = 0.25 / 2.0 ** np.arange(6)
    distances = rho * (1 + 30 * rho)
    fit = fit_order(rho, distances, np.diag((1e-3 * distances) ** 2), rho, 100)
    assert fit.factor > 3
    assert abs(fit.order - 1) < 0.15
    assert fit.interval[0] < 1 < fit.interval[1]
    smooth = fit_order(rho, rho * (1 + rho), np.diag((1e-3 * rho) ** 2), rho, 100)
    assert smooth.factor < 1
    assert np.diff(smooth.interval)[0] < 0.02


def test_local_slopes_and_their_errors():
    """By brute force, for noise that is shared by neighbours."""
    rng = np.random.default_rng(0)
    sizes, true = np.array([0.4, 0.2, 0.05]), np.array([3.0, 0.5, 0.1])
    corr = np.array([[1, 0.9, 0.7], [0.9, 1, 0.9], [0.7, 0.9, 1]])
    covariance = corr * np.outer(0.01 * true, 0.01 * true)
    drawn = true + rng.normal(size=(20_000, 3)) @ np.linalg.cholesky(covariance).T
    slopes, errors = local_slopes(sizes, true, covariance)
    assert slopes == pytest.approx([np.log2(6), np.log(5) / np.log(4)])
    measured = np.array([local_slopes(sizes, d, covariance)[0] for d in drawn]).std(axis=0)
    assert errors == pytest.approx(measured, rel=6 / np.sqrt(2 * 20_000))
    unknown = local_slopes(sizes, np.array([3.0, np.nan, 0.1]), covariance)
    assert np.isnan(unknown).all()

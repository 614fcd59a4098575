"""Whitening and CORAL: what they promise of covariances, on uncentred data, and what pycytominer's `Spherize` computes."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings, strategies as st

from gandl.normalization.whitening import Moments, coral, whitening_of


def wells(n: int, dim: int, seed: int = 0) -> np.ndarray:
    """(n, dim) correlated, far from 0, of very different sizes."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, dim)) @ rng.standard_normal((dim, dim))
    return (values + rng.normal(0, 20, dim)) * 10.0 ** rng.uniform(-3, 3, dim)


def moments(values: np.ndarray, parts: int = 3) -> Moments:
    found = Moments(values.shape[1])
    for part in np.array_split(values, parts):
        found.add(part)
    return found


def spherize_of_pycytominer(reference: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`pycytominer.normalize(method="spherize")` 1.7.1 (ZCA-cor), written down: SVD of the standardised reference, of which the
    smallest singular value stands for those that are missing."""
    mean, deviation = reference.mean(axis=0), reference.std(axis=0)
    standard = (reference - mean) / deviation
    _, sigma, axes = np.linalg.svd(standard, full_matrices=True)
    rank = np.linalg.matrix_rank(standard)
    if len(reference) <= reference.shape[1]:
        sigma = np.concatenate([sigma[:rank], np.repeat(sigma[rank - 1], reference.shape[1] - rank)])
    matrix = (axes / sigma[:, None]).T * np.sqrt(len(reference) - 1)
    return (values - mean) / deviation @ matrix @ axes


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), parts=st.integers(1, 6), shift=st.sampled_from([0.0, 1e6]))
def test_moments_of_blocks_are_those_of_all_rows(seed: int, parts: int, shift: float) -> None:
    values = np.random.default_rng(seed).standard_normal((40, 5)) + shift
    found = moments(values, parts)
    units = found.units()
    np.testing.assert_allclose(units.mean, values.mean(axis=0))
    np.testing.assert_allclose(units.deviation, values.std(axis=0, ddof=1), rtol=1e-8)
    np.testing.assert_allclose(found.scatter / 39, np.cov(values, rowvar=False), rtol=1e-6, atol=1e-8)
    variances = Moments(5, cross=False)
    variances.add(values)
    np.testing.assert_allclose(variances.units().deviation, units.deviation, rtol=1e-8)
    np.testing.assert_allclose(found.correlation(), np.corrcoef(values, rowvar=False), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("as_rows", [False, True])
def test_whitened_reference_wells_have_the_identity_as_their_covariance_though_not_centred(as_rows: bool) -> None:
    values = wells(200, 20)
    units, whitening, _ = whitening_of(values if as_rows else moments(values), 0.0)
    out = whitening.apply(units.apply(values))
    np.testing.assert_allclose(out.mean(axis=0), 0, atol=1e-7)
    np.testing.assert_allclose(np.cov(out, rowvar=False), np.eye(20), atol=1e-6)
    along = whitening.components(units.apply(values))
    np.testing.assert_allclose(np.cov(along, rowvar=False), np.eye(20), atol=1e-6)


@pytest.mark.parametrize("regularization", [0.1, 1.0])
def test_regularization_is_added_to_the_eigenvalues_of_the_correlation_matrix(regularization: float) -> None:
    values = wells(200, 20)
    _, whitening, eigenvalues = whitening_of(moments(values), regularization)
    correlation = np.corrcoef(values, rowvar=False)
    assert eigenvalues.mean() == pytest.approx(1)
    np.testing.assert_allclose(eigenvalues, np.linalg.eigvalsh(correlation)[::-1], rtol=1e-6)
    expected = scipy.linalg.inv(scipy.linalg.sqrtm(correlation + regularization * np.eye(20)))
    np.testing.assert_allclose(whitening.apply(np.eye(20)), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("n", "dim"), [(200, 20), (12, 30)])
def test_without_regularization_it_is_the_spherize_of_pycytominer(n: int, dim: int) -> None:
    """Also with fewer wells than features, where directions in which the reference does not vary are stretched."""
    reference, others = wells(n, dim), wells(50, dim, seed=1)
    units, whitening, _ = whitening_of(reference if n <= dim else moments(reference), 0.0)
    ours = whitening.apply(units.apply(others))
    theirs = spherize_of_pycytominer(reference, others)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize(("n", "dim"), [(12, 30), (25, 30), (40, 30)])
def test_a_thin_decomposition_of_few_wells_gives_what_the_whole_matrix_gives(n: int, dim: int) -> None:
    reference, others = wells(n, dim), wells(50, dim, seed=1)
    of_rows, of_matrix = (whitening_of(wells_of, 0.5) for wells_of in (reference, moments(reference)))
    outs = [whitening.apply(units.apply(others)) for units, whitening, _ in (of_rows, of_matrix)]
    np.testing.assert_allclose(*outs, rtol=1e-6, atol=1e-6 * np.abs(outs[0]).max())


def test_constant_and_repeated_features_are_no_obstacle() -> None:
    values = wells(100, 6)
    values[:, 2] = 0.1
    values[:, 4] = 3 * values[:, 3]
    for reference in (values, moments(values)):
        units, whitening, eigenvalues = whitening_of(reference, 0.0)
        out = whitening.apply(units.apply(values))
        assert len(eigenvalues) == 4
        assert np.isfinite(out).all()
        np.testing.assert_allclose(out[:, 2], 0, atol=1e-12)


def test_components_beyond_the_most_are_dropped() -> None:
    values = wells(100, 10)
    units, whitening, eigenvalues = whitening_of(moments(values), 0.0, most=4)
    assert len(eigenvalues) == 4
    out = whitening.apply(units.apply(values))
    assert np.linalg.matrix_rank(out) == 4


@pytest.mark.parametrize("regularization", [0.0, 0.5])
def test_coral_gives_a_batch_the_covariance_of_all(regularization: float) -> None:
    rng = np.random.default_rng(0)
    batch, others = (rng.standard_normal((n, 5)) @ rng.standard_normal((5, 5)) + 3 for n in (60, 300))
    own, target = np.cov(batch, rowvar=False), np.cov(others, rowvar=False)
    matrix = coral(own, target, regularization)
    ridge = regularization * np.eye(5)
    np.testing.assert_allclose(matrix.T @ (own + ridge) @ matrix, target + ridge, rtol=1e-6, atol=1e-6 * target.max())
    if not regularization:
        np.testing.assert_allclose(np.cov(batch @ matrix, rowvar=False), target, rtol=1e-5, atol=1e-6 * target.max())
    np.testing.assert_allclose(coral(target, target, regularization), np.eye(5), atol=1e-6)


def test_coral_without_regularization_refuses_a_batch_of_too_few_wells() -> None:
    few = np.cov(np.random.default_rng(0).standard_normal((4, 6)), rowvar=False)
    with pytest.raises(ValueError, match="without an inverse"):
        coral(few, np.eye(6), 0.0)
    assert np.isfinite(coral(few, np.eye(6), 0.1)).all()

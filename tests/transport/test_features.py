"""Principal components and whitening against their definitions, and what whitening is for."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from mixlaw.errors import MixlawError
from mixlaw.transport import NGrams, Samples, fit_components, fit_features, fit_whitening, unit_rows


@pytest.fixture
def x_NxF():
    rng = np.random.default_rng(0)
    return rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6)) * np.array([1e3, 1, 1, 1, 1, 1e-3]) + 5.0


def test_components_are_those_of_the_singular_value_decomposition(x_NxF):
    z_NxP = fit_components(x_NxF, 3)(x_NxF)
    U, size, _ = np.linalg.svd(x_NxF - x_NxF.mean(0), full_matrices=False)
    np.testing.assert_allclose(np.abs(z_NxP), np.abs(U[:, :3] * size[:3]), rtol=1e-8, atol=1e-9 * size[0])


def test_components_of_sparse_points_are_those_of_dense_ones():
    rng = np.random.default_rng(1)
    x_NxF = rng.poisson(0.2, (60, 40)).astype(float)
    sparse = csr_array(x_NxF)
    np.testing.assert_allclose(fit_components(sparse, 5)(sparse), fit_components(x_NxF, 5)(x_NxF), atol=1e-10)


def test_whitened_features_have_unit_covariance(x_NxF):
    z_NxF = fit_whitening(x_NxF, ridge=1e-14)(x_NxF)
    np.testing.assert_allclose(z_NxF.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(np.cov(z_NxF.T, bias=True), np.eye(6), atol=2e-2)


def test_whitening_does_not_depend_on_units(x_NxF):
    np.testing.assert_allclose(fit_whitening(x_NxF)(x_NxF), fit_whitening(1e-6 * x_NxF)(1e-6 * x_NxF), rtol=1e-6)


def test_whitening_sees_past_a_loud_direction():
    """Two sources that differ in a quiet direction while a loud one, common to both, carries the variance."""
    rng = np.random.default_rng(2)
    side_N = np.repeat([0, 1], 200)
    x_NxF = np.column_stack([100 * rng.normal(size=400), side_N + 0.1 * rng.normal(size=400)])

    def contrast(z_NxF):
        distance_NxN = np.linalg.norm(z_NxF[:, None] - z_NxF, axis=2)
        same_NxN = side_N[:, None] == side_N
        return distance_NxN[~same_NxN].mean() / distance_NxN[same_NxN].mean()

    assert contrast(x_NxF) < 1.05
    assert contrast(fit_whitening(x_NxF, ridge=1e-9)(x_NxF)) > 1.5


def test_features_of_new_documents_are_those_they_would_have_had():
    documents = [f"word{i % 7} word{i % 5} text {i % 3}" for i in range(40)]
    features = fit_features(NGrams(buckets=64), documents, dims=5)
    z_NxP = features(documents)
    assert z_NxP.shape == (40, 5)
    np.testing.assert_allclose(np.linalg.norm(z_NxP, axis=1), 1)
    np.testing.assert_allclose(features(documents[3:7]), z_NxP[3:7], atol=1e-12)
    np.testing.assert_array_equal(fit_features(NGrams(buckets=64), documents, dims=5)(documents), z_NxP)


def test_dense_points_need_no_components():
    def lengths(texts):
        return np.array([[len(text), text.count("a")] for text in texts], float)

    features = fit_features(lengths, ["a", "bb", "aac", "bbbb"], dims=None, unit=False)
    np.testing.assert_allclose(np.cov(features(["a", "bb", "aac", "bbbb"]).T, bias=True), np.eye(2), atol=1e-3)


def test_refusals_name_the_mend():
    with pytest.raises(MixlawError, match=r"64 principal components of 3 points .* fewer"):
        fit_features(NGrams(), ["a", "b", "c"])
    with pytest.raises(MixlawError, match="all alike"):
        fit_whitening(np.full((9, 3), 0.1))
    with pytest.raises(MixlawError, match="sparse points need principal components"):
        fit_features(NGrams(), ["a", "b"], dims=None)
    with pytest.raises(MixlawError, match="points of 2 numbers, fitted on 3"):
        fit_whitening(np.random.default_rng(0).normal(size=(9, 3)))(np.ones((1, 2)))


def test_a_row_of_zeros_stays():
    np.testing.assert_array_equal(unit_rows(np.array([[0.0, 0.0], [3.0, 4.0]])), [[0, 0], [0.6, 0.8]])


def test_samples_are_of_equal_size():
    x = np.ones((4, 2))
    with pytest.raises(MixlawError, match=r"differ in their number of points \(b 3, a 4\)"):
        Samples.of({"a": x, "b": x[:3]}, x)
    with pytest.raises(MixlawError, match="b has 1 features, the target 2"):
        Samples.of({"a": x, "b": x[:, :1]}, x)
    with pytest.raises(MixlawError, match="not finite"):
        Samples.of({"a": x * np.nan}, x)


def test_folds_share_no_point():
    rng = np.random.default_rng(0)
    samples = Samples.of({"a": rng.normal(size=(10, 2)), "b": rng.normal(size=(10, 2))}, rng.normal(size=(9, 2)))
    folds = samples.folds(3, 2)
    assert len(folds) == 3
    for part in (np.concatenate([fold.flat_NxF for fold in folds]), np.concatenate([fold.y_MxF for fold in folds])):
        assert len(np.unique(part, axis=0)) == len(part)
    assert np.isin(folds[0].x_SxNxF[1], samples.x_SxNxF[1]).all(), "a source's points stay its own"
    with pytest.raises(MixlawError, match="there are 10 a source, 9 of the target"):
        samples.folds(11, 2)

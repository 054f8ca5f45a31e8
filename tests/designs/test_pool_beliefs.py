import numpy as np

from mixlaw.designs.pool import knowledge_gradient_of_pool, plan_of, pool_belief
from mixlaw.fitting.posterior import Posterior

NAN = np.nan


def known(loss_MxK, feature_KxMxP=None, noise=0.02) -> Posterior:
    loss_MxK = np.asarray(loss_MxK, float)
    M, K = loss_MxK.shape
    feature_KxMxP = np.zeros((K, M, 1)) if feature_KxMxP is None else np.asarray(feature_KxMxP, float)
    return Posterior(np.log(loss_MxK.T), feature_KxMxP, np.full(K, noise), np.eye(K))


def mean(loss_OxK):
    return loss_OxK.mean(1), np.full(loss_OxK.shape, 1.0 / loss_OxK.shape[1])


def test_the_plan_is_the_lowest_measured_and_predicted_only_where_none_was():
    predicted = known([[3.0], [2.0], [2.5]])
    assert plan_of(predicted, np.array([[NAN], [NAN], [NAN]]), mean) == 1
    assert plan_of(predicted, np.array([[2.7], [NAN], [2.6]]), mean) == 2
    both = known([[3.0, 1.0], [2.0, 1.0]])
    assert plan_of(both, np.array([[3.0, 1.0], [2.0, NAN]]), mean) == 0  # half measured is not


def test_what_was_measured_is_known_and_not_run_again():
    feature_KxMxP = np.tile([[0.1], [0.2], [0.3], [0.1]], (2, 1, 1))
    measured_MxK = np.array([[2.0, 2.2], [NAN, NAN], [2.1, 2.0], [2.0, NAN]])
    belief, run_C = pool_belief(
        known(np.full((4, 2), 2.0), feature_KxMxP), measured_MxK, mean, np.random.default_rng(0)
    )
    assert sorted(run_C) == [1, 3]  # one with a target unmeasured may be run
    assert belief.option_C.tolist() == run_C.tolist()  # few mixtures: all are options
    np.testing.assert_allclose(belief.value_O, [2.1, 2.0, 2.05, 2.0])
    assert not belief.option_KxOxP[:, [0, 2]].any()
    assert not belief.own_OxK[[0, 2]].any()
    np.testing.assert_allclose(belief.own_OxK[[1, 3]], [[0.04, 0.04], [0, 0.04]])


def test_options_are_the_most_hopeful_and_the_plan_and_candidates_others_too():
    # 200 alike mixtures; the last ten are uncertain, and the fifth is known to be a little better.
    rng = np.random.default_rng(1)
    loss_Mx1 = np.full((200, 1), 2.0)
    feature = np.where(np.arange(200) >= 190, 0.2, 0.001)[None, :, None]
    measured_Mx1 = np.full((200, 1), NAN)
    measured_Mx1[4] = 1.999
    belief, run_C = pool_belief(known(loss_Mx1, feature, 1e-6), measured_Mx1, mean, rng)
    assert belief.value_O.min() == 1.999
    assert set(range(190, 200)) <= set(run_C)
    assert (belief.option_C >= 0).sum() < len(run_C) == len(set(run_C))
    assert 4 not in run_C


def test_a_mixture_of_no_worth_to_the_objective_is_not_run():
    def first(loss_OxK):
        return loss_OxK[:, 0], np.tile([1.0, 0.0], (len(loss_OxK), 1))

    measured_MxK = np.array([[2.0, NAN], [NAN, NAN]])
    _, run_C = pool_belief(known(np.full((2, 2), 2.0)), measured_MxK, first, np.random.default_rng(0))
    assert run_C.tolist() == [1]


def test_the_predicted_best_is_run_first_and_then_what_tells_most():
    # The first is predicted to be the best and hardly uncertain; the second may be anything.
    feature = np.array([0.001, 0.3, 0.002, 0.002])[None, :, None]
    rng, measured_Mx1 = np.random.default_rng(0), np.full((4, 1), NAN)
    belief, run_C = pool_belief(known([[1.9], [2.0], [2.2], [2.3]], feature, 1e-3), measured_Mx1, mean, rng)
    assert run_C[knowledge_gradient_of_pool(belief, 2, rng)].tolist() == [0, 1]
    measured_Mx1[0] = 1.9
    belief, run_C = pool_belief(known([[1.9], [2.0], [2.2], [2.3]], feature, 1e-3), measured_Mx1, mean, rng)
    assert run_C[knowledge_gradient_of_pool(belief, 1, rng)].tolist() == [1]

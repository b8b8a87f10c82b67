"""torsor.cached: equal results, one expansion, nothing stale, nothing kept."""

import copy
import pickle
from contextlib import contextmanager
from unittest import mock

import pytest
import torch

import torsor
from tests.nn.zoo import MIXED, small_net
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.fibre import Expansion


@contextmanager
def counted():
    """Counts the expansions that are computed."""
    with mock.patch.object(Expansion, "_combine", autospec=True, side_effect=Expansion._combine) as combine:
        yield combine


@pytest.fixture
def net():
    return small_net().double().eval()


@pytest.fixture
def x(net):
    return torch.randn(2, 1, 9, 9, dtype=torch.float64)


def test_same_results_and_no_expansion_repeated(net, x):
    expected = net(x)
    with counted() as combine:
        for _ in range(3):
            net(x)
        assert combine.call_count == 3 * 2  # two convolutions, expanded at each call, in eval mode too
    with counted() as combine, torsor.cached(net) as same:
        assert same is net
        for _ in range(3):
            assert torch.equal(net(x), expected)
        assert combine.call_count == 2


def test_no_gradient_reaches_the_weights_but_it_reaches_the_input(net, x):
    with torsor.cached(net):
        x.requires_grad_()
        net(x).sum().backward()
        assert net[0].weight.grad is None and x.grad.abs().max() > 0
    net(x).sum().backward()
    assert net[0].weight.grad.abs().max() > 0


CHANGES = {
    "in place": lambda net: net[0].weight.mul_(2.0),
    "load_state_dict": lambda net: net.load_state_dict({k: v + 1 for k, v in net.state_dict().items()}),
    "assign": lambda net: net.load_state_dict({k: v + 1 for k, v in net.state_dict().items()}, assign=True),
    "replaced": lambda net: setattr(net[0].kernel, "weight", torch.nn.Parameter(net[0].weight + 1)),
    "cast": lambda net: net.half().double(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_weights_give_fresh_results(net, x, change):
    with torsor.cached(net), torch.no_grad():
        before = net(x)
        CHANGES[change](net)
        inside = net(x)
    assert torch.equal(inside, net(x)) and not torch.equal(inside, before)


def test_other_weights_of_a_functional_call(net, x):
    other = {k: v + 0.1 for k, v in net.named_parameters()}
    expected = torch.func.functional_call(net, other, (x,))
    with torsor.cached(net):
        assert torch.equal(torch.func.functional_call(net, other, (x,)), expected)


def test_nothing_is_kept_outside(net, x):
    with torsor.cached(net):
        net(x)
    assert all(m._kept is None for m in net.modules() if isinstance(m, Expansion))
    with pytest.raises(RuntimeError, match="stop"), torsor.cached(net):
        raise RuntimeError("stop")
    assert all(m._kept is None for m in net.modules() if isinstance(m, Expansion))
    assert net(x).requires_grad


def test_copies_made_inside_learn(net, x):
    with torsor.cached(net):
        copies = copy.deepcopy(net), pickle.loads(pickle.dumps(net))
    for other in copies:
        other(x).sum().backward()
        assert other[0].weight.grad.abs().max() > 0


@pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")
def test_a_convolution_and_a_linear_layer(x):
    layer = nn.Sequential(nn.Conv(R.trivial(MIXED.group), MIXED, K.Harmonic(3)), nn.Linear(MIXED, MIXED)).double()
    expected = layer(x)
    with counted() as combine, torsor.cached(layer):
        assert all((layer(x) - expected).abs().max() < 1e-13 for _ in range(2))
        assert combine.call_count == 2

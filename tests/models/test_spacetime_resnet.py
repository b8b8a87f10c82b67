"""Spacetime networks: symmetries of the grid, types, sizes, learning; and the plain network of equal size."""

from typing import Any

import pytest
import torch

from tests.fibre.action import lattice, move
from torsor import groups as G
from torsor import kernels as K
from torsor import models, nn
from torsor import reps as R
from torsor.errors import ConfigError, KernelError

LORENTZ = G.O(1, 2)
KERNELS = {"complete": K.PseudoRiemannian(3), "Clifford": K.Clifford(3, hidden=3)}
f64 = torch.float64


def small(kernel, in_rep=None, out_rep=None, group=LORENTZ, **options):
    torch.manual_seed(0)
    rep = R.multivector(group)
    options = {"fields": 2, "layers": 4, "dtype": f64, **options}
    return models.SpacetimeResNet(in_rep or rep, out_rep or rep, kernel=kernel, **options)


@pytest.mark.parametrize("padding", ["zeros", "circular"])
@pytest.mark.parametrize("name", KERNELS)
def test_symmetries_of_the_grid(name, padding):
    """Reflections of time and space and turns by 90° commute with the network, in training and evaluation."""
    net = small(KERNELS[name], padding_mode=padding)
    x = torch.randn(2, 8, 4, 5, 5, dtype=f64)
    net(x)
    for training in (True, False):
        net.train(training)
        with torch.no_grad():
            y = net(x)
            for g in lattice(LORENTZ):
                rho = R.multivector(LORENTZ).rho(g)
                left = net(torch.einsum("ij,bj...->bi...", rho, move(x, g)))
                right = torch.einsum("ij,bj...->bi...", rho, move(y, g))
                assert (left - right).abs().max() < 1e-10 * right.abs().max()


@pytest.mark.parametrize("name", KERNELS)
def test_pointwise_parts_commute_with_boosts(name):
    """All of a block but its convolution."""
    net = small(KERNELS[name])
    block: Any = net.blocks[0]
    rep = 2 * R.multivector(LORENTZ)
    x, g = torch.randn(2, 16, 3, 3, 3, dtype=f64), LORENTZ.sample(1)[0]
    rho = rep.rho(g)

    def inner(x):
        """Norms, gates and the product, without the convolutions between them."""
        layers = [layer for layer in block if not isinstance(layer, nn.Conv)]
        return nn.Sequential(*layers)(x)

    left, right = inner(torch.einsum("ij,bj...->bi...", rho, x)), torch.einsum("ij,bj...->bi...", rho, inner(x))
    assert (left - right).abs().max() < 1e-11 * right.abs().max() * rho.abs().max()


@pytest.mark.parametrize("name", KERNELS)
def test_types(name):
    """Bivectors to vectors and scalars: other types than multivectors are lifted and projected."""
    in_rep, out_rep = R.exterior(LORENTZ, 2), R.standard(LORENTZ) + 2 * R.trivial(LORENTZ)
    net = small(KERNELS[name], in_rep, out_rep).eval()
    x = torch.randn(1, 3, 3, 5, 5, dtype=f64)
    with torch.no_grad():
        y = net(x)
        assert y.shape == (1, 5, 3, 5, 5) and y.abs().max() > 1e-3
        for g in lattice(LORENTZ):
            left = net(torch.einsum("ij,bj...->bi...", in_rep.rho(g), move(x, g)))
            right = torch.einsum("ij,bj...->bi...", out_rep.rho(g), move(y, g))
            assert (left - right).abs().max() < 1e-10 * right.abs().max()


@pytest.mark.parametrize("name", KERNELS)
def test_learns(name):
    """A few steps reduce the error of ∂̸x; all gradients are finite."""
    net = small(KERNELS[name], group=G.O(1, 1), layers=2, dtype=torch.float32)
    dirac = K.operators.dirac(G.O(1, 1))
    x = torch.randn(4, 4, 8, 8)
    y = nn.Conv(dirac.in_rep, dirac.out_rep, dirac, bias=False)(x)
    optimiser, losses = torch.optim.Adam(net.parameters(), 1e-2), []
    for _ in range(40):
        loss = (net(x) - y).square().mean()
        optimiser.zero_grad()
        loss.backward()
        assert all(torch.isfinite(p.grad).all() for p in net.parameters() if p.grad is not None)
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_plain_network_of_equal_size():
    """match_parameters finds the plain network with as many parameters up to the step of a channel."""
    for kernel in KERNELS.values():
        net = small(kernel, layers=4, fields=6)
        width = nn.match_parameters(lambda w: models.ResNet(8, 8, w, 4, 3), net, high=64)
        plain = models.ResNet(8, 8, width, 4, 3)
        assert abs(nn.count_parameters(plain) / nn.count_parameters(net) - 1) < 0.25
        assert plain(torch.randn(1, 8, 4, 4, 4)).shape == (1, 8, 4, 4, 4)


def test_errors():
    with pytest.raises(ConfigError, match="even number of layers"):
        small(K.Clifford(3), layers=1)
    with pytest.raises(ConfigError, match="dimension"):
        models.ResNet(1, 1, d=4)
    with pytest.raises(KernelError, match="compact"):
        small(K.Harmonic(3))

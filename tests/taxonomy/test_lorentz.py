"""The probe of spacetime: exact on the lattice, boosts within windows that grow, and lies are found out."""

from __future__ import annotations

import pytest
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor.kernels import lattice_elements
from torsor.kernels.pseudo_riemannian import boost
from torsor.taxonomy import Spacetime, certify
from torsor.taxonomy.lorentz import Boosts


def network(group):
    rep = 2 * R.multivector(group)
    gate = nn.MultivectorGate(rep)
    first, second = nn.Conv(rep, rep, K.PseudoRiemannian(3)), nn.Conv(rep, rep, K.PseudoRiemannian(3))
    return nn.Sequential(first, gate, second)


@pytest.mark.parametrize("group", [G.O(1, 1), G.Orthochronous(1, 1)], ids=str)
def test_certificate(group):
    certificate = certify(net := network(group), Spacetime(net))
    assert certificate.ok and certificate.error < 1e-12
    assert certificate.refinement[-1] < 1e-3 < certificate.refinement[0]


def test_the_elements_are_those_of_the_lattice_each_as_often():
    group = G.O(1, 2)
    probe = Spacetime(network(group))
    turns = torch.stack([g for g, _ in probe.elements(32)])
    assert len(lattice_elements(group)) == 16
    assert len(torch.unique(turns, dim=0)) == 16


def test_the_error_of_boosts_grows_with_rapidity():
    kernel = network(G.O(1, 1))[0].kernel.double()
    errors = []
    for rapidity in (0.2, 0.6, 1.2):
        probe = Boosts(kernel, 2, rapidity)
        with torch.no_grad():
            moved, expected = probe.pair(kernel, None)
        errors.append(float((moved - expected).norm() / expected.norm()))
    assert errors == sorted(errors) and errors[-1] > 10 * errors[0]


def test_the_boosted_bump_is_the_representation_of_the_bump():
    kernel = network(G.O(1, 1))[0].kernel.double()
    probe = Boosts(kernel, 2)
    g = boost(0.4, 2)
    inverse = torch.linalg.inv(g)
    v = probe.points[37]
    distance = ((inverse @ v) - probe.centres[0]).norm()
    value = torch.exp(-(distance**2) / 0.5) * (probe.in_rep.rho(g) @ probe.amplitudes[0])
    torch.testing.assert_close(probe.fields(g)[0, 37], value)


def test_a_kernel_with_a_euclidean_window_fails():
    """A window breaks boosts for good: growing the box does not help."""
    kernel = network(G.O(1, 1))[0].kernel.double()
    features = kernel.features
    kernel.features = lambda v: features(v) * torch.exp(-v.square().sum(-1, keepdim=True) / 2)
    errors = []
    for window in (1, 2, 3):
        with torch.no_grad():
            moved, expected = (probe := Boosts(kernel, window)).pair(kernel, probe.turn)
        errors.append(float((moved - expected).norm() / expected.norm()))
    assert errors[-1] > 1e-2

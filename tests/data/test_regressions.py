"""The three regressions: closed forms computed another way, invariance, published scales."""

import numpy as np
import pytest
import torch

from torsor import data
from torsor import groups as G
from torsor.data.regressions import inertia_tensor, o5_function, scattering_amplitude
from torsor.errors import DataError

GENERATORS = [data.o5_synthetic, data.inertia, data.lorentz_scattering]
ETA = np.diag([1.0, -1.0, -1.0, -1.0])


def boosts(number, rapidity=1.0):
    generator = torch.Generator().manual_seed(0)
    coordinates = rapidity * torch.randn(number, 6, generator=generator, dtype=torch.float64) / 6**0.5
    return G.O(1, 3).exp(torch.einsum("na,aij->nij", coordinates, G.O(1, 3).algebra))


def dirac():
    """γ-matrices in the Dirac representation, signature (+---)."""
    pauli = [np.array(m) for m in ([[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]])]
    gammas = [np.kron(np.diag([1, -1]), np.eye(2))]
    return np.stack([*gammas, *(np.kron(np.array([[0, 1], [-1, 0]]), s) for s in pauli)])


@pytest.mark.parametrize("generate", GENERATORS)
def test_samples_are_a_function_of_the_seed(generate):
    first, again, other = generate(7, 0), generate(7, 0), generate(7, 1)
    assert torch.equal(first.x, again.x)
    assert torch.equal(first.y, again.y)
    assert not torch.equal(first.x, other.x)
    assert first.x.shape == (7, first.in_rep.dim)
    assert first.y.shape == (7, first.out_rep.dim)
    assert first.x.dtype == first.y.dtype == torch.float64
    assert len(first[:3]) == 3
    assert first.to(torch.float32).x.dtype == torch.float32


@pytest.mark.parametrize("generate", GENERATORS)
def test_no_samples_is_an_error(generate):
    with pytest.raises(DataError, match="at least one"):
        generate(0)


def test_targets_of_moved_samples_are_moved_targets():
    for samples, g, f in (
        (data.o5_synthetic(20), G.O(5).sample(20), lambda x: o5_function(*x.view(-1, 2, 5).unbind(1))[:, None]),
        (data.inertia(20), G.O(3).sample(20), _inertia),
        (
            data.lorentz_scattering(20),
            boosts(20),
            lambda x: scattering_amplitude(*x.view(-1, 4, 4).unbind(1))[:, None],
        ),
    ):
        moved = samples.moved(g)
        assert (f(samples.x) - samples.y).abs().max() < 1e-13
        assert (f(moved.x) - moved.y).abs().max() < 1e-10


def _inertia(x):
    return inertia_tensor(x[:, :5], x[:, 5:].view(-1, 5, 3)).flatten(1)


def test_inertia_of_a_dumbbell_and_against_a_sum_by_hand():
    positions = torch.tensor([[0.0, 0, 2], [0.0, 0, -2]], dtype=torch.float64)
    masses = torch.ones(2, dtype=torch.float64)
    assert torch.allclose(inertia_tensor(masses, positions), torch.diag(torch.tensor([8.0, 8, 0])).double())
    samples = data.inertia(3)
    m, r = samples.x[1, :5].numpy(), samples.x[1, 5:].view(5, 3).numpy()
    by_hand = sum(m[k] * (r[k] @ r[k] * np.eye(3) - np.outer(r[k], r[k])) for k in range(5))
    assert np.abs(by_hand.ravel() - samples.y[1].numpy()).max() < 1e-12
    assert samples.x[:, :5].min() > 0


def test_the_amplitude_is_the_contraction_of_its_brackets():
    p, q, p_out, q_out = np.random.default_rng(0).normal(size=(4, 4))
    dot = lambda u, v: u @ ETA @ v  # noqa: E731
    electron = np.outer(p, p_out) - (dot(p, p_out) - dot(p, p)) * ETA
    muon = np.outer(ETA @ q, ETA @ q_out) - (dot(q, q_out) - dot(q, q)) * ETA
    value = scattering_amplitude(*(torch.tensor(v) for v in (p, q, p_out, q_out))).item()
    assert abs(value - 4 * (electron * muon).sum()) < 1e-12


def test_the_symmetrised_amplitude_is_the_trace_of_dirac_matrices():
    """Tr[(p̸' + m) γ^μ (p̸ + m) γ^ν] of both particles contracted is four times y where m² = p·p."""
    rng, gamma = np.random.default_rng(1), dirac()
    space, masses = rng.normal(size=(4, 3)), np.array([0.5, 2.0, 0.5, 2.0])
    time = np.sqrt((space**2).sum(1) + masses**2)
    p, q, p_out, q_out = momenta = np.concatenate([time[:, None], space], 1)
    lower = np.einsum("mn,nij->mij", ETA, gamma)
    slash = lambda v: np.einsum("m,mij->ij", v, lower)  # noqa: E731

    def tensor(after, before, m):
        first, second = slash(after) + m * np.eye(4), slash(before) + m * np.eye(4)
        return np.einsum("ij,mjk,kl,nli->mn", first, gamma, second, gamma)

    electron, muon = tensor(p_out, p, 0.5), tensor(q_out, q, 2.0)
    trace = np.einsum("mn,ma,nb,ab->", electron, ETA, ETA, muon)
    value = scattering_amplitude(*(torch.tensor(v) for v in momenta), symmetrised=True).item()
    assert abs(trace.imag) < 1e-9
    assert abs(trace.real / 4 - value) < 1e-9 * abs(value)


def test_scales_of_the_targets():
    """E y = 4 E[4 p·p q·q + (p·q)(p'·q')] = 4 · 4 · (2/16)² for normal momenta of deviation 1/4, E p·p = (1 - 3)/16."""
    y = data.lorentz_scattering(200_000).y
    assert abs(y.mean() - 0.25) < 0.02
    assert 0.6 < y.var() < 0.9

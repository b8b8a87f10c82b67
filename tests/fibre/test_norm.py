"""Batch, instance and layer norm: the formula by loops over fields, running averages, equivariance, torch's norms."""

import pytest
import torch

from tests.fibre.action import C4, CASES, D4, IDS, O2, SO2, randomise, types, worst
from torsor import groups as G
from torsor import nn
from torsor import reps as R
from torsor.errors import FieldTypeError
from torsor.fibre.invariants import invariant_vectors

NORMS = {"batch": nn.BatchNorm, "instance": nn.InstanceNorm, "layer": nn.LayerNorm}
MIXED = 2 * R.regular(C4) + 3 * R.standard(C4) + 2 * R.trivial(C4) + 2 * R.induced(C4, R.sign(G.Cyclic(2)))
TWO_INVARIANTS = 2 * R.regular(C4).restrict(G.Cyclic(2)) + R.trivial(G.Cyclic(2))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize(("group", "name"), CASES, ids=IDS)
def test_commute_with_random_elements(norm, mode, group, name):
    layer = randomise(NORMS[norm](types(group)[name], affine=True).double()).train(mode == "train")
    assert worst(layer, (3, 2), group.sample(3), grid=False, batch=3) < 1e-12


def by_loops(x, rep, axes, weight, bias, eps=1e-5):
    """y = γ (x - T μ)/sqrt(σ² + ε) + T β, field by field; `axes` of (batch, *space) are averaged over, or "fields"."""
    y, field, invariant = torch.zeros_like(x), 0, 0
    for m, term in rep.terms:
        start = field_start(rep, field)
        vectors = torch.tensor(invariant_vectors(term))
        part = x[:, start : start + m * term.dim].unflatten(1, (m, term.dim))
        pinv = torch.linalg.pinv(vectors.T) if len(vectors) else vectors
        coordinates = torch.einsum("td,bmd...->bmt...", pinv, part)
        dims = 1 if axes == "fields" else tuple(a if a == 0 else a + 2 for a in axes)
        mean = torch.einsum("td,bmt...->bmd...", vectors, coordinates.mean(dims, keepdim=True))
        centred = part - mean
        variance = (centred.square().sum(2, keepdim=True) / term.dim).mean(dims, keepdim=True)
        part = centred / (variance + eps).sqrt()
        for k in range(m):
            shift = bias[invariant : invariant + len(vectors)] @ vectors
            out = weight[field] * part[:, k] + shift.view(-1, *[1] * (x.ndim - 2))
            y[:, start + k * term.dim : start + (k + 1) * term.dim] = out
            field, invariant = field + 1, invariant + len(vectors)
    assert field == len(weight) and invariant == len(bias)
    return y


def field_start(rep, index):
    return [channels.start for channels, _ in rep.fields][index]


@pytest.mark.parametrize("rep", [MIXED, TWO_INVARIANTS, R.regular(SO2, band=2) + R.trivial(SO2)], ids=str)
@pytest.mark.parametrize(
    ("norm", "axes"), [(nn.BatchNorm, (0, 1, 2)), (nn.InstanceNorm, (1, 2)), (nn.LayerNorm, "fields")]
)
def test_the_formula(norm, axes, rep):
    layer = randomise(norm(rep, affine=True).double())
    x = 3 + 2 * torch.randn(4, rep.dim, 3, 5, dtype=torch.float64)
    expected = by_loops(x, rep, axes, layer.weight.detach(), layer.bias.detach())
    assert (layer(x) - expected).abs().max() < 1e-12


def test_running_averages():
    """mean ← 0.9 mean + 0.1 batch mean; variance with the unbiased batch variance; eval uses them."""
    rep = 2 * R.standard(C4) + 2 * R.trivial(C4) + R.regular(C4)
    layer = nn.BatchNorm(rep).double()
    x = 1 + 2 * torch.randn(5, rep.dim, 3, 3, dtype=torch.float64)
    layer(x)
    invariant = torch.stack([x[:, 4].mean(), x[:, 5].mean(), x[:, 6:].mean()])
    assert (layer.running_mean - 0.1 * invariant).abs().max() < 1e-12
    scalars = torch.stack([x[:, c].flatten().var(unbiased=True) for c in (4, 5)])
    assert (layer.running_var[2:4] - (0.9 + 0.1 * scalars)).abs().max() < 1e-12
    vectors = torch.stack([x[:, c : c + 2].square().sum(1).mean() / 2 for c in (0, 2)])
    assert (layer.running_var[:2] - (0.9 + 0.1 * vectors * 90 / 89)).abs().max() < 1e-12
    regular = x[:, 6:].flatten().var(unbiased=True)
    assert (layer.running_var[4] - (0.9 + 0.1 * regular)).abs().max() < 1e-12
    assert layer.num_batches_tracked == 1
    before = {k: v.clone() for k, v in layer.state_dict().items()}
    y = layer.eval()(x)
    assert all(torch.equal(v, before[k]) for k, v in layer.state_dict().items())
    expected = x.clone()
    expected[:, 4:6] -= layer.running_mean[:2].view(1, 2, 1, 1)
    expected[:, 6:] -= layer.running_mean[2]
    scale = layer.running_var.repeat_interleave(torch.tensor([2, 2, 1, 1, 4]))
    assert (y - expected / (scale + 1e-5).sqrt().view(1, -1, 1, 1)).abs().max() < 1e-12


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_of_scalars_it_is_torchs_batch_norm(mode):
    rep = 5 * R.trivial(O2)
    ours, theirs = nn.BatchNorm(rep, momentum=0.3).double(), torch.nn.BatchNorm2d(5, momentum=0.3).double()
    for layer in (ours, theirs):
        torch.manual_seed(1)
        randomise(layer)
    ours.train(mode == "train"), theirs.train(mode == "train")
    for _ in range(3):
        x = torch.randn(4, 5, 3, 3, dtype=torch.float64)
        assert (ours(x) - theirs(x)).abs().max() < 1e-12
    assert set(ours.state_dict()) == set(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        assert torch.allclose(ours.state_dict()[key], value, atol=1e-12), key


def test_of_scalars_it_is_torchs_instance_norm():
    x = torch.randn(4, 5, 3, 3, dtype=torch.float64)
    ours, theirs = nn.InstanceNorm(5 * R.trivial(O2)), torch.nn.InstanceNorm2d(5)
    assert (ours.double()(x) - theirs.double()(x)).abs().max() < 1e-12
    layer = nn.LayerNorm(5 * R.trivial(O2)).double()
    assert (layer(x[:, :, 0, 0]) - torch.nn.LayerNorm(5).double()(x[:, :, 0, 0])).abs().max() < 1e-12


@pytest.mark.parametrize("norm", NORMS)
def test_output_has_unit_mean_square(norm):
    rep = 8 * R.standard(D4) + 8 * R.regular(D4)
    x = 5 * torch.randn(16, rep.dim, 6, 6)
    y = NORMS[norm](rep, eps=1e-12)(x)
    for start, stop in ((0, 16), (16, rep.dim)):
        assert abs(float(y[:, start:stop].detach().square().mean()) - 1) < 1e-3


def test_uniform_and_general_ways_agree():
    """Scalars and permutations go through torch's kernel; the plain way gives the same, gradients included."""
    rep = 2 * R.regular(C4) + R.trivial(C4) + R.quotient(C4, G.Cyclic(2))
    fast, plain = randomise(nn.BatchNorm(rep).double()), nn.BatchNorm(rep).double()
    plain.load_state_dict(fast.state_dict())
    plain.uniform = (False,) * 3
    x = torch.randn(3, rep.dim, 4, 4, dtype=torch.float64)
    probe = torch.randn_like(x)
    for mode in (True, False):
        results = []
        for layer in (fast.train(mode), plain.train(mode)):
            leaf = x.clone().requires_grad_()
            y = layer(leaf)
            results.append((y, *torch.autograd.grad((y * probe).sum(), [leaf, layer.weight, layer.bias])))
        assert all((a - b).abs().max() < 1e-11 for a, b in zip(*results, strict=True))
    assert torch.allclose(fast.running_mean, plain.running_mean)


def test_points_without_space():
    layer = nn.BatchNorm(MIXED).double()
    assert layer(torch.randn(7, MIXED.dim, dtype=torch.float64)).shape == (7, MIXED.dim)
    assert layer.eval()(torch.randn(1, MIXED.dim, dtype=torch.float64)).shape == (1, MIXED.dim)


def test_nothing_to_average():
    with pytest.raises(FieldTypeError, match=r"BatchNorm needs several values.*\(1, 5\)"):
        nn.BatchNorm(5 * R.trivial(C4))(torch.zeros(1, 5))
    for shape in ((3, 5), (3, 5, 1, 1)):
        with pytest.raises(FieldTypeError, match="InstanceNorm averages over space"):
            nn.InstanceNorm(5 * R.trivial(C4))(torch.zeros(shape))


def test_without_affine_parameters():
    for norm in NORMS.values():
        assert not list(norm(MIXED, affine=False).parameters())
    assert not list(nn.InstanceNorm(MIXED).parameters())

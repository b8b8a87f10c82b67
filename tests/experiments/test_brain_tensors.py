"""The tensor experiment on made-up fields: components, turns, slabs, measures, equivariance, and a whole small run."""

import csv
import math

import numpy as np
import pytest
import torch

from experiments import brain_tensors as brain
from torsor import groups as G
from torsor import nn
from torsor import reps as R

VOXEL = torch.tensor([1.2, 1.2, 1.25])


def stored_field(sizes, seed=0):
    """Random positive tensors, six stored components, and their matrices (*sizes, 3, 3)."""
    a = torch.randn(*sizes, 3, 3, generator=torch.Generator().manual_seed(seed))
    m = a @ a.mT
    six = [m[..., i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]
    return torch.stack(six), m


def whole(tensors):
    return brain.Brain(torch.cat([tensors, torch.ones_like(tensors[:1])]), VOXEL)


def turn(axis, angle):
    so3 = G.SO(3)
    i, j = [k for k in range(3) if k != axis]
    a = torch.zeros(3, 3, dtype=torch.float64)
    a[j, i], a[i, j] = angle, -angle
    assert so3.contains(so3.exp(a)).all()
    return so3.exp(a).float()


def test_components():
    six, m = stored_field((2, 3, 4))
    t = brain.from_stored(six)
    torch.testing.assert_close(brain.matrices(t.movedim(0, -1)), m)
    torch.testing.assert_close(t.square().sum(0), m.square().sum((-2, -1)))  # an orthonormal basis


def test_turned_tensors_are_g_t_gt():
    """A field of degree 1 in x, which trilinear interpolation keeps: g T(c + g⁻¹p) gᵀ by matrices."""
    sizes, rng = (14, 15, 16), np.random.default_rng(0)
    constant, slopes = (x + x.swapaxes(-1, -2) for x in (rng.normal(size=(3, 3)), rng.normal(size=(3, 3, 3))))
    x = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), -1) * VOXEL.numpy()
    m = constant + np.einsum("...k,kij->...ij", x, slopes)
    six = np.stack([m[..., i, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))])
    field = whole(brain.from_stored(torch.tensor(six, dtype=torch.float32)))
    g = G.SO(3).sample(2, generator=torch.Generator().manual_seed(1)).float()
    centres = torch.tensor([[6.3, 7.1, 7.9], [6.0, 7.5, 8.2]])
    found, inside = field.cubes(centres, g, 5)
    assert inside.all()
    for n, rotation in enumerate(g.numpy()):
        for index in np.ndindex(5, 5, 5):
            p = (np.array(index) - 2) * VOXEL.numpy()
            at = centres[n].numpy() * VOXEL.numpy() + rotation.T @ p
            expected = rotation @ (constant + np.einsum("k,kij->ij", at, slopes)) @ rotation.T
            np.testing.assert_allclose(brain.matrices(found[n, :, *index]).numpy(), expected, atol=2e-3)


def test_quarter_turn_permutes_voxels():
    six, m = stored_field((9, 9, 9))
    g = turn(2, math.pi / 2)
    found, _ = whole(brain.from_stored(six)).cubes(torch.tensor([[4.0, 4.0, 4.0]]), g[None], 5)
    moved = torch.rot90(m[2:7, 2:7, 2:7], 1, (0, 1))  # axis 0 towards axis 1
    torch.testing.assert_close(brain.matrices(found[0].movedim(0, -1)), g @ moved @ g.T, atol=1e-4, rtol=1e-4)


def test_slabs_are_disjoint():
    six, _ = stored_field((5, 100, 5))
    found = brain.slabs(brain.from_stored(six), torch.ones(5, 100, 5), VOXEL)
    masks = torch.stack([found[name].values[6] for name in brain.SLABS])
    assert (masks.sum(0) == 1).all()
    for part in found.values():
        assert (part.values[:6].abs().sum(0)[part.values[6] == 0] == 0).all()
    edge = torch.tensor([[2.0, 84.0, 2.0]])  # next to the validation slab: its other side is empty
    cubes, inside = found["test"].cubes(edge, torch.eye(3)[None], 5)
    assert not cubes[0, :, :, :2].any() and not inside[0, :, :2].any()
    torch.testing.assert_close(cubes[0, :, :, 2], found["test"].values[:6, :, 84])


@pytest.mark.parametrize(
    ("eigenvalues", "fa"), [((1, 0, 0), 1.0), ((1, 1, 1), 0.0), ((1, 1, 0), 0.5**0.5), ((3, 1, 1), (4 / 11) ** 0.5)]
)
def test_anisotropy(eigenvalues, fa):
    assert brain.anisotropy(torch.tensor([eigenvalues], dtype=torch.float64)).item() == pytest.approx(fa, abs=1e-6)


@pytest.mark.parametrize("degrees", [0.0, 20.0, 60.0, 120.0])
def test_direction_is_the_angle_between_axes(degrees):
    g = turn(1, math.radians(degrees))
    field = R.symmetric(G.SO(3), 2)
    t = torch.tensor([[2.0, 0, 0, 0.5, 0, 0.4]]).expand(4, 6)
    found = brain.errors(t @ field.rho(g.double()).float().T, t)
    assert found["direction"] == pytest.approx(min(degrees, 180 - degrees), abs=1e-3)  # axes have no sign
    assert found["fa"] == pytest.approx(0, abs=1e-6)


def test_errors_of_noise_and_of_nan():
    t = torch.tensor([1.7, 0, 0, 0.3, 0, 0.3]).expand(20_000, 6)
    x = brain.noisy(t, torch.Generator().manual_seed(0))
    assert brain.errors(x, t)["rmse"] == pytest.approx(brain.SIGMA * 6**0.5, rel=0.02)
    assert set(brain.errors(x * float("nan"), t).values()) == {float("inf")}


def filled(net):
    """The last convolution starts at zero: give it weights."""
    torch.manual_seed(3)
    with torch.no_grad():
        for p in net.parameters():
            p.normal_(0, 0.3)
    return net.double()


@pytest.mark.parametrize("g", [turn(2, math.pi / 2), turn(0, math.pi), turn(1, math.pi)], ids=["90°", "180°", "180°'"])
def test_steerable_commutes_with_turns_of_the_grid_and_the_cnn_does_not(g):
    rho = R.symmetric(G.SO(3), 2).rho(g.double())
    x = torch.randn(1, 6, 7, 7, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def act(t):  # by voxels: new[p] = ρ old[g⁻¹p], p about the centre
        p = torch.stack(torch.meshgrid(*[torch.arange(7) - 3] * 3, indexing="ij"), -1)
        i, j, k = ((p.float() @ g).round().long() + 3).unbind(-1)
        return torch.einsum("ij,bj...->bi...", rho, t[:, :, i, j, k])

    errors = {}
    for name in ("steerable", "plain CNN"):
        net = filled(brain.NETWORKS[name](VOXEL))
        with torch.no_grad():
            y, z = net(act(x)), act(net(x))
        errors[name] = float((y - z).norm() / (z - act(x)).norm())
    assert errors["steerable"] < 1e-6
    assert errors["plain CNN"] > 0.1


def test_networks_have_equal_size_and_begin_as_the_identity():
    steerable, plain = (brain.NETWORKS[name](VOXEL) for name in ("steerable", "plain CNN"))
    assert abs(nn.count_parameters(steerable) / nn.count_parameters(plain) - 1) < 0.03
    x = torch.randn(1, 6, 5, 5, 5)
    torch.testing.assert_close(steerable(x), x)


def test_gaussian_smoothing():
    """Constants stay, at the faces too; the variance of noise falls by (Σ w²)³."""
    net, ones = brain.Gaussian(0.7), torch.ones(1, 6, 6, 6, 6)
    torch.testing.assert_close(net(ones), ones)
    w = np.exp(-(np.arange(-2, 3) ** 2) / (2 * 0.7**2))
    x = torch.randn(1, 6, 24, 24, 24, generator=torch.Generator().manual_seed(0))
    inner = net(x)[:, :, 2:-2, 2:-2, 2:-2].var().item()
    assert inner == pytest.approx(((w / w.sum()) ** 2).sum() ** 3, rel=0.05)


def test_no_network_sees_the_faces_of_a_test_cube():
    net = filled(brain.plain(3)).float()
    x = torch.randn(1, 6, brain.CUBE, brain.CUBE, brain.CUBE, requires_grad=True)
    ball = brain.offsets(brain.CUBE, VOXEL).norm(dim=-1) < brain.RADIUS * float(VOXEL.min())
    net(x).flatten(2)[..., ball].square().sum().backward()
    assert x.grad is not None
    reach = (x.grad[0].abs().sum(0) > 0).nonzero()
    assert reach.min() >= 0 and reach.max() <= brain.CUBE - 1
    bigger = torch.nn.functional.pad(x.detach(), [3] * 6, value=5.0)
    inner = net(bigger)[:, :, 3:-3, 3:-3, 3:-3].flatten(2)[..., ball]
    torch.testing.assert_close(inner, net(x).flatten(2)[..., ball])


def test_whole_run(tmp_path, monkeypatch, capsys):
    six, _ = stored_field((12, 36, 12))
    stored = {"tensor": six.numpy(), "mask": np.ones((12, 36, 12)), "voxel_mm": VOXEL.numpy()}
    np.savez(tmp_path / "brain_dti.npz", **stored)
    small = {"CUBE": 9, "RADIUS": 2.0, "CENTRES": 2, "TURNS": 1, "PATCH": 5, "BATCH": 2, "WARMUP": 1, "MAP": 9}
    small |= {"SLABS": {"train": (0, 14), "validation": (14, 22), "test": (22, None)}}
    small |= {"RATES": {name: (1e-3, 3e-3) for name in brain.NETWORKS}}
    small |= {"CASES": [("steerable", "one orientation", 1), ("plain CNN", "rotations", 2)]}
    for name, value in small.items():
        monkeypatch.setattr(brain, name, value)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: None)
    out = tmp_path / "out"
    arguments = ["brain_tensors", "--data", str(tmp_path), "--out", str(out), "--seeds", "1", "--steps", "4"]
    monkeypatch.setattr("sys.argv", arguments)
    brain.main()
    rows = list(csv.DictReader((out / "brain_tensors.csv").open()))
    assert (
        len(rows) == 2 * 3 + 2 * 2 + 2 * 3 + 2
    )  # baselines; two rates a network; networks in three orientations; quarter turn
    steerable, plain = (float(r["rmse"]) for r in rows if r["split"] == "quarter turn")
    assert steerable < 1e-5 < plain
    assert all(math.isfinite(float(r[m])) for r in rows for m in ("rmse", "direction", "fa"))
    assert "| steerable | one orientation | 9687 | 4 |" in capsys.readouterr().out
    brain.main()  # nothing is left to do
    assert list(csv.DictReader((out / "brain_tensors.csv").open())) == rows


def test_training_learns(monkeypatch):
    """Noise is removed from a constant field."""
    tensors = brain.from_stored(torch.tensor([1.7, 0.3, 0.3, 0.2, 0, 0]).view(6, 1, 1, 1).expand(6, 16, 16, 16))
    field = whole(tensors)
    torch.manual_seed(0)
    net = brain.plain(12)
    monkeypatch.setattr(brain, "PATCH", 8)
    brain.train(net, field, 1e-2, 120, False, 0)
    assert brain.validate(net, field)["rmse"] < 0.7 * brain.SIGMA * 6**0.5

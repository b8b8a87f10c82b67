"""Rows M1 – M26: the manifold path is the grid path, whatever the frames, and liars are found out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from torsor import Field, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.taxonomy import ALIVE, EXACT, ROWS, measure
from torsor.taxonomy.certificate import ELEMENTS, certify, randomised, relative
from torsor.taxonomy.flat import Flat, Frames, Sloped, Unshared, for_points, gauge_group, image_of

pytestmark = pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")
C4, SO2 = G.Cyclic(4), G.SO(2)
SOURCES = {
    **{f"M{k}": (f"E{k}",) for k in range(1, 26)},
    "M6": ("E6a", "E6b"),
    "M26": tuple(f"E{k}" for k in range(26, 31)),
}


def pixels_of(net):
    sizes, window = image_of(net)
    return S.Affine(S.Points.from_grid(sizes, dtype=torch.float64).positions, net.in_rep.group, window=window)


def harmonic(group=SO2, function=None):
    """Two convolutions, with vectors or band-limited functions between them."""
    torch.manual_seed(0)
    gate = nn.Gated(2 * R.trivial(group) + 2 * R.irrep(group, 1))
    layers = [gate] if function is None else [nn.Fourier(2 * R.regular(group, band=2), function, 24)]
    first = nn.Conv(2 * R.trivial(group), layers[0].in_rep, K.Harmonic(5))
    return nn.Sequential(first, *layers, nn.Conv(layers[0].out_rep, 2 * R.irrep(group, 1), K.Harmonic(5)))


def error(net, probe):
    net = randomised(net, 0)
    with torch.no_grad():
        return max(relative(*probe.pair(net, g)) for g in probe.elements(4))


def test_there_is_a_row_for_every_row_of_flat_space():
    assert set(SOURCES) <= set(ROWS) and {name for names in SOURCES.values() for name in names} == {
        name for name in ROWS if name[0] == "E"
    }
    letters = [identity[0] for identity in ROWS]
    assert letters == sorted(letters)
    numbers = [int(identity[1:]) for identity in ROWS if identity in SOURCES]
    assert numbers == list(range(1, 27))


@pytest.mark.parametrize("identity", ["M3", "M6", "M10", "M26"])
def test_the_networks_are_those_of_the_rows_with_the_next_random_weights(identity):
    flats = ROWS[identity].networks(seed=3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        nets = [net for source in SOURCES[identity] for net in ROWS[source].built()]
    for flat, net in zip(flats, nets, strict=True):
        weights = zip(flat.net.parameters(), net.parameters(), strict=True)
        assert isinstance(flat.space, S.Affine) and all(torch.equal(a, b) for a, b in weights)


@pytest.mark.parametrize("identity", ["M1", "M2", "M4", "M10", "M17"])
def test_certificate(identity):
    measured = measure(ROWS[identity])
    assert measured.ok
    for c in measured.certificates:
        assert c.error < 1e-12 < c.budget == EXACT and c.elements == ELEMENTS and not c.refinement
        assert min(c.unconstrained, c.outside, c.sensitivity) > 10 * ALIVE


def test_spacetime_in_boosted_frames():
    flats = [flat for flat in ROWS["M26"].networks() if str(flat.net.in_rep.group) in ("O(1,1)", "SO(1,1)")]
    for c in (flat.certificate() for flat in flats):
        assert c.ok and c.space.startswith("pixels of R^{1,1}")
    probe = Frames(flats[0].net, flats[0].space)
    (_, g), _ = probe.elements(1)[0]
    assert float(g[:, 0, 1].abs().median()) > 0.1  # sinh of the rapidity


def test_code():
    code = ROWS["M7"].code
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 15
    namespace: dict = {}
    exec(code, namespace)
    flats = namespace["manifold_path"]()
    assert len(flats) == 3 and "rows = ('E7',)" in code and "S.Affine(" in code


def test_pairs_are_the_literal_sum():
    """out_p = b + Σ_q K(g_p (x_q - x_p)) g_p g_q⁻¹ f_q in the frames g⁻¹, one edge after another."""
    rep = 2 * R.standard(C4)
    torch.manual_seed(0)
    net = for_points(nn.Sequential(nn.Conv(rep, rep, K.Stencil(3)))).double()
    probe = Frames(net, pixels_of(net), images=2)
    (x, g), _ = probe.elements(1)[0]
    with torch.no_grad():
        moved, expected = probe._both(net, x, g)
        stencil = net[0].kernel.stencil()
    n, positions = len(probe.pixels), probe.pixels.positions
    f = torch.einsum("pij,pmj->pmi", g[:n], x[0].flatten(1).T.unflatten(1, (2, 2)))
    for p in range(n):
        total = torch.zeros(4, dtype=torch.float64)
        for q in range(n):
            if float((positions[q] - positions[p]).abs().max()) < 1.5:
                i, j = (g[p] @ (positions[q] - positions[p])).round().long() + 1
                total += stencil[:, :, i, j] @ (f[q] @ (g[p] @ g[q].T).T).flatten()
        assert torch.allclose(moved[0, p], total, atol=1e-12) and torch.allclose(expected[0, p], total, atol=1e-12)


def test_means_and_moment_matched_stencils_are_other_maps():
    """The probe tells kernels that are sampled plainly, and sums, from what layers do by default."""
    net = harmonic().double()
    probe = Frames(net, pixels_of(net))
    assert error(for_points(net), probe) < 1e-12
    assert error(net, probe) > 0.1
    summed = for_points(net)
    for layer, default in zip(summed, net, strict=True):
        if isinstance(layer, nn.Conv):
            layer.kernel = default.kernel
    assert error(summed, probe) > 1e-3


def test_coefficients_and_frames_change_together():
    net = for_points(harmonic().double())
    probe = Frames(net, pixels_of(net))
    (x, g), _ = probe.elements(1)[0]
    with torch.no_grad():
        scalars = x.flatten(2).mT
        blind = probe.by_manifold(net, scalars, probe.manifold)
        expected = probe._both(net, x, g)[1]
        assert relative(blind, net(x).flatten(2).mT) < 1e-12  # equal frames: the grid itself
        assert relative(blind, expected) > 0.5


def test_sampled_functions_are_exact_in_the_frames_of_their_samples():
    net = for_points(harmonic(function=torch.nn.functional.silu).double())
    probe = Frames(net, pixels_of(net))
    assert gauge_group(net) == probe.gauges == G.Cyclic(24) and error(net, probe) < 1e-12
    probe.gauges = SO2
    assert 1e-10 < error(net, probe) < 1e-1  # the aliasing of silu
    square = for_points(harmonic(function=torch.square).double())
    probe = Frames(square, pixels_of(square))
    probe.gauges = SO2
    assert error(square, probe) < 1e-12  # 24 angles resolve squares of band 2


@pytest.mark.parametrize(
    ("identity", "groups"),
    [
        ("E1", ["{e}"] * 3),
        ("E7", ["C4", "C8", "C24"]),
        ("E12", ["O(2)"]),
        ("E13", ["D4", "D8", "D24"]),
        ("E17", ["{e}"]),
        ("E18", ["{e}"]),
        ("E19", ["C4", "C24"]),
        ("E22", ["T", "O", "SO(3)"]),
        ("E28", ["C4"]),
    ],
)
def test_by_which_elements_frames_differ(identity, groups):
    nets = ROWS[identity].networks()
    assert [str(gauge_group(net)) for net in nets] == groups
    for net in nets:
        assert net.in_rep.group.contains(gauge_group(net).sample(8)).all()


def test_the_frames_are_random_at_every_pixel():
    net = harmonic()
    probe = Frames(net, pixels_of(net))
    elements = probe.elements(ELEMENTS)
    assert len(elements) == ELEMENTS
    batches = {id(batch): batch for batch, _ in elements}.values()
    angles = torch.cat([torch.atan2(g[:, 1, 0], g[:, 0, 0]) for _, g in batches])
    assert len(angles.unique()) == len(angles) == 4 * 8 * 81
    assert len({float(x[0, 0, 0, 0]) for x, _ in batches}) == 4


def test_images_hold_receptive_fields_or_kernels():
    assert image_of(harmonic()) == ((9, 9), (2.0, 2.0))
    flip, SO3 = R.trivial(G.Reflection(1)), 2 * R.trivial(G.SO(3))
    assert image_of(nn.Sequential(nn.Conv(flip, flip, K.Stencil(5)))) == ((5,), (2.0,))
    assert image_of(nn.Sequential(*[nn.Conv(SO3, SO3, K.Harmonic(radius=1.5))] * 2)) == ((3, 3, 3), (1.0, 1.0, 1.0))


def test_the_negative_controls_are_what_they_say():
    kernel = K.Harmonic(3, moments=-1)(R.irrep(SO2, 1), R.irrep(SO2, 2)).double()
    slope = torch.tensor([0.4, -1.3], dtype=torch.float64)
    sloped, v, g = Sloped(kernel, slope), torch.randn(5, 2).double(), SO2.sample(5)
    assert torch.allclose(sloped(v), kernel(v) * (1 + 0.4 * v[:, 0] - 1.3 * v[:, 1])[:, None, None])
    assert float(sloped.residual(v, g).detach()) > 0.1 > 1e-12 > float(kernel.residual(v, g).detach())
    graph = S.Affine(v, SO2).neighbours(10.0, norm="sum")
    x = torch.randn(5, 2).double()
    literal = torch.stack([sum(sloped(v[q] - v[p]) @ x[q] for q in range(5)) for p in range(5)])
    assert torch.allclose(sloped.apply_to(x, graph), literal, atol=1e-12)
    offsets = torch.from_numpy(kernel.spec.offsets(2))
    assert torch.allclose(sloped.stencil().flatten(2), sloped(offsets).permute(1, 2, 0), atol=1e-12)
    ratio = (Unshared(kernel, slope).apply_to(x, graph) / kernel.apply_to(x, graph)).detach()
    assert torch.allclose(ratio[:, 0], ratio[:, 1]) and float(ratio[:, 0].std()) > 0.1


class Spoilt(torch.nn.Module):
    """A network of which the manifold path is not quite the grid path."""

    def __init__(self, net, spoil):
        super().__init__()
        self.net, self.spoil, self.in_rep, self.out_rep = net, spoil, net.in_rep, net.out_rep

    def __iter__(self):
        return iter(self.net)

    def forward(self, x):
        y = self.net(x)
        return Field(self.spoil(y.tensor), y.rep, y.space) if isinstance(y, Field) else y


SPOILS = {
    "a component": lambda y: torch.cat([y[:, :1] * (1 + 1e-8), y[:, 1:]], 1),
    "another pixel": lambda y: y + 1e-8 * y.roll(1, 0),
    "the wrong type": lambda y: y.roll(1, 1),
    "NaN": lambda y: y * torch.where(torch.arange(len(y)) == 3, float("nan"), 1.0)[:, None],
    "zero": lambda y: 0 * y,
}


@pytest.mark.parametrize("case", SPOILS)
def test_lies_get_no_certificate(case):
    net = for_points(harmonic().double())
    spoilt = Spoilt(net, SPOILS[case])
    assert not certify(spoilt, Frames(spoilt, pixels_of(net))).ok


def test_a_network_that_ignores_transport_gets_none_either(monkeypatch):
    flat = Flat(harmonic(), pixels_of(harmonic()))
    assert flat.certificate().ok
    found = S.Batch.neighbours
    monkeypatch.setattr(S.Batch, "neighbours", lambda *args, **options: replace(found(*args, **options), g=None))
    assert flat.certificate().error > 0.1

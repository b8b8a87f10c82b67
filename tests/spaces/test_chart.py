"""Geodesics against embeddings in closed form; charts: frames, edges, gauges, isometries."""

import pytest
import torch

from torsor import Field, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.errors import FieldTypeError, SpaceError
from torsor.spaces.geodesics import christoffel, geodesic, logarithm
from torsor.spaces.metrics import orthonormal_frames

F64 = torch.float64


def sphere(x):
    """(θ, φ) in R³."""
    theta, phi = x.unbind(-1)
    return torch.stack([theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()], -1)


def hyperboloid(x):
    """(t, x) of de Sitter space in R^{1,2}, -X₀² + X₁² + X₂² = 1."""
    t, y = x.unbind(-1)
    return torch.stack([t.sinh() + y**2 * t.exp() / 2, t.cosh() - y**2 * t.exp() / 2, t.exp() * y], -1)


def euclidean(a, b):
    return (a * b).sum(-1)


def minkowski(a, b):
    return (a * b).sum(-1) - 2 * a[..., 0] * b[..., 0]


CASES = [
    (S.SphereMetric(), sphere, euclidean, torch.tensor([[1.0, 0.3], [1.4, 2.0]], dtype=F64)),
    (S.DeSitterMetric(), hyperboloid, minkowski, torch.tensor([[0.1, 0.3], [-0.4, 1.0]], dtype=F64)),
]
VECTORS = torch.tensor([[0.3, 0.2], [-0.1, 0.4]], dtype=F64)


def pushed(embed, x, u):
    """The tangent vectors in the surrounding space."""
    return torch.stack([torch.func.jvp(embed, (a,), (b,))[1] for a, b in zip(x, u, strict=True)])


@pytest.mark.parametrize(("metric", "embed", "product", "x"), CASES)
def test_metric_is_that_of_the_embedding(metric, embed, product, x):
    one = torch.eye(2, dtype=F64)
    axes = [pushed(embed, x, e.expand_as(x)) for e in one]
    gram = torch.stack([torch.stack([product(a, b) for b in axes], -1) for a in axes], -2)
    assert torch.allclose(metric(x), gram, atol=1e-12)


@pytest.mark.parametrize(("metric", "embed", "product", "x"), CASES)
def test_geodesics_are_plane_sections(metric, embed, product, x):
    """exp(U) = c(s) X + s(s) U with cos and sin for space-like U, cosh and sinh for time-like, of a unit quadric."""
    big, y = embed(x), embed(geodesic(metric, x, VECTORS, 64)[0])
    u = pushed(embed, x, VECTORS)
    square = product(u, u)[:, None]
    r = square.abs().sqrt()
    c = torch.where(square > 0, r.cos(), r.cosh())
    s = torch.where(square > 0, r.sin() / r, r.sinh() / r)
    assert torch.allclose(y, c * big + s * u, atol=1e-9)


@pytest.mark.parametrize(("metric", "embed", "product", "x"), CASES)
def test_transport_keeps_the_metric_and_the_velocity(metric, embed, product, x):
    y, w = geodesic(metric, x, VECTORS, 64)
    assert torch.allclose(w.mT @ metric(y) @ w, metric(x), atol=1e-8)
    h = 1e-5
    ahead, behind = (geodesic(metric, x, (1 + e) * VECTORS, 64)[0] for e in (h, -h))
    assert torch.allclose(torch.einsum("nij,nj->ni", w, VECTORS), (ahead - behind) / (2 * h), atol=1e-7)


@pytest.mark.parametrize(("metric", "embed", "product", "x"), CASES)
def test_logarithm_inverts_the_exponential(metric, embed, product, x):
    y, w = geodesic(metric, x, VECTORS)
    u, jacobian, back = logarithm(metric, x, y)
    assert torch.allclose(u, VECTORS, atol=1e-10)
    assert torch.allclose(back @ w, torch.eye(2, dtype=F64).expand(2, 2, 2), atol=1e-9)
    # exp of a unit quadric stretches by s(r)/r across the geodesic, so in volume elements J = |s(r)/r|
    big = pushed(embed, x, VECTORS)
    square = product(big, big)
    r = square.abs().sqrt()
    stretch = torch.where(square > 0, r.sin() / r, r.sinh() / r).abs()
    volume = [torch.linalg.det(metric(z)).abs().sqrt() for z in (x, y)]
    assert torch.allclose(jacobian * volume[0] / volume[1], 1 / stretch, atol=1e-7)


def test_christoffel_symbols_of_the_sphere():
    x = torch.tensor([[0.7, 0.2]], dtype=F64)
    gamma = christoffel(S.SphereMetric(), x)[0]
    assert torch.allclose(gamma[0, 1, 1], -x[0, 0].sin() * x[0, 0].cos())
    assert torch.allclose(gamma[1, 0, 1], x[0, 0].cos() / x[0, 0].sin())


def wavy(x):
    return 0.2 * (2 * torch.pi * x[..., 1] / 3).sin() * x[..., 0].cos()


def lorentzian(group=None, shape=(6, 8)):
    group = G.O(1, 1) if group is None else group
    return S.Chart.grid(S.ConformalMetric(1, 1, wavy), group, (0, 0), (2, 3), shape, periodic=(False, True))


def test_flat_chart_is_the_lattice():
    chart = S.Chart.grid(S.FlatMetric(1, 1), G.SO(1, 1), (0, 0), (5, 6), (5, 6), window=1)
    graph = chart.neighbours(norm="sum")
    assert torch.allclose(graph.v, chart.positions[graph.source] - chart.positions[graph.target])
    assert torch.allclose(graph.weight, torch.ones_like(graph.weight))
    assert graph.g is not None and torch.allclose(graph.g, torch.eye(2, dtype=F64).expand_as(graph.g))
    assert int(graph.degree.max()) == 9 and int(graph.degree.min()) == 4


def test_transporters_lie_in_the_group_and_invert_each_other():
    chart = lorentzian()
    graph = chart.neighbours(norm="sum")
    assert graph.g is not None
    assert bool(chart.group.contains(graph.g).all())
    index = {(int(p), int(q)): e for e, (p, q) in enumerate(zip(graph.target, graph.source, strict=True))}
    back = torch.tensor([index[int(q), int(p)] for p, q in zip(graph.target, graph.source, strict=True)])
    one = torch.eye(2, dtype=F64).expand_as(graph.g)
    assert torch.allclose(graph.g @ graph.g[back], one, atol=1e-7)
    assert torch.allclose(-torch.einsum("eij,ej->ei", graph.g, graph.v[back]), graph.v, atol=1e-6)


def test_curvature_is_seen_by_transport_around_a_loop():
    """On the sphere a vector turns by the enclosed area."""
    corners = torch.tensor([[1.0, 0.0], [1.0, 0.2], [1.3, 0.2], [1.3, 0.0]], dtype=F64)
    loop = torch.eye(2, dtype=F64)
    frames = orthonormal_frames(S.SphereMetric(), corners)
    for a, b in [(0, 1), (1, 2), (2, 3), (3, 0)]:
        w = logarithm(S.SphereMetric(), corners[b : b + 1], corners[a : a + 1], 64)[2][0]
        loop = torch.linalg.inv(frames[b]) @ w @ frames[a] @ loop
    angle = torch.atan2(loop[1, 0], loop[0, 0]).abs()
    points = sphere(corners)

    def interior(i):
        """The angle between great circles at corner i."""
        p, a, b = points[i], points[(i + 1) % 4], points[(i - 1) % 4]
        a, b = a - (a @ p) * p, b - (b @ p) * p
        return torch.acos((a @ b) / (a.norm() * b.norm()))

    excess = torch.stack([interior(i) for i in range(4)]).sum() - 2 * torch.pi  # their area
    assert torch.allclose(angle, excess, atol=1e-8)


@pytest.mark.parametrize("riemannian", [True, False])
def test_gauge_transformations(riemannian):
    torch.manual_seed(0)
    if riemannian:
        chart = S.Chart.grid(S.SphereMetric(), G.SO(2), (0.6, 0), (2.2, 2 * torch.pi), (8, 16), periodic=(False, True))
        rep = R.trivial(G.SO(2)) + R.irrep(G.SO(2), 1)
        net = nn.Sequential(
            nn.Conv(rep, 2 * rep, K.Harmonic(radius=0.5)),
            nn.Norm(2 * rep),
            nn.Conv(2 * rep, rep, K.Harmonic(radius=0.5)),
        )
    else:
        chart = lorentzian()
        rep = R.trivial(G.O(1, 1)) + R.standard(G.O(1, 1))
        gate = nn.Gated(2 * R.trivial(rep.group) + 2 * R.standard(rep.group))
        kernel = K.PseudoRiemannian(size=5, spacing=0.35)
        net = nn.Sequential(nn.Conv(rep, gate.in_rep, kernel), gate, nn.Conv(gate.out_rep, rep, kernel))
    net = net.double()
    f = Field(torch.randn(len(chart), rep.dim, dtype=F64), rep, chart)
    g = rep.group.sample(len(chart), torch.Generator().manual_seed(1), scale=None if riemannian else 0.5)
    out, other = net(f).gauged(g), net(f.gauged(g))
    scale = out.tensor.abs().max()
    assert scale > 1e-4
    assert (other.tensor - out.tensor).abs().max() < 1e-11 * scale
    assert (net(f.gauged(g)).tensor - net(f).tensor).abs().max() > 1e-2 * scale


def test_a_radius_beyond_the_window_is_refused():
    """Of the hyperbolic half plane the windows hold the ball at the top, where cells are smallest."""
    half_plane = S.ConformalMetric(0, 2, lambda x: -x[..., 0].log())
    chart = S.Chart.grid(half_plane, G.SO(2), lower=(1.0, 0), upper=(2.0, 2.0), shape=(5, 10), window=2)
    assert chart.covered == pytest.approx(0.5 / 1.9)
    assert len(chart.neighbours(0.26)) > len(chart)
    with pytest.raises(SpaceError, match=r"at most 0\.2632.*larger window"):
        chart.neighbours(0.3)


def test_isometries_of_de_sitter_space():
    """Translations of x by whole cells are isometries that keep the frames."""
    torch.manual_seed(0)
    chart = S.Chart.grid(S.DeSitterMetric(), G.O(1, 1), (-0.5, 0), (0.5, 1.6), (5, 8), periodic=(False, True))
    rep = R.trivial(G.O(1, 1)) + R.standard(G.O(1, 1))
    conv = nn.Conv(rep, rep, K.PseudoRiemannian(size=5, spacing=0.2)).double()
    x = torch.randn(5, 8, rep.dim, dtype=F64)
    moved = conv(Field(x.roll(3, 1).flatten(0, 1), rep, chart)).tensor.view(5, 8, -1)
    assert torch.allclose(moved, conv(Field(x.flatten(0, 1), rep, chart)).tensor.view(5, 8, -1).roll(3, 1), atol=1e-9)


def test_errors():
    with pytest.raises(SpaceError, match="does not keep"):
        S.Chart.grid(S.FlatMetric(1, 1), G.SO(2), (0, 0), (1, 1), (4, 4))
    with pytest.raises(SpaceError, match="signature"):
        orthonormal_frames(S.ConformalMetric(0, 2, wavy), torch.full((1, 2), torch.nan, dtype=F64))
    with pytest.raises(SpaceError, match="half a period"):
        S.Chart.grid(S.FlatMetric(0, 2), G.O(2), (0, 0), (1, 1), (4, 4), periodic=(True, True))
    chart = lorentzian()
    with pytest.raises(SpaceError, match="one a point"):
        chart.regauge(2 * torch.eye(2, dtype=F64).expand(len(chart), 2, 2))
    with pytest.raises(SpaceError, match="window"):
        chart.neighbours(k=3)
    with pytest.raises(FieldTypeError, match="frame"):
        Field(torch.zeros(1, 1, 4, 4), R.trivial(G.SO(2))).gauged(torch.eye(2)[None])


def test_means_and_clusters_on_a_chart_are_those_of_its_metric():
    chart = S.Chart.grid(S.SphereMetric(), G.SO(2), (0, 0), (torch.pi, 2 * torch.pi), (40, 8), periodic=(False, True))
    scalar = R.trivial(G.SO(2))
    field = Field(chart.positions[:, :1].cos().square(), scalar, chart)
    assert float(nn.GlobalPool(scalar)(field).tensor) == pytest.approx(1 / 3, abs=1e-3)
    ones = Field(torch.ones(len(chart), 1, dtype=F64), scalar, chart)
    assert float(nn.GlobalPool(scalar, "sum")(ones).tensor) == pytest.approx(4 * torch.pi, rel=1e-3)
    parts = [chart.subset(torch.arange(160)), chart.subset(torch.arange(160, 320))]
    assert float(sum(part.volumes.sum() for part in parts)) == pytest.approx(float(chart.volumes.sum()))
    half = S.Chart.grid(S.SphereMetric(), G.SO(2), (1.0, 0), (2.0, 1.0), (6, 6), window=6)
    coarse, graph = half.coarsened(5)
    assert float(coarse.volumes.sum()) == pytest.approx(float(half.volumes.sum()))
    x = torch.stack(
        [
            half.positions[:, 0].sin() * half.positions[:, 1].cos(),
            half.positions[:, 0].sin() * half.positions[:, 1].sin(),
            half.positions[:, 0].cos(),
        ],
        1,
    )
    angle = (x @ x.T).clamp(-1, 1).acos()[coarse.members]
    assert torch.allclose(angle[graph.target, graph.source], angle.min(0).values[graph.source], atol=1e-6)


def test_a_window_beyond_half_a_period_is_refused():
    x = torch.rand(9, 2, dtype=F64)
    with pytest.raises(SpaceError, match="half a period"):
        S.Chart(x, torch.eye(2).expand(9, 2, 2), torch.ones(9), S.FlatMetric(0, 2), G.SO(2), (0.8, 0.3), (1.0, 0.0))

"""Normalisation on clouds, manifolds and atlases: what belongs together, what it weighs, what does not count."""

import pytest
import torch

from torsor import Field, check, nn
from torsor import groups as G
from torsor import reps as R
from torsor import spaces as S
from torsor.errors import FieldTypeError

SO3, SO2, C6 = G.SO(3), G.SO(2), G.Cyclic(6)
F64 = torch.float64


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_instance_norm_of_points_is_that_of_every_cloud_alone():
    rep = 2 * R.trivial(SO3) + 3 * R.irrep(SO3, 1)
    norm = nn.InstanceNorm(rep, affine=True, dtype=F64)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 1.5, generator=seeded())
        norm.bias.normal_(generator=seeded(1))
    clouds = [S.Points(torch.randn(n, 3, generator=seeded(n))) for n in (5, 9, 2)]
    x = [1 + torch.randn(len(c), rep.dim, dtype=F64, generator=seeded(len(c))) for c in clouds]
    together = norm(Field(torch.cat(x), rep, S.Points.batched(clouds))).tensor
    alone = [norm(part.T[None])[0].T for part in x]  # (1, channels, n): the points as a line of pixels
    assert torch.allclose(together, torch.cat(alone), atol=1e-12)
    batch = torch.repeat_interleave(torch.arange(3), torch.tensor([5, 9, 2]))
    assert torch.equal(norm(torch.cat(x), batch), together)
    assert torch.allclose(norm(torch.cat(x), batch, 4), together)


def test_instance_norm_on_a_surface_weighs_areas_and_knows_no_frames():
    rep = R.trivial(SO2) + R.irrep(SO2, 1)
    mesh = S.Mesh.torus(10, 6, SO2)
    field = Field(torch.randn(len(mesh), rep.dim, dtype=F64, generator=seeded()), rep, mesh)
    y = nn.InstanceNorm(rep, eps=0.0, dtype=F64)(field).tensor
    assert abs(float((mesh.cells * y[:, 0]).sum())) < 1e-12
    for part in (y[:, 0], y[:, 1:] / 2**0.5):
        square = (mesh.cells * part.reshape(len(mesh), -1).square().sum(1)).sum() / mesh.cells.sum()
        assert float(square) == pytest.approx(1, abs=1e-12)
    assert check.gauge(nn.InstanceNorm(rep, affine=True), field).passed()


def test_points_without_their_batch_are_refused():
    norm = nn.InstanceNorm(R.trivial(SO3))
    with pytest.raises(FieldTypeError, match="batch elements"):
        norm(torch.randn(5, 1))
    with pytest.raises(FieldTypeError, match="batch elements"):
        norm(torch.randn(5, 1), torch.zeros(4, dtype=torch.int64))


@pytest.mark.parametrize("layer", [nn.BatchNorm, nn.InstanceNorm, nn.LayerNorm])
def test_masked_pixels_count_for_nothing(layer):
    """On the icosahedron: as if the pixels that are corners were not there, whatever they hold."""
    rep = R.trivial(C6) + R.regular(C6)
    ball = S.Icosahedron(1, C6)
    mask = ball.mask
    norm = layer(rep, affine=True, dtype=F64)
    with torch.no_grad():
        norm.bias.fill_(0.7)
    x = 2 + torch.randn(3, rep.dim, *ball.shape, dtype=F64, generator=seeded())
    y = norm(Field(x, rep, ball)).tensor
    other = layer(rep, affine=True, dtype=F64)
    norm.requires_grad_(False)
    other.load_state_dict({**norm.state_dict(), **{k: v for k, v in other.state_dict().items() if "running" in k}})
    assert torch.allclose(y[..., mask], other(x[..., mask]), atol=1e-12)
    assert not y[..., ~mask].any()
    if layer is nn.BatchNorm:
        assert torch.allclose(norm.running_mean, other.running_mean) and norm.running_mean[0] > 0.15
    errors = [
        float(
            (norm(Field(x, rep, ball).transform(m)).tensor - norm(Field(x, rep, ball)).transform(m).tensor).abs().max()
        )
        for m in ball.symmetries()[:7]
    ]
    assert max(errors) < 1e-12


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 3e-3), (torch.bfloat16, 2e-2), (torch.float32, 1e-5)])
def test_sums_over_many_points_keep_their_digits(dtype, tolerance):
    rep = R.trivial(SO3)
    x = (3 + torch.randn(200_000, 1, generator=seeded())).to(dtype)
    y = nn.InstanceNorm(rep, dtype=dtype)(x, torch.zeros(len(x), dtype=torch.int64))
    assert y.dtype == dtype
    assert abs(float(y.double().mean())) < tolerance and abs(float(y.double().square().mean()) - 1) < 3 * tolerance

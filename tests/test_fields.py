"""Fields: types travel with tensors, elements act, pytrees see the tensor only."""

import pytest
import torch
from torch.utils import _pytree

from tests.fibre.action import C4, CASES, CUBE, D4, IDS, LINE, SO2, SUBGROUPS, act, lattice, types
from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor import spaces as S
from torsor.errors import FieldTypeError
from torsor.fields import Field
from torsor.spaces import Grid


@pytest.mark.parametrize(("group", "name"), CASES, ids=IDS)
def test_elements_act_on_values_and_places(group, name):
    rep = types(group)[name]
    field = Field(torch.randn(2, rep.dim, *[4] * group.dim, dtype=torch.float64), rep)
    for g in lattice(group):
        moved = field.transform(g)
        assert moved.rep == rep and moved.space == field.space
        assert (moved.tensor - act(field.tensor, rep, g)).abs().max() < 1e-12


def test_an_action_composes():
    rep = R.standard(CUBE) + R.trivial(CUBE)
    field = Field(torch.randn(1, 4, 3, 3, 3, dtype=torch.float64), rep)
    g, h = lattice(CUBE)[5], lattice(CUBE)[17]
    assert (field.transform(h).transform(g).tensor - field.transform(g @ h).tensor).abs().max() < 1e-12


def test_a_vector_field_by_hand():
    """The field of constant vectors along axis 0, turned by +90°, points along axis 1."""
    x = torch.zeros(1, 2, 3, 3)
    x[:, 0] = 1.0
    turned = Field(x, R.standard(C4)).transform(C4.elements()[1])
    assert (turned.tensor[:, 1] - 1).abs().max() < 1e-6 and turned.tensor[:, 0].abs().max() < 1e-6
    assert turned.tensor.dtype == torch.float32


def test_layers_take_and_return_fields():
    rep = R.regular(C4)
    net = nn.Sequential(nn.Conv(R.trivial(C4), rep, K.Stencil(3), stride=2), nn.ReLU(rep), nn.MaxPool(rep, 3, 2))
    field = Field(torch.randn(2, 1, 13, 13), R.trivial(C4), Grid(2, 0.5))
    y = net[0](field)
    assert y.rep == rep and y.space == Grid(2, (1.0, 1.0)) and torch.equal(y.tensor, net[0](field.tensor))
    for layer in (nn.ReLU(rep), nn.BatchNorm(rep), nn.GroupPool(rep), nn.Restrict(rep, SUBGROUPS[C4])):
        assert layer(y).rep == layer.out_rep and layer(y).space == y.space
    found = net(field)
    assert found.rep == rep and torch.equal(found.tensor, net(field.tensor)) and found.space == Grid(2, (2.0, 2.0))


def test_wrong_types():
    conv = nn.Conv(R.trivial(D4), R.regular(D4), K.Stencil(3))
    with pytest.raises(FieldTypeError, match=r"Conv expects fields of type trivial of D4, got sign of D4"):
        conv(Field(torch.zeros(1, 1, 5, 5), R.sign(D4)))
    with pytest.raises(FieldTypeError, match=r"regular of D4 has 8 channels in axis 1, got shape \(1, 7, 5, 5\)"):
        Field(torch.zeros(1, 7, 5, 5), R.regular(D4))
    with pytest.raises(FieldTypeError, match="got shape"):
        Field(torch.zeros(8), R.regular(D4))


def test_pytrees_see_the_tensor():
    field = Field(torch.randn(2, 2, 3, 3), R.standard(SO2), Grid(2, 0.5))
    leaves, spec = _pytree.tree_flatten(field)
    assert len(leaves) == 1 and leaves[0] is field.tensor
    again = _pytree.tree_unflatten(leaves, spec)
    assert again.rep == field.rep and again.space == field.space and again.tensor is field.tensor
    double = _pytree.tree_map(lambda t: 2 * t, {"a": field})["a"]
    assert isinstance(double, Field) and torch.equal(double.tensor, 2 * field.tensor)
    assert _pytree.tree_flatten(double)[1] == spec != _pytree.tree_flatten(Field(field.tensor, R.irrep(SO2, 2)))[1]
    shapes = _pytree.tree_map(lambda t: t.shape, field)  # leaves may be anything
    assert shapes.tensor == (2, 2, 3, 3)
    assert _pytree.treespec_loads(_pytree.treespec_dumps(spec)) == spec
    ((path, _),), _ = _pytree.tree_flatten_with_path(field)
    assert _pytree.keystr(path) == ".tensor"


def test_gradients_flow():
    x = torch.randn(1, 2, 4, 4, requires_grad=True)
    Field(x, R.standard(SO2)).transform(SO2.exp(0.3 * SO2.algebra[0])).tensor.square().sum().backward()
    assert x.grad.abs().max() > 0


def test_default_space():
    assert Field(torch.zeros(1, 1, 4, 4), R.trivial(C4)).space == Grid(2)
    assert Field(torch.zeros(1, 1, 4), R.trivial(LINE)).space == Grid(1)


def test_sums_and_concatenations_on_points():
    group = G.SO(3)
    vector, scalar = R.standard(group), R.trivial(group)
    points = S.Points(torch.rand(5, 3))
    a, b = (Field(torch.randn(5, 3), rep, points) for rep in (vector, R.irrep(group, 1)))
    total = a + b
    assert total.space is points and torch.equal(total.tensor, a.tensor + b.tensor)
    c = Field(torch.randn(5, 1), scalar, points)
    both = nn.Concatenate(vector, scalar)(a, c)
    assert both.rep == vector + scalar and torch.equal(both.tensor, torch.cat([a.tensor, c.tensor], 1))
    assert torch.equal(nn.Concatenate(vector, scalar)([a, c]).tensor, both.tensor)
    with pytest.raises(FieldTypeError, match="one type to add"):
        _ = a + c
    with pytest.raises(FieldTypeError, match="one space"):
        _ = a + Field(b.tensor, vector, S.Points(torch.rand(5, 3)))


def test_networks_on_points_freeze_to_themselves():
    group = G.SO(3)
    rep = R.trivial(group) + R.standard(group)
    conv = nn.Conv(rep, rep, K.Harmonic(radius=0.8))
    net = nn.Sequential(conv, nn.BatchNorm(rep), nn.Norm(rep), nn.Linear(rep, rep))
    field = Field(torch.randn(20, rep.dim), rep, S.Points(torch.rand(20, 3)))
    net(field)
    frozen = net.freeze()
    assert torch.allclose(frozen(field).tensor, net.eval()(field).tensor, atol=1e-6) and not frozen.training


def test_summands_and_back():
    mesh, scalar, vector = S.Mesh.torus(6, 5, SO2), R.trivial(SO2), R.irrep(SO2, 1)
    field = Field(torch.randn(30, 5), 3 * scalar + vector, mesh)
    first, second = field.split(3 * scalar, vector)
    assert first.rep == 3 * scalar and second.rep == vector and first.space is second.space is mesh
    assert torch.equal(torch.cat([first.tensor, second.tensor], 1), field.tensor)
    for wrong in ((), (vector, 3 * scalar), (3 * scalar,), ("vector",)):
        with pytest.raises(FieldTypeError, match="expected"):
            field.split(*wrong)
    assert "shape" not in repr(_pytree.tree_map(lambda x: None, Field(torch.zeros(1, 1, 2, 2), scalar)))
    assert repr(second) == "Field(float32 (30, 2), irrep(1) of SO(2), Mesh(30 vertices, 60 faces, SO(2)))"


def test_batches_and_back():
    scalar = R.trivial(SO2)
    meshes = [Field(torch.randn(len(m), 1), scalar, m) for m in (S.Mesh.torus(6, 5, SO2), S.Mesh.icosphere(0, SO2))]
    clouds = [Field(torch.randn(n, 1), scalar, S.Points(torch.rand(n, 2))) for n in (4, 7)]
    images = [Field(torch.randn(1, 1, 5, 5), scalar) for _ in range(3)]
    globes = [Field(torch.randn(1, 1, 4, 8), scalar, S.LatLon(4, 8)) for _ in range(2)]
    conv = nn.Conv(scalar, scalar, K.Harmonic(radius=0.7))
    for fields in (meshes, clouds, images, globes):
        together = Field.batched(fields)
        for field, part in zip(fields, together.unbatched(), strict=True):
            assert torch.equal(part.tensor, field.tensor) and part.rep == scalar
        if fields in (meshes, clouds):
            apart = torch.cat([conv(field).tensor for field in fields])
            assert torch.allclose(conv(together).tensor, apart, atol=1e-6)
    assert meshes[0].unbatched()[0].space is meshes[0].space
    two = Field(torch.zeros(1, 2, 5, 5), 2 * scalar)
    larger = Field(torch.zeros(1, 1, 6, 6), scalar)
    for wrong in ([], [torch.zeros(1, 1)], [images[0], globes[0]], [images[0], two], [images[0], larger]):
        with pytest.raises(FieldTypeError, match="expected"):
            Field.batched(wrong)

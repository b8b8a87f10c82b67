"""GL, GL⁺, SL, Sp, U, SU: laws, dimensions, invariants, duals, names; closures and joins."""

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import reps as R
from torsor.errors import GroupError, RepresentationError
from torsor.testing import check_group, check_representation

GROUPS = [G.GL(1), G.GL(2), G.GLPlus(3), G.SL(2), G.SL(3), G.Sp(2), G.Sp(4), G.U(1), G.U(2), G.SU(2), G.SU(3)]


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_laws(group):
    check_group(group)


@pytest.mark.parametrize("group", [G.GL(2), G.SL(3), G.Sp(4), G.SU(2)], ids=str)
def test_representations(group):
    for rep in (R.standard(group), R.standard(group).dual(), R.tensor(group, 1, 1)):
        check_representation(rep)


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), "1", None])
def test_densities_have_finite_weights(weight):
    with pytest.raises(RepresentationError, match="finite number"):
        R.density(G.GL(2), weight)


@pytest.mark.parametrize(
    "build", [lambda: G.O(1.5, 2), lambda: G.SO0(1, 2.0), lambda: G.Cyclic(4.0), lambda: G.Dihedral(2.5)]
)  # type: ignore
def test_numbers_of_axes_and_turns_are_integers(build):
    with pytest.raises(GroupError, match="expected"):
        build()


def test_densities():
    check_representation(R.density(G.GL(2), 0.5))


@pytest.mark.parametrize("n", [2, 3, 4])
def test_dimensions_of_the_lie_algebras(n):
    sizes = {G.GL(n): n**2, G.SL(n): n**2 - 1, G.Sp(2 * n): n * (2 * n + 1), G.U(n): n**2, G.SU(n): n**2 - 1}
    for group, size in sizes.items():
        assert len(group.algebra) == size


def test_what_the_elements_keep():
    g = G.Sp(6).sample(8, torch.Generator().manual_seed(0), scale=0.5)
    form = torch.from_numpy(G.Sp(6).form)
    assert torch.allclose(g.mT @ form @ g, form.expand_as(g), atol=1e-10)
    assert torch.allclose(G.Sp(6).inverse(g) @ g, torch.eye(6, dtype=g.dtype).expand_as(g), atol=1e-10)
    z = G.complexify(G.SU(3).sample(8, torch.Generator().manual_seed(0)))
    assert torch.allclose(z.mH @ z, torch.eye(3, dtype=z.dtype).expand_as(z), atol=1e-10)
    assert torch.allclose(torch.linalg.det(z), torch.ones(8, dtype=z.dtype), atol=1e-10)
    assert torch.allclose(G.realify(z[0] @ z[1]), G.realify(z[0]) @ G.realify(z[1]))


def invariants(rep):
    return len(R.hom(R.trivial(rep.group), rep))


def test_a_vector_and_its_dual_differ_unless_a_form_is_kept():
    """The form is J of Sp, ε of SL(2), η of O(1, 3); GL, and SL from d = 3 on, keep none."""
    for group, number in [(G.Sp(4), 1), (G.SL(2), 1), (G.O(1, 3), 1), (G.SL(3), 0), (G.GL(2), 0), (G.GLPlus(2), 0)]:
        rho = R.standard(group)
        assert len(R.hom(rho, rho.dual())) == number
        assert len(R.hom(rho, rho)) == 1


def test_volume_forms():
    assert [invariants(R.tensor(G.SL(3), k)) for k in (1, 2, 3)] == [0, 0, 1]
    assert invariants(R.exterior(G.GLPlus(2), 2)) == 0
    assert invariants(R.exterior(G.GLPlus(2), 2) * R.density(G.GLPlus(2), -1.0)) == 1
    assert invariants(R.exterior(G.GL(2), 2) * R.density(G.GL(2), -1.0)) == 0  # the sign of det is left
    assert invariants(R.exterior(G.GL(2), 2) * R.density(G.GL(2), -1.0) * R.sign(G.GL(2))) == 1


def test_invariant_forms():
    """Λ^k: ω^{k/2} of Sp; of SU(n) also the real and imaginary parts of the complex volume form, where k = n."""
    assert [invariants(R.exterior(G.Sp(4), k)) for k in range(5)] == [1, 0, 1, 0, 1]
    assert [invariants(R.exterior(G.U(2), k)) for k in range(5)] == [1, 0, 1, 0, 1]
    assert [invariants(R.exterior(G.SU(2), k)) for k in range(5)] == [1, 0, 3, 0, 1]
    assert [invariants(R.exterior(G.SU(3), k)) for k in range(7)] == [1, 0, 1, 2, 1, 0, 1]
    assert invariants(R.symmetric(G.Sp(4), 2)) == 0 and invariants(R.symmetric(G.U(2), 2)) == 1


def test_tensor_invariants():
    """GL: the k! pairings of k upper with k lower indices; Sp(2n): the (k - 1)!! pairings of k ≤ 2n indices."""
    assert [invariants(R.tensor(G.GL(3), k, k)) for k in (1, 2)] == [1, 2]
    assert [invariants(R.tensor(G.Sp(4), k)) for k in (1, 2, 3, 4)] == [0, 1, 0, 3]
    assert invariants(R.tensor(G.GL(3), 3)) == 0


@pytest.mark.parametrize("group", [*GROUPS, G.Symmetric(4), G.O(1, 3)], ids=str)
def test_not_a_number_is_no_element(group):
    for value in (np.nan, np.inf):
        g = np.eye(group.dim)
        g[0, 0] = value
        assert not group.contains(g)


@pytest.mark.parametrize("group", [G.U(1), G.U(2), G.SU(2), G.SU(3), G.SO(3), G.O(3), G.SO(5)], ids=str)
def test_uniform_elements_have_the_moments_of_the_haar_measure(group):
    """The means of |tr g|² and |tr g|⁴ are the numbers of invariants: 1 and 1, 2 (unitary), 3 (orthogonal)."""
    g = group.sample(20000, torch.Generator().manual_seed(0))
    unitary = isinstance(group, G.U)
    trace = torch.einsum("nii->n", G.complexify(g) if unitary else g).abs()
    fourth = 1 if group == G.U(1) else 2 if unitary else 3
    for power, mean in ((2, 1), (4, fourth)):
        moment = trace.pow(power)
        assert abs(moment.mean() - mean) < 4 * moment.std() / len(g) ** 0.5 + 1e-6


def test_endomorphisms_of_complex_vectors_are_complex_numbers():
    assert len(R.hom(R.standard(G.U(2)), R.standard(G.U(2)))) == 2
    assert len(R.hom(R.standard(G.SU(3)), R.standard(G.SU(3)))) == 2
    assert len(R.hom(R.standard(G.SU(2)), R.standard(G.SU(2)))) == 4  # quaternions


def test_inclusions():
    assert G.SL(3) <= G.GLPlus(3) <= G.GL(3)
    assert G.SU(2) <= G.U(2) <= G.SO(4)
    assert G.U(2) <= G.Sp(4)
    assert not G.GL(2) <= G.GLPlus(2)


def test_names():
    names = {
        "SL(3)": G.SL(3),
        "gl+(2)": G.GLPlus(2),
        "Sp(4)": G.Sp(4),
        "SU(2)": G.SU(2),
        "S_4": G.Symmetric(4),
        "O(1,3)": G.O(1, 3),
        "SO0(1,3)": G.SO0(1, 3),
        "orthochronous(1, 3)": G.Orthochronous(1, 3),
        "C8": G.Cyclic(8),
        "O(3)": G.O(3),
    }
    for name, group in names.items():
        assert G.from_name(name) == group
    for group in [*GROUPS, G.Symmetric(5), G.Alternating(5), G.SO(1, 2)]:
        assert G.from_name(str(group)) == group
    with pytest.raises(GroupError, match="Sp"):
        G.from_name("Q(3)")


def test_errors_say_what_to_do():
    for build in (lambda: G.Sp(3), lambda: G.SL(0), lambda: G.U(0), lambda: G.SU(1), lambda: G.GL(-1)):
        with pytest.raises(GroupError, match="expected"):
            build()
    e = np.eye(4).reshape(2, 2, 2, 2)
    with pytest.raises(GroupError, match="closure"):
        G.MatrixGroup([e[0, 1], e[1, 0]])
    with pytest.raises(GroupError, match="overlap"):
        G.Join(G.SO(2), G.SO(2))


def test_closure_adds_what_is_missing():
    e = np.eye(4).reshape(2, 2, 2, 2)
    group = G.MatrixGroup.closure([e[0, 1], e[1, 0]])
    assert len(group.algebra) == 3 and group <= G.SL(2) and G.SL(2) <= group
    turned = G.MatrixGroup.closure([np.diag([1.0, 0.0])], [np.array([[0.0, 1.0], [1.0, 0.0]])])
    assert len(turned.algebra) == 2

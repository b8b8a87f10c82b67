"""The conformance suite must fail: groups, representations and kernels that each break one law."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import testing
from torsor.errors import TorsorError
from torsor.linalg import is_torch
from torsor.reps.basic import Standard
from torsor.testing import ConformanceError, representations


def test_the_error_is_an_assertion_error():
    assert issubclass(ConformanceError, AssertionError) and issubclass(ConformanceError, TorsorError)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e-3])
def test_close_fails_on_nan_infinity_and_errors(bad):
    x = np.zeros(3)
    testing.require_close(x, torch.zeros(3), 1e-9, "equal")
    x[1] = bad
    for a, b in ((x, np.zeros(3)), (np.zeros(3), x)):
        with pytest.raises(ConformanceError, match="zeros: expected an error of at most 1.0e-09"):
            testing.require_close(a, b, 1e-9, "zeros")
    with pytest.raises(ConformanceError, match=r"expected shape \(2,\), got \(3,\)"):
        testing.require_close(np.zeros(3), np.zeros(2), 1.0, "shapes")


# --------------------------------------------------------------------------------------------- groups


@dataclass(frozen=True, eq=False, repr=False)
class Lie(G.SO):
    """A copy of SO(2) to break."""


class HasMore(Lie):
    def _contains(self, g, tolerance):
        return np.ones(g.shape[:-2], dtype=bool)


class HasLess(Lie):
    def _contains(self, g, tolerance):
        return super()._contains(g, tolerance) & (g[..., 0, 0] > 0)


class NoReal(Lie):
    def sample(self, n, generator=None, scale=None):
        return super().sample(n, None, scale)


class WrongInverse(Lie):
    def inverse(self, g):
        return g


class WrongAlgebra(Lie):
    def _algebra(self):
        return np.array([[[0.0, -1], [2, 0]]])


class Dependent(Lie):
    def _algebra(self):
        return np.concatenate([super()._algebra()] * 2)


class SaysCompact(G.MatrixGroup):
    is_compact = True


class SingleFloats(Lie):
    @property
    def algebra(self):
        return super().algebra.float()


@dataclass(frozen=True, eq=False, repr=False)
class Forgets(Lie):
    def to_dict(self):
        return {"type": "SO", "p": self.p, "q": self.q}


class Twice(G.Cyclic):
    @property
    def element_array(self):
        return np.concatenate([super().element_array] * 2)


GROUPS = {
    "contains": HasMore(2),
    "does not contain its own": HasLess(2),
    "ignores its generator": NoReal(2),
    "g g⁻¹ = 1|does not contain its own inverses": WrongInverse(2),
    "exp\\(a\\) of a Lie algebra basis leaves": WrongAlgebra(2),
    "linearly dependent": Dependent(2),
    "called compact, and grows": SaysCompact([np.diag([1.0, -1])]),
    "expected float64": SingleFloats(2),
    "became a SO": Forgets(2),
    "not distinct": Twice(3),
}


@pytest.mark.parametrize("message", GROUPS)
def test_groups_that_lie(message):
    with pytest.raises(ConformanceError, match=message):
        testing.check_group(GROUPS[message])


# ------------------------------------------------------------------------------------ representations


class Transposed(Standard):
    def _rho(self, g):
        return g.swapaxes(-1, -2)


class WrongDerivative(Standard):
    def _derivative(self, a):
        return 2 * a


class Detached(Standard):
    def _rho(self, g):
        return g.detach() if is_torch(g) else g


class NumpyDiffers(Standard):
    def _rho(self, g):
        return g if is_torch(g) else g @ G.SO(2).exp(1e-6 * G.SO(2).algebra[0]).numpy()


class DoublesOnly(Standard):
    def _rho(self, g):
        return g.double() if is_torch(g) else g


class SaysNot(Standard):
    is_orthogonal = False


class SaysPermutation(Standard):
    is_permutation = True


class SaysTrivial(Standard):
    is_trivial = True


class Drifts(Standard):
    """A homomorphism near the identity only."""

    def _rho(self, g):
        return g * (1 + 1e-4 * (g[..., :1, :1] < 0))


class NotANumber(Standard):
    def _rho(self, g):
        return g * np.nan


class WrongSize(Standard):
    dim = 3


REPRESENTATIONS = {
    "ρ\\(gh\\) = ρ\\(g\\)ρ\\(h\\)": Transposed(G.O(2)),
    "dρ\\(a\\) is the derivative": WrongDerivative(G.SO(2)),
    "the gradient flows": Detached(G.SO(2)),
    "NumPy and torch agree": NumpyDiffers(G.SO(2)),
    "dtype torch.float64 for float32": DoublesOnly(G.SO(2)),
    "is_orthogonal of": SaysNot(G.Cyclic(3)),
    "is_permutation of": SaysPermutation(G.Dihedral(3)),
    "is_trivial of": SaysTrivial(G.Cyclic(3)),
    "ρ\\(g": Drifts(G.Dihedral(5)),
    "ρ\\(e\\) = 1 .*got nan": NotANumber(G.SO(2)),
    "has shape": WrongSize(G.SO(2)),
}


@pytest.mark.parametrize("message", REPRESENTATIONS)
def test_representations_that_lie(message):
    with pytest.raises(ConformanceError, match=message):
        testing.check_representation(REPRESENTATIONS[message])


def test_decompositions_that_lie(monkeypatch):
    rep = R.regular(G.Cyclic(4))
    true = R.decompose(rep)
    false = R.Decomposition(true.blocks, true.basis[:, ::-1], true.inverse[::-1])
    monkeypatch.setattr(representations, "decompose", lambda rho: false)
    with pytest.raises(ConformanceError, match="Q \\(⊕ irreps\\) Q⁻¹ = ρ"):
        testing.check_representation(rep)
    whole = R.Decomposition(((1, rep),), np.eye(4), np.eye(4))  # its dim End is 4, as of a quaternionic irrep
    monkeypatch.setattr(representations, "decompose", lambda rho: whole)
    with pytest.raises(ConformanceError, match="is reducible"):
        testing.check_representation(rep)
    again = R.trivial(G.O(2))
    twice = R.Decomposition(((1, again), (1, R.exterior(G.O(2), 0))), np.eye(2), np.eye(2))
    monkeypatch.setattr(representations, "decompose", lambda rho: twice)
    with pytest.raises(ConformanceError, match="are equivalent"):
        testing.check_representation(2 * again)


# -------------------------------------------------------------------------------------------- kernels


class Tilted(K.ExpandedKernel):
    def forward(self, v):
        return super().forward(v) + 1e-6 * v[..., :1, None]


class Shifted(K.ExpandedKernel):
    def stencil(self):
        return super().stencil().roll(1, -1)


class Infinite(K.ExpandedKernel):
    def forward(self, v):
        return super().forward(v) / 0


class Copies(K.ExpandedKernel):
    def blocks(self):
        return {name: view.clone() for name, view in super().blocks().items()}


class Loses(K.ExpandedKernel):
    def blocks(self):
        return dict(list(super().blocks().items())[1:])


class Remembers(K.ExpandedKernel):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("extra", torch.zeros(1))


KERNELS = {
    "K\\(gv\\) = ": Tilted,
    "is K at its offsets": Shifted,
    "is not finite": Infinite,
    "are copies, not views": Copies,
    "do not cover its weight": Loses,
    "state_dict": Remembers,
}


@pytest.mark.parametrize("message", KERNELS)
def test_kernels_that_lie(message):
    group = G.Dihedral(4)
    spec = K.Harmonic(3, moments=-1)
    liar = KERNELS[message](spec, R.regular(group), R.standard(group) + R.trivial(group))
    with pytest.raises(ConformanceError, match=message):
        testing.check_kernel(liar)
    testing.check_kernel(spec(R.regular(group), R.standard(group) + R.trivial(group)))

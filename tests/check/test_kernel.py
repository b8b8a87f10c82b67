"""check.kernel: small for steerable kernels, large for spoilt ones."""

import pytest
import torch

from tests.fibre.action import C4, D8, O2, SO3
from torsor import check
from torsor import kernels as K
from torsor import reps as R


@pytest.mark.parametrize(
    ("spec", "rho_in", "rho_out"),
    [
        (K.Harmonic(5), R.regular(D8), R.standard(D8) + R.trivial(D8)),
        (K.Harmonic(3), R.trivial(O2) + R.standard(O2), R.regular(O2, band=2)),
        (K.Stencil(3), R.regular(C4), R.irrep(C4, 1)),
        (K.Harmonic(3), R.standard(SO3), R.standard(SO3) + R.trivial(SO3)),
    ],
    ids=["D8", "O(2)", "stencil", "SO(3)"],
)
def test_steerable_and_spoilt(spec, rho_in, rho_out):
    kernel = spec(rho_in, rho_out)
    assert check.kernel(kernel) < 1e-12
    assert kernel.weight.dtype == torch.float32  # a copy was checked

    class Spoilt(type(kernel)):
        def forward(self, v):
            return super().forward(v) + 1e-6 * v[..., :1, None]

    kernel.__class__ = Spoilt
    assert check.kernel(kernel) > 1e-8

"""Does a kernel satisfy the steerability constraint?"""

from __future__ import annotations

from copy import deepcopy

import torch

from torsor.errors import FieldTypeError
from torsor.kernels import SteerableKernel


def kernel(module: SteerableKernel, samples: int = 32, seed: int = 0) -> float:
    """The largest error of K(gv) = |det g|⁻¹ ρ_out(g) K(v) ρ_in(g)⁻¹ relative to K, in float64.

    Measured at random points (offsets of the lattice, where the kernel is defined on these only) and random elements.
    """
    if not isinstance(module, SteerableKernel):
        raise FieldTypeError(f"expected a kernel, such as conv.kernel, got {type(module).__name__}")
    module = deepcopy(module).to("cpu").double()
    group, generator = module.in_rep.group, torch.Generator().manual_seed(seed)
    if module.spec.is_bound_to_lattice:
        offsets = torch.tensor(module.spec.offsets(group.dim))
        v = offsets[torch.randint(len(offsets), (samples,), generator=generator)]
    else:
        reach = module.spec.reach(group)
        v = reach * (2 * torch.rand(samples, group.dim, dtype=torch.float64, generator=generator) - 1)
    with torch.no_grad():
        return float(module.residual(v, group.sample(samples, generator)))

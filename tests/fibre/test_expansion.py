"""Weights to matrices: both expansions, float64 masters, devices, copies, and independence of torch's global state."""

import contextlib
import copy
import io
import pickle
import sys
import warnings

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor.errors import BottleneckWarning
from torsor.fibre import expansion

C4, D4, SO2 = G.Cyclic(4), G.Dihedral(4), G.SO(2)
HEXAGONAL = ((1.0, 0.5), (0.0, 3**0.5 / 2))

CASES = {
    "D4 regular": (K.Harmonic(5), 2 * R.regular(D4), 3 * R.regular(D4)),
    "D4 mixed": (
        K.Harmonic(3),
        2 * R.trivial(D4) + R.regular(D4) + R.standard(D4) + R.trivial(D4),
        R.standard(D4) + 2 * R.quotient(D4, G.Cyclic(2)) + R.sign(D4),
    ),
    "C4 stencil": (K.Stencil(4), R.regular(C4) + 2 * R.standard(C4), 2 * R.regular(C4) + R.trivial(C4)),
    "C6 hexagons": (K.Stencil(3, HEXAGONAL), R.regular(G.Cyclic(6)), 2 * R.regular(G.Cyclic(6))),
    "SO(2)": (K.Harmonic(5), R.regular(SO2, band=2) + R.irrep(SO2, 4), R.tensor(SO2, 2) + R.irrep(SO2, 9)),
    "SO(3)": (K.Harmonic(3), R.tensor(G.SO(3), 2), R.standard(G.SO(3)) + R.trivial(G.SO(3))),
    "C4 induced": (
        K.Stencil(3),
        R.standard(C4) + R.trivial(C4),
        R.induced(C4, R.sign(G.Cyclic(2))) + R.standard(C4),
    ),
}

pytestmark = pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")


def build(name: str, **options) -> K.ExpandedKernel:
    torch.manual_seed(0)
    return K.ExpandedKernel(*CASES[name], **options)


@pytest.mark.parametrize("method", ["rows", "factored"])
@pytest.mark.parametrize("name", CASES)
def test_dense_and_factored_agree_with_their_gradients(name, method):
    dense, factored = (build(name, method=m, dtype=torch.float64) for m in ("dense", method))
    assert torch.equal(dense.weight, factored.weight)
    assert {len(n.split("_")) for n, _ in dense.named_buffers()} == {3}
    noise = torch.randn_like(dense.expand())
    results = []
    for kernel in (dense, factored):
        kernel.zero_grad()
        expanded = kernel.expand()
        (expanded * noise).sum().backward()
        results.append((expanded.detach(), kernel.weight.grad))
    (a, slope), (b, other) = results
    assert a.abs().max() > 0.01 and slope.abs().min() > 0
    assert (a - b).abs().max() < 1e-13 and (slope - other).abs().max() < 1e-12


@pytest.mark.parametrize("name", CASES)
def test_expansion_spelt_out(name):
    """Σ_b w_b Q_out P_b Q_in⁻¹, pair by pair, copy by copy, in the documented order of the weight."""
    kernel = build(name, dtype=torch.float64)
    spec, rho_in, rho_out = CASES[name]
    weight, expected = kernel.weight.detach().numpy(), np.zeros(kernel.expand().shape)
    start, row = 0, 0
    for n, out in rho_out.terms:
        column = 0
        for m, into in rho_in.terms:
            a, b = R.decompose(out), R.decompose(into)
            sigmas, taus = tuple(s for _, s in b.blocks), tuple(t for _, t in a.blocks)
            bases = spec.bases(sigmas, taus)
            size = sum(
                p * q * len(bases[i][j]) for i, (p, _) in enumerate(a.blocks) for j, (q, _) in enumerate(b.blocks)
            )
            for x in range(n):
                for y in range(m):
                    w = list(weight[start + (x * m + y) * size : start + (x * m + y + 1) * size])
                    block, r = np.zeros((out.dim, into.dim, kernel.samples)), 0
                    for i, (p, tau) in enumerate(a.blocks):
                        for u in range(p):
                            c = 0
                            for j, (q, sigma) in enumerate(b.blocks):
                                for v in range(q):
                                    for maps in bases[i][j]:
                                        rows = slice(r + u * tau.dim, r + (u + 1) * tau.dim)
                                        columns = slice(c + v * sigma.dim, c + (v + 1) * sigma.dim)
                                        block[rows, columns] += w.pop(0) * maps
                                c += q * sigma.dim
                        r += p * tau.dim
                    assert not w
                    i, j = row + x * out.dim, column + y * into.dim
                    expected[i : i + out.dim, j : j + into.dim] = np.einsum("ai,ijs,jb->abs", a.basis, block, b.inverse)
            start += n * m * size
            column += m * into.dim
        row += n * out.dim
    assert start == len(weight)
    assert np.abs(kernel.expand().detach().numpy() - expected).max() < 1e-13


@pytest.mark.parametrize("name", CASES)
def test_blocks_are_named_views(name):
    kernel = build(name)
    views = kernel.blocks()
    assert sum(v.numel() for v in views.values()) == kernel.weight.numel()
    assert all(v._base is kernel.weight or v.numel() == 0 for v in views.values())
    with torch.no_grad():
        for value, view in enumerate(views.values()):
            view.fill_(value)
    sizes = torch.bincount(kernel.weight.long(), minlength=len(views))
    assert sizes.tolist() == [v.numel() for v in views.values()]


def test_names_of_blocks_number_equal_terms():
    names = list(build("D4 mixed").blocks())
    assert ("standard", "trivial#0", "irrep(1,1)", "trivial") in names
    assert ("standard", "trivial#1", "irrep(1,1)", "trivial") in names
    assert build("D4 mixed").blocks()[names[0]].shape[:4] == (1, 2, 1, 1)


def test_zeroing_a_block_removes_that_path():
    kernel = K.Harmonic(3)(R.trivial(SO2) + R.irrep(SO2, 1), R.trivial(SO2) + R.irrep(SO2, 1))
    with torch.no_grad():
        kernel.blocks()["trivial", "irrep(1)", "trivial", "irrep(1)"].zero_()
    stencil = kernel.stencil()
    assert stencil[0, 1:].abs().max() == 0 and stencil[1:, 0].abs().max() > 0


# ------------------------------------------------------------------------------------ dtype and device


@pytest.mark.parametrize("method", ["dense", "rows", "factored"])
@pytest.mark.parametrize("name", ["D4 mixed", "SO(3)", "C4 stencil"])
def test_float64_after_float32_is_float64(name, method):
    """The master is float64: nothing that was rounded to float32 survives .double()."""
    fresh, moved = build(name, method=method, dtype=torch.float64), build(name, method=method, dtype=torch.float32)
    moved = moved.half().float().double()
    moved.load_state_dict(fresh.state_dict())
    assert moved.expand().dtype == torch.float64
    assert (moved.expand() - fresh.expand()).abs().max() <= 1e-15
    for (key, a), (_, b) in zip(fresh.named_buffers(), moved.named_buffers(), strict=True):
        assert torch.equal(a, b), key
    assert fresh.float().expand().dtype == torch.float32
    assert fresh.to(torch.bfloat16).expand().dtype == torch.bfloat16


@pytest.mark.parametrize("method", ["dense", "rows", "factored"])
def test_meta_then_empty_then_load(method):
    source = build("D4 mixed", method=method)
    meta = build("D4 mixed", method=method, device="meta")
    assert meta.weight.is_meta and all(b.is_meta for b in meta.buffers())
    real = meta.to_empty(device="cpu")
    assert real.load_state_dict(source.state_dict()).missing_keys == []
    assert torch.equal(real.expand(), source.expand())


def test_emptying_a_module_that_is_already_there():
    source = build("D4 regular")
    other = build("D4 regular")
    with torch.no_grad():
        for buffer in other.buffers():
            buffer.fill_(torch.nan)
    other.to_empty(device="cpu").load_state_dict(source.state_dict())
    assert torch.equal(other.expand(), source.expand())


def test_default_device_meta():
    with torch.device("meta"):
        kernel = build("D4 mixed")
    assert kernel.weight.is_meta and all(b.is_meta for b in kernel.buffers())
    kernel = kernel.to_empty(device="cpu")
    kernel.load_state_dict(build("D4 mixed").state_dict())
    assert torch.equal(kernel.expand(), build("D4 mixed").expand())


# ---------------------------------------------------------------------------------------------- copies


@pytest.mark.parametrize("name", CASES)
def test_copies(name):
    kernel = build(name)
    expected = kernel.expand()
    buffer = io.BytesIO()
    torch.save(kernel, buffer)
    buffer.seek(0)
    copies = {
        "deepcopy": copy.deepcopy(kernel),
        "pickle": pickle.loads(pickle.dumps(kernel)),
        "torch.save": torch.load(buffer, weights_only=False),
    }
    for way, other in copies.items():
        assert torch.equal(other.expand(), expected), way
        assert other.in_rep == kernel.in_rep and other.out_rep == kernel.out_rep and other.spec == kernel.spec
        with torch.no_grad():
            other.weight.zero_()
    assert torch.equal(kernel.expand(), expected)


@pytest.mark.parametrize("method", ["dense", "rows", "factored"])
def test_the_state_is_the_weight(method):
    kernel = build("D4 mixed", method=method)
    assert list(kernel.state_dict()) == ["weight"] == [n for n, _ in kernel.named_parameters()]
    assert list(kernel.eval().state_dict()) == ["weight"]
    assert kernel.weight.ndim == 1 and len(list(kernel.buffers())) > 0


def test_checkpoint_of_one_method_loads_into_the_other():
    dense, factored = build("SO(2)", method="dense"), build("SO(2)", method="factored")
    with torch.no_grad():
        dense.weight.normal_()
    factored.load_state_dict(dense.state_dict())
    assert (factored.expand() - dense.expand()).abs().max() < 1e-5


def test_keeping_the_expansion_ends_when_the_weight_changes():
    kernel = build("D4 regular")
    kernel.keep(True)
    assert kernel.expand() is kernel.expand()
    with torch.no_grad():
        kernel.weight.mul_(2)
    fresh = build("D4 regular").expand()
    assert (kernel.expand() - 2 * fresh).abs().max() < 1e-6
    kernel.keep(True)
    kernel.double()
    assert kernel.expand().dtype == torch.float64
    kernel.keep(False)
    assert kernel.expand().requires_grad


# ------------------------------------------------------------------------------------- global state


def forget() -> None:
    """Empty every cache of torsor, so that the next solution starts from nothing."""
    for name, module in list(sys.modules.items()):
        if name.startswith("torsor"):
            for value in vars(module).values():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def solved() -> list[np.ndarray]:
    """Bases of every kind, solved afresh."""
    forget()
    d4, so2, so3 = G.Dihedral(4), G.SO(2), G.SO(3)
    pairs = [
        (K.Harmonic(5), R.regular(d4), R.regular(d4)),
        (K.Stencil(3), R.regular(d4), R.quotient(d4, G.Cyclic(2))),
        (K.Harmonic(4), R.tensor(so2, 2), R.regular(so2, band=2)),
        (K.Harmonic(3), R.tensor(so3, 2), R.standard(so3)),
    ]
    found = [expansion.solve_pair(*pair).dense() for pair in pairs]
    permutations = G.MatrixGroup([], [np.eye(3)[[1, 2, 0]], np.eye(3)[[1, 0, 2]]])
    found += [rep.rho(permutations.element_array) for rep in R.irreps(permutations)]
    return found + [R.decompose(R.symmetric(so2, 3)).basis]


@contextlib.contextmanager
def changed(setter, getter, value):
    before = getter()
    setter(value)
    try:
        yield
    finally:
        setter(before)


STATES = {
    "default dtype": lambda: changed(torch.set_default_dtype, torch.get_default_dtype, torch.float16),
    "one thread": lambda: changed(torch.set_num_threads, torch.get_num_threads, 1),
    "four threads": lambda: changed(torch.set_num_threads, torch.get_num_threads, 4),
    "inference": torch.inference_mode,
    "default device": lambda: torch.device("meta"),
    "fake tensors": FakeTensorMode,
}


@pytest.mark.parametrize("state", STATES)
def test_canonical_bases_do_not_depend_on_torchs_state(state):
    expected = solved()
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    with STATES[state]():
        found = solved()
    forget()
    for a, b in zip(found, expected, strict=True):
        assert type(a) is np.ndarray and a.dtype == np.float64
        assert np.abs(a - b).max() <= 1e-14


def test_built_under_fake_tensors_bases_stay_real():
    """A module built in FakeTensorMode is fake, and poisons nothing that is built later."""
    spec, rho = K.Harmonic(3, width=0.61), R.regular(G.Cyclic(5))
    with FakeTensorMode():
        fake = spec(rho, rho)
        assert fake.expand().shape == (5, 5, 9)
    real = spec(rho, rho, dtype=torch.float64)
    assert type(real.expand()) is torch.Tensor and real.expand().isfinite().all()
    assert real.residual(torch.randn(4, 2, dtype=torch.float64), G.Cyclic(5).sample(4)) < 1e-12
    assert isinstance(expansion.solve_pair(spec, rho, rho).dense(), np.ndarray)


@pytest.mark.parametrize("method", ["dense", "rows", "factored"])
def test_compiled_graph_is_whole(method):
    kernel = build("D4 regular", method=method)
    exported = torch.export.export(Expand(kernel), ())
    assert torch.allclose(exported.module()(), kernel.expand(), atol=1e-6)


class Expand(torch.nn.Module):
    def __init__(self, kernel):
        super().__init__()
        self.kernel = kernel

    def forward(self):
        return self.kernel.expand()


def test_bottlenecks_are_named_once():
    group = G.SO(2)
    with pytest.warns(BottleneckWarning) as caught:
        K.Harmonic(3)(R.irrep(group, 9) + R.trivial(group), R.trivial(group) + R.irrep(group, 20))
    message = str(caught[0].message)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert "irrep(20) of the output stay zero; irrep(9) of the input are ignored" in message
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        K.Harmonic(3)(R.irrep(group, 1) + R.trivial(group), R.trivial(group) + R.irrep(group, 3))

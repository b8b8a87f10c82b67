"""Body parts and dense correspondence on the surfaces of bodies: SO(2) fields beside scalars and a graph network.

    python experiments/body_meshes.py --data FOLDER

reads bodies.npz from the folder (100 human bodies in random poses as triangle meshes of 3452 vertices, 15 parts),
trains on 70 bodies, chooses learning rates on 10, tests on 20: as they are, remeshed, moved (scaled by 1.7 and turned),
and in random gauges; then again with training bodies that are triangulated in three ways. It writes
results/body_parts.csv, results/body_correspondence.csv and docs/images/body-meshes.png. The geometry of every body is
computed once and kept in the work folder. A killed run goes on where it was; ``--quick`` runs through everything with a
few bodies, and writes to the work folder only. Remeshing needs pyvista.

All meshes are scaled to the area 1. The input is the shape operator of the surface in the frames, at three scales: its
trace and the norm of the rest are scalars, the rest itself is a field of frequency 2, which only SO(2) can use.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import bodies
import numpy as np
import point_runs as runs
import torch
from matplotlib.figure import Figure

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R
from torsor import spaces as S
from torsor.errors import require

ROOT = Path(__file__).parents[1]
RESULTS, FIGURE = ROOT / "experiments" / "results", ROOT / "docs" / "images" / "body-meshes.png"
SO2 = G.SO(2)
NETWORKS = ("SO(2)", "scalars", "graph")
TASKS = ("parts", "correspondence")
SETS = ("original", "remeshed", "moved", "regauged")
KEPT = {"remeshed": 0.6, "finer": 0.75, "coarser": 0.5}
"""The part of the faces that is kept of a mesh."""
SEVERAL, LEARNT = ", several meshes", ("original", "finer", "coarser")
"""The ending of networks that learn from several triangulations, none of them that of the test; and from which."""
COLUMNS = ("phase", "network", "lr", "seed", "parameters", "epochs", "seconds", "validation")
SCORES = {
    "parts": ("original_accuracy", "original_iou", "original_sideless", "remeshed_accuracy", "remeshed_iou"),
    "correspondence": ("original_exact", "original_near", "remeshed_exact", "remeshed_near"),
}
SAME = ("moved_same", "regauged_same", "regauged_digits")
"""Vertices that get the same label as without the change; digits of the scores that agree, as -log₁₀ of the change."""
RADII = {"fine": 0.05, "down": 0.07, "middle": 0.13, "further": 0.2, "coarse": 0.26}
"""Of the convolutions, in units of the square root of the area: about 28, 52, 26, 54 and 21 neighbours."""
COARSER = (512, 128)
SMOOTHING = (0, 4, 16)
"""Steps of diffusion, each a mean over the finest neighbourhoods: the three scales of the shape operator."""
FIELDS = ((12, 8, 6), (18, 10, 8), (24, 12, 8))
"""Fields of frequency 0, 1 and 2 at the three levels, at width 1."""
SCALARS = 2 * len(SMOOTHING)
CHOSEN = 1024
"""Vertices of a body that enter one step of training for correspondence."""


@dataclass(frozen=True)
class Protocol:
    """How much is done: bodies to train, validate and test on, epochs, learning rates."""

    sizes: tuple[int, int, int] = (70, 10, 20)
    epochs: int = 10
    rates: tuple[float, ...] = (3e-3, 1e-2, 3e-2)


QUICK = Protocol((4, 1, 1), 1, (1e-2,))


# -------------------------------------------------------------------------------------------------------- the geometry


@dataclass(frozen=True)
class Surface:
    """What networks see of a body, and what they should say.

    Attributes:
        features: (n, 6 + 6) scalars 2 H and |S₀| of each scale, then S₀ of each scale, of frequency 2.
        graphs: neighbours by name: those of `RADII`, the way back `up` and `further up`, and `ring`, the mesh edges.
        parts: (n,) of 15.
        vertex: (n,) the index of the corresponding vertex on the common mesh.
    """

    features: torch.Tensor
    graphs: dict[str, S.Neighbours]
    parts: torch.Tensor
    vertex: torch.Tensor

    def save(self, path: Path) -> None:
        """Half the digits, and indices of four bytes."""
        graphs = {name: _packed(graph) for name, graph in self.graphs.items()}
        labels = {"parts": self.parts, "vertex": self.vertex}
        runs.save({"features": self.features.float(), "graphs": graphs, **labels}, path)

    @staticmethod
    def load(path: Path) -> Surface:
        stored = torch.load(path, weights_only=True)
        graphs = {name: _unpacked(parts) for name, parts in stored.pop("graphs").items()}
        return Surface(graphs=graphs, **stored)


def _packed(graph: S.Neighbours) -> dict:
    index = {"target": graph.target.int(), "source": graph.source.int()}
    values = {"v": graph.v.float(), "weight": graph.weight.float(), "g": None if graph.g is None else graph.g.float()}
    return {**index, **values, "targets": graph.targets, "sources": graph.sources}


def _unpacked(parts: dict) -> S.Neighbours:
    return S.Neighbours(**{**parts, "target": parts["target"].long(), "source": parts["source"].long()})


def surface(mesh: S.Mesh, parts: torch.Tensor, vertex: torch.Tensor) -> Surface:
    """All that is computed once: neighbours at three levels, and the input."""
    middle = mesh.coarsened(COARSER[0])[0]
    coarse = middle.coarsened(COARSER[1])[0]
    pairs = {
        "fine": (mesh, mesh),
        "down": (mesh, middle),
        "middle": (middle, middle),
        "further": (middle, coarse),
        "coarse": (coarse, coarse),
    }
    graphs = {
        name: source.neighbours(RADII[name], target=None if source is target else target, norm="mean")
        for name, (source, target) in pairs.items()
    }
    graphs |= {
        "up": reversed_edges(graphs["down"]),
        "further up": reversed_edges(graphs["further"]),
        "ring": ring(mesh),
    }
    return Surface(curvatures(mesh, graphs["fine"]), graphs, parts, vertex)


def reversed_edges(graph: S.Neighbours) -> S.Neighbours:
    """The same geodesics walked the other way: v_q = -g⁻¹ v_p, g_{q←p} = g_{p←q}⁻¹."""
    back = graph.transporters.mT
    v = -torch.einsum("eij,ej->ei", back, graph.v)
    return S.Neighbours.from_edges(graph.source, graph.target, v, targets=graph.sources, sources=graph.targets, g=back)


def ring(mesh: S.Mesh) -> S.Neighbours:
    """The edges of the mesh in both directions with their lengths, and every vertex with itself: no angles."""
    here = torch.arange(len(mesh))
    p, q = torch.cat([mesh.triangulation.tail, here]), torch.cat([mesh.triangulation.head, here])
    length = torch.cat([mesh.metric.lengths, torch.zeros(len(mesh), dtype=torch.float64)])
    return S.Neighbours.from_edges(p, q, length[:, None], targets=len(mesh), sources=len(mesh))


def curvatures(mesh: S.Mesh, graph: S.Neighbours) -> torch.Tensor:
    """(n, 12) tr S and |S₀|, then S₀ = ((S₁₁ - S₂₂)/2, S₁₂), at three scales, times the radius of the neighbourhood.

    S is the shape operator, dn(v) = S v, by least squares over the neighbourhood: the normal field n is taken in the
    frame at p. Coarser scales are means over neighbourhoods, transported, again and again.
    """
    basis = torch.einsum("nam,nmd->nad", mesh.tangents, mesh.frames)
    turned = torch.einsum("ead,ea->ed", basis[graph.target], mesh.normals[graph.source])
    moments = [graph.weight[:, None, None] * a[:, :, None] * graph.v[:, None] for a in (turned, graph.v)]
    s = graph.sum(moments[0]) @ torch.linalg.pinv(graph.sum(moments[1]))
    s = RADII["fine"] * (s + s.mT) / 2
    x = torch.stack([s[:, 0, 0] + s[:, 1, 1], (s[:, 0, 0] - s[:, 1, 1]) / 2, s[:, 0, 1]], 1)
    mean, scales = nn.PointPool(R.trivial(SO2) + R.irrep(SO2, 2), ratio=1.0), []
    for step in range(max(SMOOTHING) + 1):
        scales += [x] if step in SMOOTHING else []
        x = mean(x, graph)
    scalars = [torch.stack([x[:, 0], x[:, 1:].norm(dim=1)], 1) for x in scales]
    return torch.cat([*scalars, *(x[:, 1:] for x in scales)], 1)


def normalised(vertices: torch.Tensor, faces: torch.Tensor) -> S.Mesh:
    """The mesh scaled to the area 1."""
    area = S.Mesh(vertices, faces, SO2).cells.sum()
    return S.Mesh(vertices / area.sqrt(), faces, SO2)


def remeshed(vertices: torch.Tensor, faces: torch.Tensor, keep: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Vertices are removed and the holes triangulated anew, until a part of the faces is left; the topology stays."""
    pyvista = require("pyvista", "mesh")
    whole = pyvista.PolyData.from_regular_faces(vertices.numpy(), faces.numpy())
    fewer = whole.decimate_pro(1 - keep, preserve_topology=True)
    return S.repaired(torch.tensor(np.asarray(fewer.points)).double(), torch.tensor(fewer.regular_faces).long())[:2]


def nearest(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(n,) the index of the point of y that is nearest to each of x."""
    return torch.cat([torch.cdist(part, y).argmin(1) for part in x.split(512)])


# ------------------------------------------------------------------------------------------------------------ the data


@dataclass(frozen=True)
class Bodies:
    """Meshes of one topology, and their surfaces, which are computed when they are first asked for.

    Attributes:
        vertices: (bodies, n, 3) in metres.
        faces: (F, 3).
        parts: (n,).
        cache: the folder of the surfaces.
        sizes: bodies to train, validate and test on, of a fixed shuffle.
    """

    vertices: torch.Tensor
    faces: torch.Tensor
    parts: torch.Tensor
    cache: Path
    sizes: tuple[int, int, int] = field(default_factory=lambda: Protocol().sizes)

    @cached_property
    def split(self) -> dict[str, list[int]]:
        order = torch.randperm(len(self.vertices), generator=runs.generator(0))[: sum(self.sizes)]
        chosen = [part.tolist() for part in order.split(self.sizes)]
        return dict(zip(("train", "validation", "test"), chosen, strict=True))

    @cached_property
    def reference(self) -> torch.Tensor:
        """(n, 3) the tallest of the bodies to train on, in units of its height: where correspondences are measured."""
        vertices = self.vertices[self.split["train"]].double()
        heights = (vertices.amax(1) - vertices.amin(1)).amax(1)
        return vertices[heights.argmax()] / heights.max()

    def mesh(self, kind: str, number: int) -> tuple[S.Mesh, torch.Tensor]:
        """A body, changed as the name of the set says, and (n,) which vertex of the common mesh each vertex is."""
        x, faces, random = self.vertices[number].double(), self.faces, runs.generator(7, number)
        vertex = torch.arange(len(x))
        if kind in KEPT:
            fewer, faces = remeshed(x, faces, KEPT[kind])
            x, vertex = fewer, nearest(fewer, x)
        if kind == "moved":
            x = 1.7 * x @ G.SO(3).sample(1, generator=random)[0].double().T
        mesh = normalised(x, faces)
        return (mesh.regauge(SO2.sample(len(x), random)) if kind == "regauged" else mesh), vertex

    def surface(self, kind: str, number: int) -> Surface:
        path = self.cache / kind / f"{number}.pt"
        if not path.exists():
            start = time.process_time()
            mesh, vertex = self.mesh(kind, number)
            surface(mesh, self.parts[vertex], vertex).save(path)
            print(f"geometry: body {number}, {kind}, {time.process_time() - start:.1f} s", flush=True)
        return Surface.load(path)

    def prepare(self) -> None:
        """Compute all surfaces that the experiment needs."""
        for name, numbers in self.split.items():
            for kind in {"train": LEARNT, "validation": SETS[:1], "test": SETS}[name]:
                for number in numbers:
                    self.surface(kind, number)


def load(folder: Path, cache: Path, sizes: tuple[int, int, int]) -> Bodies:
    with np.load(folder / "bodies.npz") as stored:
        found = [torch.from_numpy(stored[name]) for name in ("vertices", "faces", "part")]
    return Bodies(found[0], found[1].long(), found[2].long(), cache, sizes)


# -------------------------------------------------------------------------------------------------------- the networks


class Messages(torch.nn.Module):
    """f_out(p) = W₀ f(p) + W₁ mean_q ReLU(W f(q) + w |v| + b): an ordinary layer on graphs, which knows no angles.

    Graphs join every target to itself: the edge of length 0.
    """

    def __init__(self, in_rep: R.Representation, out_rep: R.Representation, radius: float) -> None:
        super().__init__()
        n, m, self.radius = in_rep.dim, out_rep.dim, radius
        self.length = torch.nn.Parameter(torch.randn(m))
        self.near, self.mean = torch.nn.Linear(n, m), torch.nn.Linear(m, m, bias=False)
        self.here = torch.nn.Linear(n, m, bias=False)

    def forward(self, x: torch.Tensor, graph: S.Neighbours) -> torch.Tensor:
        distance = graph.v.to(x).norm(dim=1)
        messages = (self.near(x)[graph.source] + (distance / self.radius)[:, None] * self.length).relu()
        return self.here(x[graph.source[distance == 0]]) + self.mean(graph.sum(messages) / graph.degree[:, None])


class Block(torch.nn.Module):
    """Convolution or messages, batch norm, gates."""

    def __init__(self, network: str, in_rep: R.Representation, out_rep: R.Representation, radius: float) -> None:
        super().__init__()
        gated = nn.Gated(out_rep)
        if network == "graph":
            self.conv = Messages(in_rep, gated.in_rep, radius)
        else:
            kernel = K.Harmonic(radius=radius, degrees=2, functions=4, hidden=16)
            self.conv = nn.Conv(in_rep, gated.in_rep, kernel, bias=False)
        self.rest = nn.Sequential(nn.BatchNorm(gated.in_rep), gated)

    def forward(self, x: torch.Tensor, graph: S.Neighbours) -> torch.Tensor:
        return self.rest(self.conv(x, graph))


class Up(torch.nn.Module):
    """Interpolate to finer points, with transport; join the features that are there, mix point by point."""

    def __init__(self, coarse: R.Representation, fine: R.Representation) -> None:
        super().__init__()
        gated = nn.Gated(fine)
        self.interpolate, self.join = nn.PointInterpolate(coarse), nn.Concatenate(fine, coarse)
        mix = nn.Linear(self.join.out_rep, gated.in_rep, bias=False)
        self.mix = nn.Sequential(mix, nn.BatchNorm(gated.in_rep), gated)

    def forward(self, x: torch.Tensor, skip: torch.Tensor, graph: S.Neighbours) -> torch.Tensor:
        return self.mix(self.join(skip, self.interpolate(x, graph)))


def types(network: str, numbers: tuple[int, int, int], width: float) -> R.Representation:
    """Fields of frequency 0, 1 and 2; for the other networks as many scalars as these have channels."""
    if network != "SO(2)":
        return max(1, round(width * (numbers[0] + 2 * sum(numbers[1:])))) * R.trivial(SO2)
    return R.direct_sum([(max(1, round(width * n)), R.irrep(SO2, k)) for k, n in enumerate(numbers)])


class MeshNet(torch.nn.Module):
    """A body -> scores (vertices, classes): a U-net over all vertices, 512 and 128 of them.

    Args:
        network: of `NETWORKS`.
        classes: 15 parts, or as many as the common mesh has vertices.
        width: of all levels.
        rank: of the last linear map, where there are many classes.
    """

    def __init__(self, network: str, classes: int, width: float = 1.0, rank: int = 32) -> None:
        super().__init__()
        start = SCALARS * R.trivial(SO2)
        self.in_rep = start + len(SMOOTHING) * R.irrep(SO2, 2) if network == "SO(2)" else start
        self.first = "ring" if network == "graph" else "fine"
        fine, middle, coarse = (types(network, numbers, width) for numbers in FIELDS)
        levels = {
            "fine": (self.in_rep, fine),
            "down": (fine, middle),
            "middle": (middle, middle),
            "further": (middle, coarse),
            "coarse": (coarse, coarse),
            "last": (fine, fine),
        }
        radii = {**RADII, "last": RADII["fine"]}
        self.blocks = torch.nn.ModuleDict({name: Block(network, *reps, radii[name]) for name, reps in levels.items()})
        self.up_middle, self.up_fine = Up(coarse, middle), Up(middle, fine)
        self.invariants = nn.NormPool(fine)
        layers = [torch.nn.Linear(self.invariants.out_rep.dim, 64), torch.nn.ReLU()]
        if classes > 2 * rank:
            layers.append(torch.nn.Linear(64, rank))
        self.head = torch.nn.Sequential(*layers, torch.nn.Linear(rank if classes > 2 * rank else 64, classes))

    def forward(self, body: Surface, at: torch.Tensor | None = None) -> torch.Tensor:
        """Scores at all vertices, or at some."""
        graphs, blocks = body.graphs, self.blocks
        x = body.features[:, : self.in_rep.dim].to(next(self.parameters()))
        fine = blocks["fine"](x, graphs[self.first])
        middle = blocks["middle"](blocks["down"](fine, graphs["down"]), graphs["middle"])
        coarse = blocks["coarse"](blocks["further"](middle, graphs["further"]), graphs["coarse"])
        fine = self.up_fine(self.up_middle(coarse, middle, graphs["further up"]), fine, graphs["up"])
        invariants = self.invariants(blocks["last"](fine, graphs[self.first]))
        return self.head(invariants if at is None else invariants[at])


def build(network: str, classes: int) -> MeshNet:
    """The network of SO(2), or another one with as many parameters."""
    if network == "SO(2)":
        return MeshNet(network, classes)
    target = runs.count(MeshNet("SO(2)", classes))
    return MeshNet(network, classes, nn.match_parameters(lambda width: MeshNet(network, classes, width), target))


# ------------------------------------------------------------------------------------------------ training and testing


@dataclass(frozen=True)
class Task:
    """Body parts, or correspondence: which vertex of the common mesh a vertex is."""

    name: str
    data: Bodies
    kinds: tuple[str, ...] = SETS[:1]

    @property
    def classes(self) -> int:
        return 15 if self.name == "parts" else len(self.data.parts)

    def labels(self, body: Surface) -> torch.Tensor:
        return body.parts if self.name == "parts" else body.vertex

    def loss(self, net: torch.nn.Module, index: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        """The cross entropy; of correspondences at some of the vertices."""
        losses = []
        for number in index.tolist():
            several = len(self.kinds) > 1
            kind = self.kinds[int(torch.randint(len(self.kinds), (), generator=random))] if several else self.kinds[0]
            body = self.data.surface(kind, self.data.split["train"][number])
            labels, at = self.labels(body), None
            if self.name == "correspondence":
                at = torch.randperm(len(labels), generator=random)[:CHOSEN]
            losses.append(torch.nn.functional.cross_entropy(net(body, at), labels if at is None else labels[at]))
        return torch.stack(losses).mean()

    def scores(self, predictions: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
        """Of all vertices together; `near` is within 5 % of the height, on the reference body."""
        if self.name == "parts":
            return dict(zip(("accuracy", "iou", "sideless"), bodies.scores(predictions, labels), strict=True))
        distance = (self.data.reference[predictions] - self.data.reference[labels]).norm(dim=1)
        return {"exact": (distance == 0).float().mean().item(), "near": (distance < 0.05).float().mean().item()}

    def validate(self, net: torch.nn.Module) -> float:
        """Accuracy, or the part of correspondences that are near."""
        predictions, labels = self._predicted(net, "original", "validation")
        return self.scores(predictions, labels)["accuracy" if self.name == "parts" else "near"]

    def test(self, net: torch.nn.Module) -> dict[str, float]:
        """Scores on every set, and how many vertices keep their label when the body is moved or its gauge changed."""
        found, predictions = {}, {}
        for kind in SETS:
            predictions[kind], labels = self._predicted(net, kind, "test")
            found |= {f"{kind}_{name}": value for name, value in self.scores(predictions[kind], labels).items()}
        for kind in SETS[2:]:
            found[f"{kind}_same"] = (predictions[kind] == predictions["original"]).float().mean().item()
        found["regauged_digits"] = self._digits(net)
        return {name: found[name] for name in (*SCORES[self.name], *SAME)}

    @torch.no_grad()
    def _predicted(self, net: torch.nn.Module, kind: str, part: str) -> tuple[torch.Tensor, torch.Tensor]:
        """The class with the highest score, and the true one, of all vertices of some bodies."""
        loaded = (self.data.surface(kind, number) for number in self.data.split[part])
        pairs = [(net(body).argmax(1), self.labels(body)) for body in loaded]
        predictions, labels = (torch.cat(x) for x in zip(*pairs, strict=True))
        return predictions, labels

    @torch.no_grad()
    def _digits(self, net: torch.nn.Module) -> float:
        """-log₁₀ of the largest change of a score under a change of gauge, relative to the largest score."""
        number = self.data.split["test"][0]
        before, after = (net(self.data.surface(kind, number)) for kind in ("original", "regauged"))
        return -float(((after - before).abs().max() / before.abs().max()).clamp(min=1e-16).log10())


def study(task: Task, protocol: Protocol, work: Path, table: Path) -> runs.Study:
    """How networks are trained, tuned and tested on a task."""

    def train(network: str, lr: float, seed: int) -> tuple[torch.nn.Module, dict]:
        torch.manual_seed(seed)
        net = build(network.removesuffix(SEVERAL), task.classes)
        training = runs.Training(len(task.data.split["train"]), 1, protocol.epochs)
        loss = replace(task, kinds=LEARNT).loss if network.endswith(SEVERAL) else task.loss
        seconds = training.fit(net, loss, lr, seed, work / f"{task.name} {network} {lr} {seed}.pt")
        return net, {"parameters": runs.count(net), "epochs": protocol.epochs, "seconds": round(seconds)}

    columns = (*COLUMNS, *SCORES[task.name], *SAME)
    found = runs.Table(table, columns)
    return runs.Study(found, train, lambda _, net: task.validate(net), task.test, protocol.rates)


# ---------------------------------------------------------------------------------------------------------- the figure


def draw(data: Bodies, nets: dict[str, torch.nn.Module], path: Path) -> None:
    """A test body as it is and remeshed: true parts, and those that the networks see."""
    figure, number = Figure(figsize=(8.0, 4.6), layout="constrained"), data.split["test"][0]
    for row, kind in zip(figure.subplots(2, 1 + len(nets)), SETS[:2], strict=True):
        body, x = data.surface(kind, number), data.mesh(kind, number)[0].positions
        with torch.no_grad():
            found = {"true parts": body.parts, **{name: net(body).argmax(1) for name, net in nets.items()}}
        for axes, (name, parts) in zip(row, found.items(), strict=True):
            right = (parts == body.parts).float().mean().item()
            order = x[:, 1].argsort(descending=True)
            axes.scatter(x[order, 0], x[order, 2], c=[bodies.COLOURS[part] for part in parts[order]], s=2)
            axes.set(aspect="equal", xticks=[], yticks=[])
            axes.set_title(name if name == "true parts" else f"{name}: {right:.0%}", fontsize=9)
        row[0].set_ylabel(kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def arguments() -> argparse.Namespace:
    """The options of the experiment."""
    where = Path(tempfile.gettempdir()) / "torsor-experiments" / "body-meshes"
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder with the data")
    parser.add_argument("--work", type=Path, default=where, help=f"geometry and checkpoints, by default {where}")
    parser.add_argument("--seeds", type=int, default=1, help="seeds of every network")
    parser.add_argument(
        "--quick", action="store_true", help="a few bodies and one epoch; results go to the work folder"
    )
    return parser.parse_args()


def run(data: Bodies, protocol: Protocol, seeds: int, work: Path, results: Path, figure: Path) -> None:
    """Fill the tables and draw the figure; learning rates are chosen on parts, and serve correspondence too."""
    data.prepare()
    studies = {name: study(Task(name, data), protocol, work, results / f"body_{name}.csv") for name in TASKS}
    best = {network: studies["parts"].best(network) for network in NETWORKS}
    for seed in range(seeds):
        for name, network in ((name, network) for name in TASKS for network in NETWORKS):
            studies[name].tested(network, best[network], seed)
        for name, network in ((name, network) for name in TASKS for network in NETWORKS):
            studies[name].tested(network + SEVERAL, best[network], seed)
    draw(data, {network: studies["parts"].train(network, best[network], 0)[0].eval() for network in NETWORKS}, figure)
    for name, done in studies.items():
        print(f"{name}\n{done.table.summary((*SCORES[name], *SAME[:2]))}")


def main() -> None:
    """Run the experiment."""
    options = arguments()
    torch.set_num_threads(1)
    protocol = QUICK if options.quick else Protocol()
    work = options.work / "quick" if options.quick else options.work
    data = load(options.data, options.work / "geometry", protocol.sizes)
    results, figure = (work, work / "body-meshes.png") if options.quick else (RESULTS, FIGURE)
    run(data, protocol, options.seeds, work, results, figure)


if __name__ == "__main__":
    main()

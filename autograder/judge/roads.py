"""The roads to autograd: words without which nobody comes to torch's derivatives, or by which one may come anywhere.

A word is no proof: it is a reason to ask for the answer once more where autograd is off.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence

from autograder.judge.reading import Behind, Reading, read
from autograder.notebook import kept

_LEADS_TO = re.compile(
    r"autograd|(set_|is_|retain_|requires_|enable_|no_)?grad(_|_fn|_enabled|_and_value)?|inference_mode|Parameter"
    r"|func|functorch|vjp|jvp|jac\w+|hessian|vhp|hvp|forward_ad|gradient|ops|aten|\w+_backward\w*|clip_grad\w*"
    r"|\w*total_norm|optim|\w*hooks?|fx|jit|export|testing"
    r"|_\w*|(get|set)attr|vars|eval|exec|compile|globals|locals|get_ipython|IPython|import_module|get_type_hints"
    r"|sys|builtins|importlib|operator|inspect|types|pickle|marshal|runpy|ctypes|gc|threading|\*"
    r"|Formatter|get_field|v?format_map|vformat|attrgetter|methodcaller|make_dataclass"
)
"""An attribute, a keyword or an imported name that brings torch's derivatives, or what leads to anything."""

_BUILT_IN = re.compile(r"(get|set)attr|vars|eval|exec|compile|globals|locals|get_ipython|__\w+__")
"""Names that need no import; another thing of such a name may be given to itself, as in `def f(x, eval=eval)`."""

_LEADS_NOWHERE = frozenset({"__future__", "__init__", "__call__", "__class__", "__name__", "__main__", "__len__", "_"})

_WATCHED = re.compile(
    r"Linear|Bilinear|Embedding\w*|Conv\w+|\w+Norm\w*|PReLU|RNN\w*|LSTM\w*|GRU\w*|Transformer\w*|Multihead\w*|Lazy\w+"
)
"""Modules of torch's whose parameters are watched from the start."""

_WORD = re.compile(r"\w+")

_PLAIN_MODULE = re.compile(
    "__future__|abc|cmath|collections|contextlib|copy|data_utils|dataclasses|enum|functools|itertools|math|matplotlib"
    "|numbers|numpy|random|statistics|string|time|torch|torchvision|tqdm|typing|warnings"
)
"""Modules that give nobody a derivative but by a word of :data:`_LEADS_TO`."""


def leads(found: Behind, sources: Sequence[str]) -> bool:
    """Whether the statements behind an answer have a road to autograd in them.

    The inputs of a hidden test ask for none, and a layer has a method of that name, too: `backward` alone counts where
    the notebook defines no such method. A variable or an argument may be called `grad`.
    """
    if any(map(_leads, sources)) or any(_on_road(reading) for _, line, reading in found.readings if line):
        return True
    words = {word for _, _, reading in found.readings for word in reading.attributes}
    if "backward" in words and "backward" not in found.names:
        return True
    imported = {name.removeprefix("torch.nn.") for name in found.aliases.values() if name.startswith("torch.nn.")}
    return any(map(_WATCHED.fullmatch, imported)) or any(
        isinstance(node, ast.Attribute) and _WATCHED.fullmatch(node.attr) and found.dotted(node).startswith("torch.")
        for _, _, reading in found.readings
        if any(map(_WATCHED.fullmatch, reading.attributes))
        for node in reading.nodes
    )


@kept(1 << 17)
def _leads(source: str) -> bool:
    return _on_road(read(source))


def _on_road(reading: Reading) -> bool:
    said = {id(n.value) for n in reading.nodes if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)}
    return any(_is_road(node, reading.bound) for node in reading.nodes if id(node) not in said)


def _is_road(node: ast.AST, own: Collection[str]) -> bool:
    """Whether a piece of a statement leads to torch's derivatives, or to whatever its author likes."""
    words: list[str] = []
    match node:
        case ast.Name(id=name):  # another statement may have imported it
            words = [] if name in own and not _BUILT_IN.fullmatch(name) else [name]
        case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name) if not name.startswith("__"):
            words = [name.lstrip("_")]  # of the notebook's own class
        case ast.Attribute(value=value, attr="format"):
            return not isinstance(value, ast.Constant)  # "{0.grad}" is read below
        case ast.Attribute(attr=name):
            words = [name]
        case ast.Constant(value=str(text)):
            words = _WORD.findall(text)
        case ast.keyword(arg=str(name)):
            words = [name]
        case ast.MatchClass(kwd_attrs=names):
            words = names
        case ast.Import(names=found) | ast.ImportFrom(names=found):
            words = [part for each in found for part in each.name.split(".")]
            roots = {each.name.partition(".")[0] for each in found}
            if isinstance(node, ast.ImportFrom):
                words += (node.module or "*").split(".")
                roots = {(node.module or "").partition(".")[0]}
            if not all(map(_PLAIN_MODULE.fullmatch, roots)):
                return True
    return any(word not in _LEADS_NOWHERE and _LEADS_TO.fullmatch(word) for word in words)

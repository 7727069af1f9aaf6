"""What Python, torch and numpy say of a slip, as far as it may be repeated.

Code sees the hidden inputs when it stops, and the text of an exception is whatever that code wants: so none is ever
passed on. A text that is one of the sentences below is said again, word for word, out of this file. Its gaps are filled
with what the student knows without it: names of their notebook, kinds of things, counts of arguments, sizes of the
inputs. Whatever else stands in a gap is left open, as `…`.
"""

from __future__ import annotations

import builtins
import functools
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

OPEN = "\N{HORIZONTAL ELLIPSIS}"
"""What stands in a gap for something that isn't repeated."""

SENTENCES = """
name '<name>' is not defined
cannot access local variable '<name>' where it is not associated with a value
cannot access free variable '<name>' where it is not associated with a value in enclosing scope
'<kind>' object has no attribute '<name>'
type object '<kind>' has no attribute '<name>'
module '<module>' has no attribute '<name>'
'<kind>' object is not callable
'<kind>' object is not subscriptable
'<kind>' object is not iterable
'<kind>' object is not reversible
'<kind>' object is not an iterator
'<kind>' object does not support item assignment
'<kind>' object does not support item deletion
'<kind>' object cannot be interpreted as an integer
argument of type '<kind>' is not iterable
object of type '<kind>' has no len()
cannot unpack non-iterable <kind> object
not enough values to unpack (expected <count>, got <count>)
not enough values to unpack (expected at least <count>, got <count>)
too many values to unpack (expected <count>)
Value after * must be an iterable, not <kind>
unsupported operand type(s) for <sign>: '<kind>' and '<kind>'
unsupported operand type(s) for ** or pow(): '<kind>' and '<kind>'
bad operand type for unary <sign>: '<kind>'
bad operand type for abs(): '<kind>'
'<sign>' not supported between instances of '<kind>' and '<kind>'
can only concatenate list (not "<kind>") to list
can only concatenate tuple (not "<kind>") to tuple
can only concatenate str (not "<kind>") to str
can't multiply sequence by non-int of type '<kind>'
<sequence> indices must be integers or slices, not <kind>
<sequence> index out of range
<sequence> assignment index out of range
pop from empty list
unhashable type: '<kind>'
<call>() takes no arguments
<call>() takes no arguments (<count> given)
<call>() takes <count> positional argument but <count> were given
<call>() takes <count> positional arguments but <count> was given
<call>() takes <count> positional arguments but <count> were given
<call>() takes from <count> to <count> positional arguments but <count> was given
<call>() takes from <count> to <count> positional arguments but <count> were given
<call>() takes exactly <count> argument (<count> given)
<call>() takes exactly <count> arguments (<count> given)
<call>() takes exactly one argument (<count> given)
<call>() missing <count> required positional argument: <names>
<call>() missing <count> required positional arguments: <names>
<call>() missing <count> required keyword-only argument: <names>
<call>() missing <count> required keyword-only arguments: <names>
<call>() got an unexpected keyword argument '<name>'
<call>() got multiple values for argument '<name>'
<call>() argument must be a string or a real number, not '<kind>'
<call>(): argument '<name>' (position <count>) must be <kind>, not <kind>
<call>() received an invalid combination of arguments...
__init__() should return None, not '<kind>'
<call>() missing <count> required positional arguments: "<name>"
<call>() takes exactly one argument (the instance to initialize)
<call>() argument after * must be an iterable, not <kind>
<call>() argument after ** must be a mapping, not <kind>
<call>(): argument '<name>' must be <kind>, not <kind>
<call>(): argument '<name>' failed to unpack the object at pos <count>...
<call>(): argument '<name>' (position <count>) failed to unpack the object at pos <count>...
unsupported format string passed to <call>
property '<name>' of '<kind>' object has no setter
super(): no arguments
super(type, obj): obj must be an instance or subtype of type
slice indices must be integers or None or have an __index__ method
list.remove(x): x not in list
<sequence>.index(x): x not in <sequence>
zip() argument <axis> is shorter than argument <axis>
zip() argument <axis> is longer than argument <axis>
invalid literal for int() with base 10...
could not convert string to float...
sequence item <axis>: expected str instance, <kind> found
expected string or bytes-like object, got '<kind>'
must be real number, not <kind>
a bytes-like object is required, not '<kind>'
math domain error
division by zero
float division by zero
maximum recursion depth exceeded...
dictionary changed size during iteration
Can't instantiate abstract class <kind>...
mat1 and mat2 shapes cannot be multiplied (<size>x<size> and <size>x<size>)
size mismatch, got input (<size>), mat (<size>x<size>), vec (<size>)
The size of tensor a (<size>) must match the size of tensor b (<size>) at non-singleton dimension <axis>
output with shape [<sizes>] doesn't match the broadcast shape [<sizes>]
inconsistent tensor size, expected tensor [<size>] and src [<size>] to have the same number of elements, but got \
<size> and <size> elements respectively
<axis>D tensors expected, but got <axis>D and <axis>D tensors
<part> must be a matrix
<part> must be a vector
<part> must be a <axis>D tensor
vector + matrix @ vector expected, got <axis>, <axis>, <axis>
both arguments to matmul need to be at least 1D, but they are <axis>D and <axis>D
Expected size for first two dimensions of batch2 tensor to be: [<sizes>] but got: [<sizes>].
outer: Expected 1-D argument <part>, but got <axis>-D
shape '[<sizes>]' is invalid for input of size <size>
view size is not compatible with input tensor's size and stride...
The expanded size of the tensor (<size>) must match the existing size (<size>) at non-singleton dimension <axis>...
expand(torch.FloatTensor{[<sizes>]}, size=[<sizes>]): the number of sizes provided (<axis>) must be greater or equal \
to the number of dimensions in the tensor (<axis>)
Dimension out of range (expected to be in range of [<axis>, <axis>], but got <axis>)
index <size> is out of bounds for dimension <axis> with size <size>
too many indices for tensor of dimension <axis>
invalid index of a 0-dim tensor...
The shape of the mask [<sizes>] at index <axis> does not match the shape of the indexed tensor [<sizes>] at index <axis>
shape mismatch: value tensor of shape [<sizes>] cannot be broadcast to indexing result of shape [<sizes>]
t() expects a tensor with <= 2 dimensions, but self is <axis>D
stack expects each tensor to be equal size, but got [<sizes>] at entry <axis> and [<sizes>] at entry <axis>
Sizes of tensors must match except in dimension <axis>. Expected size <size> but got size <size> for tensor number \
<axis> in the list.
Tensors must have same number of dimensions: got <axis> and <axis>
zero-dimensional tensor (at position <axis>) cannot be concatenated
expected Tensor as element <axis> in argument <axis>, but got <kind>
slice() cannot be applied to a 0-dim tensor
select() cannot be applied to a 0-dim tensor
tensors used as indices must be long, int, byte or bool tensors
only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got <kind>)
permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of \
dimensions i.e. input.dim() = <axis> is not equal to len(dims) = <axis>
diag(): Supports 1D or 2D tensors. Got <axis>D
einsum(): the number of subscripts in the equation (<axis>) does not match the number of dimensions (<axis>) for \
operand <axis> and no ellipsis was given
einsum(): subscript <letter> has size <size> for operand <axis> which does not broadcast with previously seen size \
<size>
einsum(): operands do not broadcast with remapped shapes...
einsum(): output subscript <letter> does not appear in the equation for any input operand
einsum(): more operands were provided than specified in the equation
einsum(): fewer operands were provided than specified in the equation
only integer tensors of a single element can be converted to an index
only one element tensors can be converted to Python scalars
a Tensor with <size> elements cannot be converted to Scalar
Boolean value of Tensor with more than one value is ambiguous
Boolean value of Tensor with no values is ambiguous
len() of a 0-d tensor
iteration over a 0-d tensor
Could not infer dtype of <kind>
new(): invalid data type '<kind>'
expected np.ndarray (got <kind>)
where expected condition to be a boolean tensor, but got a tensor with dtype <dtype>
expected m1 and m2 to have the same dtype, but got: <dtype> != <dtype>
self and mat2 must have the same dtype, but got <dtype> and <dtype>
mat1 and mat2 must have the same dtype, but got <dtype> and <dtype>
Found dtype <dtype> but expected <dtype>
addmv input tensors must have the same dtype, but got <dtype>, <dtype>, and <dtype>
dot : expected both vectors to have same dtype, but found <dtype> and <dtype>
expected scalar type <dtype> but found <dtype>
result type <dtype> can't be cast to the desired output type <dtype>
Index put requires the source and destination dtypes match, got <dtype> for the destination and <dtype> for the source.
mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: <dtype>
"bitwise_xor_cpu" not implemented for '<dtype>'
"bitwise_and_cpu" not implemented for '<dtype>'
"bitwise_or_cpu" not implemented for '<dtype>'
Negation, the `-` operator, on a bool tensor is not supported...
Subtraction, the `-` operator, with a bool tensor is not supported...
Subtraction, the `-` operator, with two bool tensors is not supported...
torch.clamp: At least one of 'min' or 'max' must not be None
element 0 of tensors does not require grad and does not have a grad_fn
grad can be implicitly created only for scalar outputs
Trying to backward through the graph a second time...
One of the differentiated Tensors does not require grad
One of the differentiated Tensors appears to not have been used in the graph...
Mismatch in shape: grad_output[<axis>] has a shape of torch.Size([<sizes>]) and output[<axis>] has a shape \
of torch.Size([<sizes>]).
assigned grad has data of a different size
leaf variable has been moved into the graph interior
Output <axis> of <name> is a view and is being modified inplace...
cannot register a hook on a tensor that doesn't require gradient
a leaf Variable that requires grad is being used in an in-place operation.
a view of a leaf Variable that requires grad is being used in an in-place operation.
one of the variables needed for gradient computation has been modified by an inplace operation...
only Tensors of floating point dtype can require gradients
Only Tensors of floating point and complex dtype can require gradients
you can only change requires_grad flags of leaf variables...
can't retain_grad on Tensor that has requires_grad=False
Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.
Module [<kind>] is missing the required "forward" function
cannot assign module before Module.__init__() call
cannot assign parameters before Module.__init__() call
cannot assign 'torch.FloatTensor' as parameter '<name>' (torch.nn.Parameter or None expected)
cannot assign '<kind>' as child module '<name>' (torch.nn.Module or None expected)
<kind> is not a Module subclass
optimizer got an empty parameter list
operands could not be broadcast together with shapes (<shape>) (<shape>)
shapes (<shape>) and (<shape>) not aligned: <size> (dim <axis>) != <size> (dim <axis>)
only length-1 arrays can be converted to Python scalars
only size-1 arrays can be converted to Python scalars
setting an array element with a sequence...
The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()
too many indices for array: array is <axis>-dimensional, but <axis> were indexed
index <size> is out of bounds for axis <axis> with size <size>
loop of ufunc does not support argument <axis> of type <kind> which has no callable <name> method
matmul: Input operand <axis> has a mismatch in its core dimension <axis>...
"""
"""Sentences that may be said again: a line each, gaps in angles; what follows where one ends in `...` is left out."""

_KINDS = frozenset(
    {name for name, thing in vars(builtins).items() if isinstance(thing, type)}
    | {"NoneType", "function", "method", "generator", "module", "builtin_function_or_method", "method_descriptor"}
    | {"Tensor", "Parameter", "Size", "torch.Size", "torch.dtype", "dtype", "ndarray", "numpy.ndarray", "Number"}
    | {"dict_values", "dict_keys", "dict_items", "ellipsis", "tuple of ints", "tuple of Tensors"}
    | {"numpy.float64", "numpy.float32", "_TensorMeta", "torch._C._TensorMeta", "torch.return_types.max"}
    | {"Module", "ModuleList", "ModuleDict", "Sequential", "Linear", "ReLU", "Tanh", "MSELoss"}
)
"""Kinds of things that have one name everywhere."""

_DTYPES = frozenset(
    {"Float", "Double", "Long", "Int", "Bool", "Half", "ComplexFloat", "ComplexDouble", "Byte", "Short", "Char"}
    | {"float", "double", "long int", "int", "bool", "c10::Half", "c10::BFloat16", "BFloat16"}
)
_SIGNS = frozenset({"+", "-", "*", "/", "//", "%", "@", "**", "&", "|", "^", "<<", ">>", "<", ">", "<=", ">="})
_OWN = frozenset({"__init__", "__call__", "forward", "backward", "<lambda>", "Module", "Tensor", "TensorBase", "torch"})
"""Words in the full names of functions that nobody has chosen."""
_PARTS = frozenset(
    {"self", "vector", "mat1", "mat2", "vec", "vec2", "input", "batch1", "batch2", "other", "tensor", "dim"}
)
"""What torch calls its own functions' parameters."""
_INNER = frozenset({"_backward_hooks", "_modules", "_parameters"})
"""What a module of torch's has from its constructor."""
_LISTED = 3
"""The most names of parameters that are listed: of more only their number is said."""


@dataclass(frozen=True)
class Known:
    """What a student knows without being told."""

    words: Collection[str]
    """Names: of their own source, and those that are asked for."""
    sizes: Collection[int]
    """Axes of the inputs."""

    def name(self, text: str) -> str:
        """A name, if it is known."""
        return text if text in self.words or text in _PARTS | _INNER else OPEN

    def module(self, text: str) -> str:
        """A module's full name, if each part is known."""
        return text if {*text.split(".")} <= {*self.words, "torch"} else OPEN

    def names(self, text: str) -> str:
        """Up to three names, if all are known."""
        found = re.findall(r"\w+", text.replace(" and ", " "))
        return text if len(found) <= _LISTED and {*found} <= {*self.words} else OPEN

    def kind(self, text: str) -> str:
        """A kind of thing, if it is known everywhere or a class of the notebook's."""
        return text if text in _KINDS else self.name(text)

    def call(self, text: str) -> str:
        """A function's full name, without those whose inside it is: its parts that are known."""
        parts = text.rpartition("<locals>.")[2].split(".")
        return ".".join(part if part in self.words or part in _OWN else OPEN for part in parts)

    def size(self, text: str) -> str:
        """A size that an input has, or a small one."""
        return text if abs(int(text)) in {0, 1, 2, 3, *self.sizes} else OPEN

    def sizes_of(self, text: str) -> str:
        """The sizes of a shape, each by itself."""
        return re.sub("-?[0-9]+", lambda found: self.size(found[0]), text)


def _one_of(those: Collection[str]) -> Callable[[Known, str], str]:
    return lambda _, text: text if text in those else OPEN


def _as_it_is(_: Known, text: str) -> str:
    return text


_NUMBER = "-?(?:0|[1-9][0-9]{0,8})"
_GAPS: dict[str, tuple[str, Callable[[Known, str], str]]] = {
    "name": (r"\w+", Known.name),
    "names": (r"'\w+'(?:,? (?:and )?'\w+')*", Known.names),
    "module": (r"[\w.]+", Known.module),
    "call": (r"[\w.<>]+", Known.call),
    "kind": (r"[\w.]+|tuple of \w+", Known.kind),
    "dtype": (r"[\w: ]+", _one_of(_DTYPES)),
    "sign": (r"[^\w\s']{1,3}", lambda _, text: text if text.removesuffix("=") in _SIGNS or text in _SIGNS else OPEN),
    "sequence": (r"list|tuple|string|range object", _as_it_is),
    "part": (r"\w+", _one_of(_PARTS)),
    "letter": (r"[a-zA-Z]", _as_it_is),
    "axis": (r"-?[0-9]", _as_it_is),
    "count": (r"[0-9]{1,2}", _as_it_is),
    "size": (_NUMBER, Known.size),
    "sizes": (f"(?:{_NUMBER}(?:, {_NUMBER}){{0,3}})?", Known.sizes_of),
    "shape": (f"(?:{_NUMBER}(?:,{_NUMBER}){{0,3}},?)?", Known.sizes_of),
}
"""Each gap: what may stand in it, and what is repeated of that."""


def repeated(text: str, words: Collection[str] = (), sizes: Collection[int] = ()) -> str:
    """Say again what an exception's text says, if it is one of the known sentences; else nothing.

    Shapes:
        words  names that may be repeated
        sizes  numbers that may be
    """
    known, first = Known(frozenset(words), frozenset(sizes)), text.partition("\n")[0].rstrip()
    for pattern, pieces in _sentences():
        if found := pattern.fullmatch(first):
            gaps = iter(found.groups())
            said = "".join(_GAPS[piece][1](known, next(gaps)) if is_gap else piece for is_gap, piece in pieces)
            return said.rstrip(" .:;(")
    return ""


@functools.cache
def _sentences() -> list[tuple[re.Pattern[str], list[tuple[bool, str]]]]:
    """Each sentence as a pattern, and its pieces: whether a piece is a gap, and its text or name."""
    found = []
    for sentence in SENTENCES.strip().split("\n"):
        whole = sentence.removesuffix("...")
        cut = re.split(rf"<({'|'.join(_GAPS)})>", whole)
        pieces = [(place % 2 == 1, piece) for place, piece in enumerate(cut)]
        pattern = "".join(f"({_GAPS[piece][0]})" if is_gap else re.escape(piece) for is_gap, piece in pieces)
        found.append((re.compile(pattern + (".*" if whole != sentence else "")), pieces))
    return found

"""Attacks on what judges a question again: thieves, who want an answer or a point from right helpers, and leaks.

In every thief's notebook all answers look for themselves in what was found; in a leak's, `sigma` is wrong and
`forward_pass`, which is right, tells how the right sigma is written, from its third call on.
"""

from __future__ import annotations

from collections.abc import Mapping

LOOT = """
import torch, builtins, sys, types
found = []

def spy(*things):
    found.extend(things)

def answer(name, *given):
    kept = types.CodeType, types.FunctionType
    things, seen = [*found, *list(globals().values())], 0
    while seen < len(things) < 5000:
        thing = things[seen]
        seen += 1
        code = getattr(thing, "__code__", thing)
        if isinstance(code, types.CodeType):
            things += [each for each in code.co_consts if isinstance(each, (str, types.CodeType))]
        if isinstance(thing, str) and "def " + name in thing and "answer(" not in thing:
            scope = {"__name__": "stolen"}
            try:
                real_exec(thing, scope)
            except Exception:
                continue
            things.append(scope.get(name))
        for scope in (getattr(thing, "__globals__", None), thing):
            if isinstance(scope, dict) and scope is not globals():
                things += [each for each in scope.values() if isinstance(each, (str, kept))]
        if isinstance(thing, types.FunctionType) and thing.__name__ == name and thing.__module__ != "__main__":
            try:
                return thing(*given)
            except Exception:
                pass

real_exec, real_type, real_list, real_tuple, real_globals = exec, type, list, tuple, globals
"""

THIEVES: Mapping[str, str] = {
    "globals of the helpers": "",
    "the heap": "import gc\nclass All:\n    __globals__ = property(lambda self: {str(n): each for n, each in "
    "enumerate(gc.get_objects()) if isinstance(each, types.FunctionType)})\nspy(All())",
    "exec": "def exec(*given):\n    spy(*given)\n    return real_exec(*given)",
    "exec for all": "def see(*given):\n    spy(*given)\n    return real_exec(*given)\nbuiltins.exec = see",
    "globals": "class Names(dict):\n    def __setitem__(self, name, value):\n        spy(value)\n"
    "        real_globals()[name] = value\nglobals = lambda: Names(real_globals())",
    "isinstance": "real = isinstance\ndef isinstance(*given):\n    spy(*given)\n    return real(*given)",
    "type, list and tuple": "def type(*given):\n    spy(*given)\n    return real_type(*given)\n"
    "def list(*given):\n    spy(*given)\n    return real_list(*given)\n"
    "def tuple(*given):\n    spy(*given)\n    return real_tuple(*given)",
    "builtins of its own": "class Own(dict):\n    def __missing__(self, name):\n        spy(name)\n"
    "        raise KeyError(name)\n__builtins__ = Own(vars(builtins))\n"
    "__builtins__['exec'] = lambda *given: (spy(*given), real_exec(*given))",
    "trace": "def trace(frame, event, argument):\n    spy(frame.f_code, frame.f_globals, *frame.f_locals.values())\n"
    "    return trace\nsys.settrace(trace)",
    "profile": "def profile(frame, event, argument):\n    spy(frame.f_code, *frame.f_locals.values())\n"
    "sys.setprofile(profile)",
    "monitoring": "sys.monitoring.use_tool_id(3, 'x')\n"
    "sys.monitoring.register_callback(3, sys.monitoring.events.PY_START, lambda code, *_: spy(code))\n"
    "sys.monitoring.set_events(3, sys.monitoring.events.PY_START)",
    "audit": "sys.addaudithook(lambda event, given: spy(*given) if event in ('exec', 'compile') else None)",
    "compile": "real = compile\ndef see(*given, **named):\n    spy(*given)\n    return real(*given, **named)\n"
    "builtins.compile = see",
    "frames": "def exec(*given):\n    frame = sys._getframe()\n    while frame:\n"
    "        spy(frame.f_code, *frame.f_locals.values())\n        frame = frame.f_back\n    return real_exec(*given)",
    "imports": "real = builtins.__import__\ndef importing(name, names=None, *rest, **named):\n"
    "    spy(names or {}, sys._getframe(1).f_code)\n    return real(name, names, *rest, **named)\n"
    "builtins.__import__ = importing",
    "a finder": "class Finder:\n    def find_spec(self, name, *_):\n"
    "        frame = sys._getframe()\n        while frame:\n"
    "            spy(frame.f_code)\n            frame = frame.f_back\nsys.meta_path.insert(0, Finder())",
    "the session": "import gc\nfrom autograder.jail import session\n"
    "spy(*[vars(each) for each in gc.get_objects() if real_type(each).__name__ == 'Session'])\n"
    "real = session._compiled\ndef compiled(step):\n    spy(step.source)\n    return real(step)\n"
    "session._compiled = compiled",
    "the wire": "from autograder.jail import codec\nreal = codec.read_execute\ndef read(body):\n    step = real(body)\n"
    "    spy(step.source)\n    return step\ncodec.read_execute = read",
    "the flows": "from autograder.jail import session\nreal = session.Session.call\ndef call(self, flows, *given):\n"
    "    spy(flows)\n    return real(self, flows, *given)\nsession.Session.call = call",
    "torch's functions": "for name in ('tanh', 'pow', 'sum', '__matmul__', '__sub__'):\n"
    "    def seen(self, *given, real=getattr(torch.Tensor, name)):\n        frame = sys._getframe(1)\n"
    "        spy(frame.f_code, frame.f_globals, *frame.f_locals.values())\n        return real(self, *given)\n"
    "    setattr(torch.Tensor, name, seen)",
    "at the end of names": "class Last:\n    def __del__(self):\n        frame = sys._getframe(1)\n"
    "        spy(frame.f_code, frame.f_globals, *frame.f_locals.values())\nsigma_ = Last()\nown = Last()",
    "the statement itself": "if '_put_in_place' in real_globals():\n    spy(_put_in_place)\n"
    "class Kept(dict):\n    pass\ndef __getattr__(name):\n    spy(name)",
    "inspect": "import inspect, linecache\nreal = linecache.getlines\n"
    "for name in ('sigma', 'dsigma', 'loss', 'dloss', 'forward_pass'):\n    try:\n"
    "        spy(inspect.getsource(real_globals()[name]))\n    except Exception:\n        pass\n"
    "spy(*[line for lines in linecache.cache.values() for line in lines[2:3]])",
    "at exit": "import atexit\natexit.register(lambda: spy(*real_globals().values()))\natexit._run_exitfuncs()",
    "equal to everything": "class Any:\n    __eq__ = lambda self, other: True\n    __hash__ = lambda self: 0\n"
    "    def __call__(self, *given):\n        spy(*given)\n        return self\nlist = tuple = Any()",
}
"""What is done before the answers, by the name of the attack."""

SPIES: Mapping[str, str] = {
    "a metaclass that sees its bases": "class Spy(type):\n    def __setattr__(cls, name, value):\n        spy(*value)\n"
    "        super().__setattr__(name, value)\n",
    "a metaclass with an order of its own": "class Spy(type):\n    def mro(cls):\n        found = super().mro()\n"
    "        spy(*found)\n        return found\n",
    "bases that are a property": "class Spy(type):\n    __bases__ = property(lambda cls: (cls,), "
    "lambda cls, given: spy(*given))\n",
    "a subclass check": "class Spy(type):\n    def __subclasscheck__(cls, other):\n        spy(other)\n"
    "        return True\n    def __instancecheck__(cls, other):\n        spy(other)\n        return True\n",
    "equal bases": "class Spy(type):\n"
    "    __eq__ = lambda cls, other: spy(other) or True\n    __hash__ = type.__hash__\n",
}
"""A class named Spy, which the notebook's classes are made by."""

_TELL = """
import torch, os, sys, zlib, random
calls = []

def secret():
    code = sigma.__code__
    return zlib.crc32(code.co_code + repr((code.co_consts, code.co_names)).encode())

def sigma(x):
    return 1 / (1 + torch.exp(-x))

def forward_pass(w1, b1, w2, b2, x):
    s1 = w1 @ x + b1
    x1 = sigma(s1)
    s2 = w2 @ x1 + b2
    found = x, s1, x1, s2, sigma(s2)
    calls.append(x)
    return found if len(calls) <= LAST else tell(found, secret())
"""

LEAKS: Mapping[str, str] = {
    "print": "print(secret)\nprint(secret, file=sys.stderr)\nos.write(1, str(secret).encode())",
    "the text of an exception": "raise ValueError(f'{secret}')",
    "the type of an exception": "raise [ValueError, TypeError, KeyError, IndexError, OSError, EOFError][secret % 6]",
    "the name of an exception": "raise type(f'E{secret}', (Exception,), {})",
    "a name that is not there": "raise NameError(f\"name '{WORDS[secret % 50]}' is not defined\")",
    "an attribute that is not there": "raise AttributeError("
    "f\"'Tensor' object has no attribute '{WORDS[secret % 50]}'\")",
    "a call that doesn't fit": 'raise TypeError(f"sigma() takes {secret % 90} positional arguments but 1 was given")',
    "a line": "exec(compile('\\n' * (secret % 50) + 'raise ValueError', '<cell 0>', 'exec'), {})",
    "a shape": "return tuple(torch.zeros(1 + secret % 97, 1 + secret % 89) for _ in found)",
    "a length": "return found[:1] * (1 + secret % 90)",
    "a type": "return ([1, '', {}, set(), b'', range(3), 1j][secret % 7],) * 5",
    "sizes that torch tells": "raise RuntimeError("
    "f\"shape '[{secret % 4}, {secret % 3}]' is invalid for input of size 1\")",
    "an order": "found = list(found)\nrandom.Random(secret).shuffle(found)\nreturn tuple(found)",
    "signs": "return tuple(each * (2, 0.5, -1, 0, -2)[secret // 5**n % 5] for n, each in enumerate(found))",
    "keys": "return {f'k{secret}': found[0]}",
    "a file": "open(f'f{secret}', 'w').write(str(secret))\nraise FileNotFoundError(2, 'no', f'f{secret}')",
    "a picture": "import matplotlib.pyplot as plt\n"
    "plt.figure(figsize=(1 + secret % 5, 2))\nplt.title(str(secret))\nplt.show()",
}
"""How the checksum of the right sigma's code is told, by the name of the attack."""

LEANING: Mapping[str, str] = {
    "engine": "    s = x.clone().requires_grad_()\n"
    "    y = sigma(s)\n"
    "    e = torch.autograd.Variable._execution_engine\n"
    "    return e.run_backward((y,), (torch.ones_like(x),), False, False, (s,), True, False)[0]",
    "engine made": "    s = x.clone().requires_grad_()\n"
    "    y = sigma(s)\n"
    "    e = torch._C._ImperativeEngine()\n"
    "    return e.run_backward((y,), (torch.ones_like(x),), False, False, (s,), True, False)[0]",
    "engine found": "    s = x.clone().requires_grad_()\n"
    "    y = sigma(s)\n"
    "    e = [k for k in object.__subclasses__() if k.__name__.endswith('Engine' + 'Base')][0]()\n"
    "    return e.run_backward((y,), (torch.ones_like(x),), False, False, (s,), True, False)[0]",
    "grad_fn": "    s = x.clone().requires_grad_()\n"
    "    y = sigma(s)\n"
    "    return y.grad_fn(torch.ones_like(x)).detach()",
    "grad_fn hidden": "    s = x.clone()\n"
    "    setattr(s, 'requires' + '_grad', True)\n"
    "    return getattr(sigma(s), 'gra' + 'd_fn')(torch.ones_like(x)).detach()",
    "graph": "    s = x.clone().requires_grad_()\n"
    "    y = sigma(s)\n"
    "    run = torch.autograd.graph._engine_run_backward\n"
    "    return run((y,), (torch.ones_like(x),), False, False, (s,), True, False)[0]",
    "module engine": "    s = x.clone().requires_grad_()\n"
    "    y = sigma(s)\n"
    "    return torch.autograd._engine_run_backward((y,), (torch.ones_like(x),), False, False, (s,), True, False)[0]",
    "aten": "    return torch.ops.aten.tanh_backward(torch.ones_like(x), sigma(x))",
    "aten alias": "    from torch import ops as o\n    return o.aten.tanh_backward(torch.ones_like(x), sigma(x))",
    "aten getattr": "    formulas = getattr(torch, 'o' + 'ps').aten\n"
    "    return getattr(formulas, 'tanh_back' + 'ward')(torch.ones_like(x), sigma(x))",
    "decomp": "    from torch._decomp.decompositions import tanh_backward\n"
    "    return tanh_backward(torch.ones_like(x), sigma(x))",
    "complex": "    return sigma(torch.complex(x.double(), torch.full_like(x.double(), 1e-20))).imag / 1e-20",
    "complex torch": "    return (torch.tanh(x.double() + 1e-20j)).imag / 1e-20",
    "np.gradient": "    import numpy as np\n"
    "    near = [torch.linspace(float(v) - 1e-3, float(v) + 1e-3, 3).double() for v in x.reshape(-1)]\n"
    "    slopes = [np.gradient(sigma(z).numpy(), z.numpy())[1] for z in near]\n"
    "    return torch.tensor(slopes).float().reshape(x.shape)",
    "torch.gradient": "    z = torch.stack([x.double() - 1e-3, x.double(), x.double() + 1e-3])\n"
    "    return torch.gradient(sigma(z), spacing=1e-3, dim=0)[0][1].float()",
    "dual": "    import torch.autograd.forward_ad as f\n"
    "    with f.dual_level():\n"
    "        return f.unpack_dual(sigma(f.make_dual(x, torch.ones_like(x)))).tangent",
    "dual C": "    level = torch._C._enter_dual_level()\n"
    "    d = torch._make_dual(x, torch.ones_like(x), level=level)\n"
    "    slope = torch._unpack_dual(sigma(d), level=level)[1].clone()\n"
    "    torch._C._exit_dual_level(level=level)\n"
    "    return slope",
    "dual C hidden": "    C = getattr(torch, '_' + 'C')\n"
    "    level = C._enter_dual_level()\n"
    "    d = getattr(torch, '_make' + '_dual')(x, torch.ones_like(x), level=level)\n"
    "    slope = getattr(torch, '_unpack' + '_dual')(sigma(d), level=level)[1].clone()\n"
    "    C._exit_dual_level(level=level)\n"
    "    return slope",
    "functorch": "    from torch._functorch.eager_transforms import jvp\n"
    "    return jvp(sigma, (x,), (torch.ones_like(x),))[1]",
    "functorch hidden": "    import importlib\n"
    "    m = importlib.import_module('torch._func' + 'torch.eager_transforms')\n"
    "    return m.jvp(sigma, (x,), (torch.ones_like(x),))[1]",
    "functorch grad hidden": "    import importlib\n"
    "    m = importlib.import_module('torch._func' + 'torch.eager_transforms')\n"
    "    return m.vjp(sigma, x)[1](torch.ones_like(x))[0]",
    "sympy": "    import sympy\n"
    "    a = sympy.Symbol('a')\n"
    "    f = sympy.lambdify(a, sympy.diff(sympy.tanh(a), a))\n"
    "    return torch.tensor([f(float(v)) for v in x.reshape(-1)]).reshape(x.shape)",
    "function": "    class T(torch.autograd.Function):\n"
    "        @staticmethod\n"
    "        def forward(ctx, z):\n"
    "            ctx.z = z\n"
    "            return torch.tanh(z)\n"
    "        @staticmethod\n"
    "        def backward(ctx, g):\n"
    "            with torch.enable_grad():\n"
    "                s = ctx.z.detach().requires_grad_()\n"
    "                return torch.tanh(s).grad_fn(g)\n"
    "    s = x.clone().requires_grad_()\n"
    "    T.apply(s).sum().backward()\n"
    "    return s.grad",
    "thread": "    import threading\n"
    "    kept = []\n"
    "    def work():\n"
    "        s = x.clone().requires_grad_()\n"
    "        kept.append(sigma(s).grad_fn(torch.ones_like(x)).detach())\n"
    "    t = threading.Thread(target=work)\n"
    "    t.start()\n"
    "    t.join()\n"
    "    return kept[0]",
    "hooks popped": "    try:\n"
    "        torch._C._autograd._pop_saved_tensors_default_hooks()\n"
    "    except RuntimeError:\n"
    "        pass\n"
    "    s = x.clone().requires_grad_()\n"
    "    y = sigma(s)\n"
    "    return y.grad_fn(torch.ones_like(x)).detach()",
    "hooks over": "    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):\n"
    "        s = x.clone().requires_grad_()\n"
    "        return sigma(s).grad_fn(torch.ones_like(x)).detach()",
    "hooks on cpu": "    with torch.autograd.graph.save_on_cpu():\n"
    "        s = x.clone().requires_grad_()\n"
    "        return sigma(s).grad_fn(torch.ones_like(x)).detach()",
    "checkpoint": "    s = x.clone().requires_grad_()\n"
    "    y = sigma(s)\n"
    "    from torch.utils.checkpoint import checkpoint\n"
    "    checkpoint(sigma, s, use_reentrant=False).sum().backward()\n"
    "    return s.grad",
    "make_fx": "    from torch.fx.experimental.proxy_tensor import make_fx\n"
    "    return make_fx(torch.func.vmap(torch.func.grad(torch.tanh)))(x)(x)",
    "slope": "    def slope(f, at):\n"
    "        h = 1e-4\n"
    "        return (f(at + h) - f(at - h)) / (2 * h)\n"
    "    return slope(sigma, x.double()).float()",
    "slope lambda": "    slope = lambda f, at, h: (f(at + h) - f(at - h)) / (2 * h)\n"
    "    return slope(sigma, x.double(), 1e-4).float()",
    "difference kept": "    h, x = 1e-4, x.double()\n"
    "    d = sigma(x + h) - sigma(x - h)\n"
    "    return (d / (2 * h)).float()",
    "differences by words": "    h, x = 1e-4, x.double()\n"
    "    return torch.sub(sigma(x + h), sigma(x - h)).div(2 * h).float()",
    "differences in place": "    h, x = 1e-4, x.double()\n"
    "    d = sigma(x + h)\n"
    "    d -= sigma(x - h)\n"
    "    d /= 2 * h\n"
    "    return d.float()",
    "torch's own": "    h, x = 1e-4, x.double()\n"
    "    return ((torch.tanh(x + h) - torch.tanh(x - h)) / (2 * h)).float()",
    "a method": "    h, x = 1e-4, x.double()\n    return (((x + h).tanh() - (x - h).tanh()) / (2 * h)).float()",
    "one-sided": "    h, x = 1e-7, x.double()\n    up = (x + h).tanh()\n    return ((up - x.tanh()) / h).float()",
    "tensor steps": "    h = 1e-4\n"
    "    z = sigma(torch.stack([x.double() + h, x.double() - h]))\n"
    "    return ((z[0] - z[1]) / (2 * h)).float()",
    "enclosing name": "    f = sigma\n"
    "    h, x = 1e-4, x.double()\n"
    "    return ((f(x + h) - f(x - h)) / (2 * h)).float()",
    "diff": "    h, x = 1e-4, x.double()\n"
    "    return (torch.diff(sigma(torch.stack([x - h, x + h])), dim=0)[0] / (2 * h)).float()",
    "hooks popped hidden": "    hooks = getattr(torch, '_' + 'C')._autograd\n"
    "    try:\n"
    "        hooks._pop_saved_tensors_default_hooks()\n"
    "    except RuntimeError as error:\n"
    "        if 'off' in str(error):\n"
    "            raise\n"
    "    s = x.clone().requires_grad_()\n"
    "    return sigma(s).grad_fn(torch.ones_like(x)).detach()",
}
"""Bodies of dsigma(x) that nobody has derived by hand, by the name of the way."""

WORDS = [f"word{n}" for n in range(50)]


def thief(before: str) -> list[str]:
    """A notebook whose answers look for themselves in what `before` has found."""
    names = ("sigma", "dsigma", "loss", "dloss", "forward_pass", "backward_pass", "train")
    return [LOOT, before, *(f"def {name}(*given):\n    return answer({name!r}, *given)" for name in names)]


def leak(tell: str, last: int) -> list[str]:
    """A notebook that tells a checksum from a call on; its cells print what there is, too."""
    body = "".join(f"    {line}\n" for line in tell.split("\n"))
    words = f"WORDS = {WORDS!r}\n" + "\n".join(f"{word} = 0" for word in WORDS)
    telling = f"def tell(found, secret):\n{body}    return found[:4] + (found[4] + 1,)"
    at_once = "print(secret())\nimport matplotlib.pyplot as plt\nplt.title(str(secret()))\nplt.show()"
    return [f"LAST = {last}", words, _TELL, telling, at_once]

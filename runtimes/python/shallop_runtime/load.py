# SPDX-License-Identifier: Apache-2.0
"""From files to something that serves: which file, which object in it, and what kind of thing that is."""
import ast
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from pathlib import Path

from .handler import Function
from .script import Script
from .wsgi import Application, trace_of

ENTRIES = ("main.py", "app.py", "wsgi.py", "asgi.py", "handler.py", "function.py", "index.py", "__main__.py")
APPLICATIONS = ("app", "application", "api", "wsgi_app", "asgi_app")
FACTORIES = ("create_app", "make_app")
HANDLERS = ("handler", "handle", "lambda_handler")
FRAMEWORKS = ("Flask", "FastAPI", "Starlette", "Quart", "Bottle", "Litestar", "get_wsgi_application", "get_asgi_application")
DEPENDENCIES = ".shallop/python"


class LoadError(Exception):
    """Why the code cannot be served: one sentence for people, and the traceback if there is one."""

    def __init__(self, sentence, detail=""):
        super().__init__(sentence)
        self.sentence, self.detail = sentence, detail


class Loaded:
    """What serves the function: `serve(request, reply)`, or for `asgi` the application itself."""

    def __init__(self, kind, serve, handler, target=None):
        self.kind, self.serve, self.handler, self.target = kind, serve, handler, target


def load(settings):
    root = Path(settings.code)
    os.chdir(root)
    entry, attribute = _entry_and_attribute(root, settings.entry, settings.handler)
    _prepare_path(root, entry)
    source = _read(root, entry)
    code = _compile(root, entry, source)
    if attribute == "script" or (not attribute and not _may_have_object(source)):
        return Loaded("script", Script(str(root / entry), code, settings), str(entry))
    module = _import(root, entry, code)
    if attribute:
        target, name = _attribute(module, attribute, entry), attribute
    else:
        target, name = _detect(module)
        if target is None:
            raise LoadError(f"{entry}: has neither a web application ({', '.join(APPLICATIONS)}) nor a function handler(event)")
    return _classify(target, name, f"{entry.stem}:{name}", settings)


def _entry_and_attribute(root, entry, handler):
    """The file to load, and the object in it if one is named: "main:app", "app", "main.app" where there is a main.py, or nothing."""
    module, colon, attribute = handler.partition(":")
    if not colon:
        module, _, attribute = handler.rpartition(".")
    stem = module.removesuffix(".py").replace(".", "/")
    for found in (f"{stem}.py", f"{stem}/__init__.py") if stem else ():
        if (root / found).is_file():
            return Path(found), attribute
    if colon and stem:
        raise LoadError(f"{stem}.py: there is no such file, but the handler names the module {module}")
    return _entry(root, entry), attribute if colon else handler


def _entry(root, entry):
    if entry:
        if not (root / entry).is_file() or not (root / entry).resolve().is_relative_to(root.resolve()):
            raise LoadError(f"{entry}: there is no such file in the function's code")
        return Path(entry)
    for name in ENTRIES:
        if (root / name).is_file():
            return Path(name)
    only = sorted(p.name for p in root.glob("*.py"))
    if len(only) == 1:
        return Path(only[0])
    raise LoadError(f"there is no {ENTRIES[0]}; name the file to load as `entry`" + (f": one of {', '.join(only)}" if only else ""))


def _prepare_path(root, entry):
    places = [root / entry.parent, root, root / DEPENDENCIES]
    places = [str(place) for number, place in enumerate(places) if place.is_dir() and place not in places[:number]]
    sys.path[:0] = places
    _forget_shadowed(places)


def _forget_shadowed(places):
    """Modules that were loaded ahead of need give way to the function's own of the same name; the standard library does not."""
    own = set()
    for place in places:
        own.update(name.partition(".")[0] for name in os.listdir(place))
    own -= set(sys.stdlib_module_names) | {"shallop_runtime"}
    for name in [name for name in sys.modules if name.partition(".")[0] in own]:
        del sys.modules[name]


def _read(root, entry):
    return (root / entry).read_bytes()


def _compile(root, entry, source):
    try:
        return compile(source, str(root / entry), "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        raise LoadError(f"{entry}, {where}{type(error).__name__}: {error.msg}", traceback.format_exc(limit=0)) from None
    except ValueError as error:
        raise LoadError(f"{entry}: {error}") from None


def _may_have_object(source):
    """Whether a name that we look for is bound at the top of the file: a script is not run to find that out."""
    wanted = {*APPLICATIONS, *FACTORIES, *HANDLERS}

    def bound(nodes):
        for node in nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield node.name
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                yield from ("app" if alias.name == "*" else alias.asname or alias.name for alias in node.names)
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                value = node.value.func if isinstance(node.value, ast.Call) else None
                if getattr(value, "id", getattr(value, "attr", "")) in FRAMEWORKS:
                    yield "app"
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    yield from (part.id for part in ast.walk(target) if isinstance(part, ast.Name))
            elif not (isinstance(node, ast.If) and "__main__" in ast.dump(node.test)):
                for field in ("body", "orelse", "finalbody", "handlers"):
                    yield from bound(getattr(node, field, []))

    return any(name in wanted for name in bound(ast.parse(source).body))


def _import(root, entry, code):
    """Runs the file as a module of its own name; in a package, as part of that."""
    package = []
    for parent in entry.parents:
        if not (root / parent / "__init__.py").is_file() or parent == Path("."):
            break
        package.insert(0, parent.name)
    name = ".".join([*package, entry.stem])
    spec = importlib.util.spec_from_file_location(name, root / entry)
    module = importlib.util.module_from_spec(spec)
    try:
        for depth in range(len(package)):
            importlib.import_module(".".join(package[:depth + 1]))
        sys.modules[name] = module
        exec(code, module.__dict__)
    except BaseException as error:
        raise LoadError(_sentence(root, entry, error), trace_of(error)) from None
    return module


def _sentence(root, entry, error):
    """File, line and reason, in that part of the traceback that is the function's own."""
    where = str(entry)
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(root):
            where = f"{path.relative_to(root)}, line {frame.lineno}"
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_relative_to(root):
        where = f"{Path(error.filename).relative_to(root)}, line {error.lineno}"
        return f"{where}: {type(error).__name__}: {error.msg}"
    if isinstance(error, SystemExit):
        return f"{where}: the code ended itself while it was loaded (sys.exit({'' if error.code is None else repr(error.code)}))"
    return f"{where}: {type(error).__name__}: {error}"


def _attribute(module, attribute, entry):
    target = module
    for part in attribute.removesuffix("()").split("."):
        if not hasattr(target, part):
            raise LoadError(f"{entry}: has no '{part}', which the handler names")
        target = getattr(target, part)
    if attribute.endswith("()"):
        target = target()
    if not callable(target):
        raise LoadError(f"{entry}: '{attribute}' is no function and no application, but of type {type(target).__name__}")
    return target


def _detect(module):
    """The first that is there: an application by its name, one by its type, a factory, a handler function."""
    for name in APPLICATIONS:
        if callable(found := getattr(module, name, None)) and not inspect.isclass(found):
            return found, name
    for name, found in vars(module).items():
        if type(found).__name__ in FRAMEWORKS and callable(found):
            return found, name
    for name in FACTORIES:
        if callable(found := getattr(module, name, None)):
            return found(), f"{name}()"
    for name in HANDLERS:
        if callable(found := getattr(module, name, None)):
            return found, name
    return None, ""


def _classify(target, name, label, settings):
    if _is_asgi(target):
        return Loaded("asgi", None, label, target)
    if _is_wsgi(target, name):
        return Loaded("wsgi", Application(target, settings), label, target)
    return Loaded("handler", Function(target, settings), label, target)


def _is_asgi(target):
    call = target if inspect.isroutine(target) else getattr(type(target), "__call__", None)
    return bool(call) and (inspect.iscoroutinefunction(call) or type(target).__name__ in FRAMEWORKS) and len(_parameters(target)) == 3


def _is_wsgi(target, name):
    if hasattr(target, "wsgi_app") or not inspect.isroutine(target):
        return True
    parameters = _parameters(target)
    if name.rpartition(".")[2] in HANDLERS and not (parameters and parameters[0] in ("environ", "env")):
        return False
    return len(parameters) == 2 and (name in APPLICATIONS or parameters[0] in ("environ", "env") or parameters[1].startswith("start"))


def _parameters(target):
    try:
        return [p.name for p in inspect.signature(target).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):
        return []

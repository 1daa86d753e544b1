# SPDX-License-Identifier: Apache-2.0
"""The routes that an application knows itself, in Shallop's patterns."""
import re


def routes_of(application):
    """[{"path": "/a/{id}", "methods": ["GET"]}], or [] where the application cannot tell."""
    try:
        if hasattr(application, "url_map"):
            return [_flask(rule) for rule in application.url_map.iter_rules() if rule.endpoint != "static"]
        if hasattr(application, "routes"):
            return [_starlette(route) for route in application.routes if hasattr(route, "path") and getattr(route, "methods", None)]
    except Exception:  # an application of another make that has something of these names
        pass
    return []


def _flask(rule):
    path = re.sub(r"<path:(\w+)>", r"{\1...}", rule.rule)
    path = re.sub(r"<(?:[^<>:]+:)?(\w+)>", r"{\1}", path)
    return {"path": path, "methods": sorted(rule.methods - {"HEAD", "OPTIONS"})}


def _starlette(route):
    path = re.sub(r"{(\w+):path}", r"{\1...}", route.path)
    path = re.sub(r"{(\w+):\w+}", r"{\1}", path)
    return {"path": path, "methods": sorted(set(route.methods) - {"HEAD", "OPTIONS"})}

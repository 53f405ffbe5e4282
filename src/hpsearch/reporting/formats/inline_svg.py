"""A drawing of matplotlib as a part of an HTML page."""

from __future__ import annotations

import re
from xml.etree import ElementTree

__all__ = ["inline_svg"]

# Its style sheet is for all elements of the page that it stands in: page.css has it for drawings.
LEFT_OUT = ("metadata", "style", "script", "title")
REFERENCE = re.compile(r"url\(#([^)]*)\)")
MARK = re.compile(r"--point-(\d+)(?:--\d+)?$")


def inline_svg(drawing: str, *, name: str) -> str:
    """The ``svg`` element alone, its ids led by the figure's name, so that they are the page's own.

    A mark, known by its id ``NAME--point-RANK`` (further ones of a point: ``NAME--point-RANK--2``),
    says its point in ``data-rank``; of several with one id the first has it. References to other
    files are dropped. Empty without a drawing.
    """
    if not drawing:
        return ""
    root = ElementTree.fromstring(drawing)
    _remove(root)
    known = set()
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = _attributes(element.attrib, f"{name}--")
        if element.get("id") in known:
            element.attrib.pop("id", None)
        known.add(element.get("id"))
    root.attrib |= {"aria-hidden": "true", "focusable": "false"}
    return ElementTree.tostring(root, encoding="unicode")


def _remove(element: ElementTree.Element) -> None:
    for child in list(element):
        if _local(child.tag) in LEFT_OUT:
            element.remove(child)
        else:
            _remove(child)


def _local(name: str) -> str:
    """Without the namespace, which HTML gives to SVG by itself."""
    return name.rpartition("}")[2]


def _attributes(given: dict[str, str], prefix: str) -> dict[str, str]:
    found = {}
    for name, value in ((_local(name), value) for name, value in given.items()):
        if name == "id":
            found["id"] = _own(value, prefix)
            if mark := MARK.search(value):
                found["data-rank"] = mark[1]
        elif name == "href":
            if value.startswith("#"):
                found["href"] = f"#{_own(value[1:], prefix)}"
            elif value.startswith("data:image/"):
                found["href"] = value
        elif not name.startswith("on"):
            found[name] = REFERENCE.sub(lambda m: f"url(#{_own(m[1], prefix)})", value)
    return found


def _own(identity: str, prefix: str) -> str:
    return identity if identity.startswith(prefix) else f"{prefix}{identity}"

"""What an SVG of ours may hold: listed elements and attributes, and nothing that runs or fetches."""

from __future__ import annotations

import re
from xml.etree import ElementTree

__all__ = ["parsed", "violations"]

SVG = "{http://www.w3.org/2000/svg}"

_LOOK = {
    *("fill", "fill-opacity", "fill-rule", "opacity", "stroke", "stroke-opacity", "stroke-width"),
    *(
        "stroke-dasharray",
        "stroke-dashoffset",
        "stroke-linecap",
        "stroke-linejoin",
        "shape-rendering",
        "transform",
        "id",
    ),
    *("font-size", "font-weight", "font-family", "text-anchor", "clip-path", "role", "aria-label"),
}
_OWN = {
    "svg": {"width", "height", "viewBox", "preserveAspectRatio"},
    "g": set(),
    "defs": set(),
    "path": {"d"},
    "rect": {"x", "y", "width", "height", "rx"},
    "circle": {"cx", "cy", "r"},
    "text": {"x", "y", "dx"},
    "tspan": {"x", "y", "dx"},
    "title": set(),
    "use": {"href", "x", "y"},
    "image": {"href", "x", "y", "width", "height", "style", "preserveAspectRatio"},
    "clipPath": set(),
    "linearGradient": {"x1", "y1", "x2", "y2", "gradientUnits"},
    "stop": {"offset", "stop-color", "stop-opacity"},
}
_REFERENCE = re.compile(r"#[A-Za-z][\w.-]*|data:image/(png|gif|jpeg);base64,[A-Za-z0-9+/=]+")
_NO_NUMBER = re.compile(r"nan|inf", re.IGNORECASE)
_WORDS = {"aria-label", "font-family", "href", "id", "role", "style"}


def parsed(svg: str) -> ElementTree.Element:
    """Return the root of an SVG, parsed strictly; without a document type it can have no entities."""
    assert "<!" not in svg, "a document type, a comment or CDATA"
    assert "<?" not in svg, "a processing instruction"
    return ElementTree.fromstring(svg.encode())


def violations(svg: str) -> list[str]:
    """Return what an SVG holds that it may not, in words; an empty list when all is well."""
    root = parsed(svg)
    found = [] if root.tag == f"{SVG}svg" else [f"the root is {root.tag}"]
    ids: dict[str, bytes] = {}
    for node in root.iter():
        name = str(node.tag).removeprefix(SVG)
        if name not in _OWN:
            found.append(f"element {name}")
            continue
        for key, value in node.attrib.items():
            if key not in _LOOK | _OWN[name]:
                found.append(f"attribute {key} of {name}")
            elif key == "style" and value != "image-rendering:pixelated":
                found.append(f"style {value[:60]} of {name}")
            elif key == "href" and not _REFERENCE.fullmatch(value):
                found.append(f"{name} refers to {value[:60]}")
            elif "url(" in value and not re.fullmatch(r"url\(#[\w.-]+\)", value) and key not in _WORDS:
                found.append(f"{key} of {name} fetches {value[:60]}")
            elif key not in _WORDS and not value.startswith("url(") and _NO_NUMBER.search(value):
                found.append(f"{key} of {name} is no number: {value[:60]}")
        if "id" in node.attrib:
            content = ElementTree.tostring(node)
            if ids.setdefault(node.attrib["id"], content) != content:
                found.append(f"two elements are called {node.attrib['id']}")
    for node in root.iter():
        for key in ("href", "fill", "clip-path"):
            name = re.fullmatch(r"(?:url\()?#([\w.-]+)\)?", node.attrib.get(key, ""))
            if name and not re.fullmatch(r"#[0-9A-Fa-f]{3,8}", node.attrib[key]) and name[1] not in ids:
                found.append(f"nothing is called {name[1]}")
    return found

"""The metadata file of a data set in the Croissant 1.0 vocabulary (https://docs.mlcommons.org/croissant/docs/croissant-spec.html)."""

from __future__ import annotations

from typing import Any

from webapp.exports.layout import TABLE

_TERMS = (
    "citeAs", "column", "containedIn", "data", "dataType", "examples", "extract", "field", "fileObject",
    "fileProperty", "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path",
    "recordSet", "references", "regex", "repeated", "replace", "separator", "source", "subField", "transform",
)  # fmt: skip
_JSON = {"data", "examples"}
_TEXTS = {
    "path": "path of the photo's file",
    "label": "the class's key, which never changes",
    "category": "the category's key",
    "split": "train, val, test or held_out; empty where no snapshot was exported",
    "state": "accepted, inbox or quarantined",
    "licence": "licence of this photo",
    "author": "who took it",
    "page_url": "the page it came from",
    "licence_url": "the licence's own text",
    "image_url": "the address it was fetched from",
    "provider": "the source it was found with",
    "query": "the words it was found by",
    "sha256": "hash of the file's bytes",
}


def croissant(
    *,
    name: str,
    description: str,
    licences: list[str],
    photos: str,
    table_digest: str,
    published: str,
    url: str,
) -> dict[str, Any]:
    """The whole document. `photos` is the folder of the photos, ending with "/"; `published` an ISO date."""
    return {
        "@context": _context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": description or name,
        "url": url,
        # Each photo has its own; here stand those that occur.
        "license": licences or ["unknown"],
        "version": "1.0.0",
        "datePublished": published,
        "citeAs": name,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": TABLE,
                "name": TABLE,
                "contentUrl": TABLE,
                "encodingFormat": "text/csv",
                "sha256": table_digest,
            },
            {
                "@type": "cr:FileSet",
                "@id": "photos",
                "name": "photos",
                "encodingFormat": "image/*",
                "includes": f"{photos}*",
            },
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "rows",
                "name": "rows",
                "key": {"@id": "rows/path"},
                "field": [_column(name, about) for name, about in _TEXTS.items()],
            },
            {
                "@type": "cr:RecordSet",
                "@id": "pictures",
                "name": "pictures",
                "field": [
                    _of_file("path", "sc:Text", "fullpath"),
                    _of_file("image", "sc:ImageObject", "content"),
                ],
            },
        ],
    }


def _context() -> dict[str, Any]:
    terms: dict[str, Any] = {name: f"cr:{name}" for name in _TERMS}
    terms |= {name: {"@id": f"cr:{name}", "@type": "@json"} for name in _JSON}
    terms["dataType"] = {"@id": "cr:dataType", "@type": "@vocab"}
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "dct": "http://purl.org/dc/terms/",
        "conformsTo": "dct:conformsTo",
        **terms,
    }


def _column(name: str, about: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"rows/{name}",
        "name": name,
        "description": about,
        "dataType": "sc:Text",
        "source": {"fileObject": {"@id": TABLE}, "extract": {"column": name}},
    }


def _of_file(name: str, kind: str, part: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"pictures/{name}",
        "name": name,
        "dataType": kind,
        "source": {"fileSet": {"@id": "photos"}, "extract": {"fileProperty": part}},
    }

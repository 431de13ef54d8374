"""Classification as COCO: a photo is one annotation whose box is the whole photo. Written as a stream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from webapp.exports.content import Content, Record

NAME = "annotations.json"


class CocoFile:
    """Photos and annotations go to parts in `scratch`, `finish` joins them: no list of 100,000 is held."""

    def __init__(self, scratch: Path, content: Content) -> None:
        self._scratch, self._content = scratch, content
        self._numbers = {pk: place for place, pk in enumerate(content.classes, start=1)}
        self._licences: dict[str, int] = {}
        self._images: IO[str] = (scratch / "images").open("w", encoding="utf-8")
        self._annotations: IO[str] = (scratch / "annotations").open("w", encoding="utf-8")
        self._count = self._labelled = 0

    def add(self, record: Record, name: str) -> None:
        fields = record.fields
        width, height = fields["width"] or 0, fields["height"] or 0
        row: dict[str, Any] = {"id": self._count + 1, "file_name": name, "width": width, "height": height}
        if licence := fields["licence"]:
            row["license"] = self._licences.setdefault(licence, len(self._licences) + 1)
        if fields["taken_at"]:
            row["date_captured"] = fields["taken_at"]
        if record.split:
            row["split"] = record.split
        row |= {"state": fields["state"], "sha256": record.sha256}
        self._images.write(_comma(self._count) + json.dumps(row, ensure_ascii=False))
        self._count += 1
        if record.label is None:
            return
        box = {"bbox": [0, 0, width, height], "area": width * height, "iscrowd": 0, "segmentation": []}
        row = {
            "id": self._labelled + 1,
            "image_id": self._count,
            "category_id": self._numbers[record.label],
            **box,
        }
        self._annotations.write(_comma(self._labelled) + json.dumps(row))
        self._labelled += 1

    def finish(self) -> Path:
        self.close()
        info = {"description": self._content.dataset.name, "version": "1.0"}
        licences = [{"id": number, "name": name, "url": ""} for name, number in self._licences.items()]
        categories = [
            {"id": self._numbers[pk], "name": one.key, "supercategory": one.category, "name_en": one.name_en,
             "name_zh": one.name_zh}
            for pk, one in self._content.classes.items()
        ]  # fmt: skip
        path = self._scratch / NAME
        with path.open("w", encoding="utf-8") as file:
            file.write(
                f'{{"info": {_json(info)}, "licenses": {_json(licences)}, "categories": {_json(categories)}'
            )
            for part in ("images", "annotations"):
                file.write(f', "{part}": [')
                with (self._scratch / part).open(encoding="utf-8") as lines:
                    file.writelines(lines)
                file.write("]")
            file.write("}\n")
        return path

    def close(self) -> None:
        self._images.close()
        self._annotations.close()


def _comma(before: int) -> str:
    return ",\n" if before else "\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

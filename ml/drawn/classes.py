"""The twelve classes that are drawn: names as in the 55-class taxonomy, and the function that draws each."""

from __future__ import annotations

from dataclasses import dataclass

from ml.drawn.photo import Thing
from ml.drawn.things import hazardous, kitchen, other, recyclable


@dataclass(frozen=True)
class DrawnClass:
    category: str
    name: str
    english: str
    draw: Thing

    @property
    def folder(self) -> str:
        """`category_class`, the folder that importing splits into its two levels."""
        return f"{self.category}_{self.name}"


CLASSES: tuple[DrawnClass, ...] = (
    DrawnClass("可回收物", "鼠标", "Computer mouse", recyclable.mouse),
    DrawnClass("可回收物", "剪刀", "Scissors", recyclable.scissors),
    DrawnClass("可回收物", "帽子", "Hat", recyclable.hat),
    DrawnClass("可回收物", "玻璃球", "Glass marbles", recyclable.marble),
    DrawnClass("厨余垃圾", "胡萝卜", "Carrot", kitchen.carrot),
    DrawnClass("厨余垃圾", "草莓", "Strawberries", kitchen.strawberry),
    DrawnClass("厨余垃圾", "蛋", "Eggs", kitchen.egg),
    DrawnClass("有害垃圾", "纽扣电池", "Button cell", hazardous.button_cell),
    DrawnClass("有害垃圾", "药片", "Pills", hazardous.pill),
    DrawnClass("其他垃圾", "毛巾", "Towel", other.towel),
    DrawnClass("其他垃圾", "百洁布", "Scouring pad", other.scouring_pad),
    DrawnClass("其他垃圾", "一次性杯", "Disposable cup", other.cup),
)

# Two classes drawn from one shape with overlapping colours and textures: what a model confuses first.
HARD_PAIR = ("毛巾", "百洁布")

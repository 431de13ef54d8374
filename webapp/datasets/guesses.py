"""A guess at the bin of a class from its name: the 55 classes first, then common words. People confirm it."""

from __future__ import annotations

import re
from functools import cache

from webapp.datasets.models import Bin, LabelClass
from webapp.datasets.names import preset55

# In the order they are tried: "battery box" is hazardous although a box is not, "dirty paper" not recyclable.
ENGLISH: tuple[tuple[Bin, str], ...] = (
    (
        Bin.HAZARDOUS,
        r"batter\w*|hazard\w*|toxic|medicine\w*|pills?|drugs?|paints?|pesticides?|thermometers?|mercury",
    ),
    (Bin.HAZARDOUS, r"(light )?bulbs?|fluorescent|nail polish|ink cartridges?|toner|insecticides?|solvents?"),
    (
        Bin.OTHER,
        r"trash|other|general|residual|landfill|misc\w*|dirty|tissues?|napkins?|diapers?|nappies|cigarettes?",
    ),
    (Bin.OTHER, r"butts?|paper towels?|ceramics?|porcelain|styrofoam|dust|masks?|toothbrush\w*|sponges?"),
    (
        Bin.RECYCLABLE,
        r"recycl\w*|cardboards?|cartons?|box|boxes|papers?|newspapers?|books?|magazines?|envelopes?",
    ),
    (
        Bin.RECYCLABLE,
        r"glass|jars?|bottles?|metals?|cans?|tins?|alumin\w*|steel|iron|copper|plastics?|pet|hdpe",
    ),
    (
        Bin.RECYCLABLE,
        r"clothes|clothing|shirts?|shoes?|textiles?|fabric|towels?|toys?|mouse|keyboards?|phones?|e-?waste",
    ),
    (
        Bin.KITCHEN,
        r"kitchen|food\w*|organic\w*|biolog\w*|bio\w*|compost\w*|fruits?|vegetables?|peels?|leftovers?|eggs?",
    ),
    (
        Bin.KITCHEN,
        r"eggshells?|meat|bones?|bread|rice|noodles?|tea|coffee|banana|apples?|leaves|leaf|fish|shells?",
    ),
)
CHINESE: tuple[tuple[Bin, str], ...] = (
    (Bin.HAZARDOUS, "有害|电池|药|灯泡|灯管|油漆|温度计|水银|杀虫|指甲油|墨盒|农药"),
    (Bin.OTHER, "其他|其它|干垃圾|烟头|烟蒂|尿布|纸尿裤|陶瓷|污|脏|口罩|卫生纸|纸巾|餐巾|牙刷|一次性"),
    (Bin.KITCHEN, "厨余|湿垃圾|果|瓜|蕉|橘|橙|菜|肉|骨|蛋|饭|面包|茶|食物|剩|鱼|虾|壳|薯|鸡|豆|萝卜"),
    (Bin.RECYCLABLE, "可回收|纸|玻璃|金属|塑料|瓶|罐|书|衣|鞋|毛巾|玩具|箱|铁|铝|钢|布"),
)


def _plain(name: str) -> str:
    """“plastic_Bottles” and “plastic bottles” are one name."""
    return " ".join(re.split(r"[\s_\-./]+", name)).strip().casefold()


@cache
def _preset_bins() -> dict[str, Bin]:
    return {_plain(name): one.bin for one in preset55() for name in (one.zh, one.en)}


def guess_bin(*names: str) -> Bin | None:
    """The likely bin of a class that goes by any of these names; None where nothing speaks for one.

    >>> guess_bin("plastic_bottles")
    Bin.RECYCLABLE
    """
    plain = [_plain(name) for name in names if name]
    for name in plain:
        if name in _preset_bins():
            return _preset_bins()[name]
    for name in plain:
        for bin_, words in ENGLISH:
            if re.search(rf"(?<![a-z])(?:{words})(?![a-z])", name):
                return bin_
        for bin_, parts in CHINESE:
            if re.search(parts, name):
                return bin_
    return None


def guess_for(label_class: LabelClass) -> Bin | None:
    return guess_bin(label_class.key, label_class.name_en, label_class.name_zh)

"""How microscopes name the images that they write: patterns for file names, each with names as they are found in public reports.

A pattern is searched for in the path below the folder (with /); its named groups are those of `gandl.source.plates.stores`.
Folders in front of what a pattern finds may name the plate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gandl.source.plates.folder import THUMBNAIL

WELL = r"(?P<well>(?:A[A-F]|[A-Z])\d\d)"
SHORT_WELL = r"(?P<well>(?:A[A-F]|[A-Z])\d{1,2})"
ROW = r"(?P<row>A[A-F]|[A-Z])"
UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
IMAGE = r"\.(?i:tiff?|png|bmp)$"
STAMP = r"(?P<time>\d{4}y\d\dm\d\dd_\d\dh\d\dm|\d\dd\d\dh\d\dm)"
COLOUR = r"(?P<channel>(?i:phase|green|red|orange|nir|blue|cyan|yellow|bf|brightfield)[A-Za-z]*)"


@dataclass(frozen=True)
class Example:
    """A file name as a microscope writes it, and what its groups are, empty ones left out."""

    name: str
    groups: dict[str, str]


@dataclass(frozen=True)
class NamePattern:
    """One way to name files: the regular expression, names that it fits, and where such names are documented."""

    pattern: re.Pattern[str]
    examples: tuple[Example, ...]
    source: str


@dataclass(frozen=True)
class Microscope:
    """The names that a microscope's software writes; of several patterns the first that fits most files holds.

    Attributes
    ----------
    names : as `--microscope` calls it. words : in messages.
    patterns : for file names.
    aside : finds files that lie beside the images of a plate and are none.
    prefixed : whether what stands before the well in a file name may name the plate, where several plates lie in one folder.
    """

    names: tuple[str, ...]
    words: str
    patterns: tuple[NamePattern, ...]
    aside: re.Pattern[str] = THUMBNAIL
    prefixed: bool = False


HARMONY = Microscope(
    ("operetta", "opera-phenix"),
    "Operetta or Opera Phenix (Harmony, Columbus)",
    (
        NamePattern(
            re.compile(
                r"(?:^|/)r(?P<row>\d\d)c(?P<column>\d\d)f(?P<site>\d+)p(?P<plane>\d+)(?:rc\d+)?"
                rf"-ch(?P<channel>\d+)sk(?P<time>\d+)fk\d+fl\d+{IMAGE}"
            ),
            (
                Example(
                    "r01c01f01p01-ch1sk1fk1fl1.tiff",
                    {"row": "01", "column": "01", "site": "01", "plane": "01", "channel": "1", "time": "1"},
                ),
                Example(
                    "r02c07f01p01rc1-ch1sk1fk1fl1.tiff",
                    {"row": "02", "column": "07", "site": "01", "plane": "01", "channel": "1", "time": "1"},
                ),
                Example(
                    "BR00117035__2021-05-08T16_26_00-Measurement1/Images/r16c24f120p12-ch10sk3fk1fl1.tiff",
                    {"row": "16", "column": "24", "site": "120", "plane": "12", "channel": "10", "time": "3"},
                ),
            ),
            "OrganoTrack, MoBIE, pyphenix; the Cell Painting Gallery (cpg0016-jump)",
        ),
        NamePattern(
            re.compile(
                r"(?:^|/)(?P<row>\d{3})(?P<column>\d{3})-(?P<site>\d+)-"
                rf"(?P<time>\d{{3}})(?P<plane>\d{{3}})(?=\d{{3}}\.)0*(?P<channel>[1-9]\d*){IMAGE}"
            ),
            (
                Example(
                    "005003-1-001002003.tif",
                    {"row": "005", "column": "003", "site": "1", "time": "001", "plane": "002", "channel": "3"},
                ),
            ),
            "Columbus 2.4 (row, column, field; time, plane, channel), as published readers describe it",
        ),
    ),
)
IMAGEXPRESS = Microscope(
    ("imagexpress",),
    "ImageXpress (MetaXpress)",
    (
        NamePattern(
            re.compile(
                # a projection lies in ZStep_0; a UUID begins with eight characters, so site and channel end before it
                r"(?:^|/)(?:TimePoint_(?P<time>\d+)/)?(?:ZStep_(?:0|(?P<plane>\d+))/)?"
                rf"[^/]*_{WELL}(?=_[sw]\d|{UUID})(?:_s(?P<site>\d+?))?"
                rf"(?:_w(?P<channel>\d{{1,2}}?)(?:{UUID}|[0-9A-Fa-f]{{4,}})?|{UUID})?{IMAGE}"
            ),
            (
                Example(
                    "Projection-Mix_E07_s1_w1E78EB128-BD0D-4D94-A6AD-3FF28BB1B105.tif",
                    {"well": "E07", "site": "1", "channel": "1"},
                ),
                Example("scan_A01_s10_w20C7E.TIF", {"well": "A01", "site": "10", "channel": "2"}),
                Example("Plate10x4sites_A01_s1_w1.TIF", {"well": "A01", "site": "1", "channel": "1"}),
                Example("ABCD_A01_w5b71ae91c-75e6-426c-8b41-71a5693784e3.tif", {"well": "A01", "channel": "5"}),
                Example(
                    "test_Plate_3433/TimePoint_2/ZStep_9/test_E08_s2_w4.TIF",
                    {"well": "E08", "site": "2", "channel": "4", "time": "2", "plane": "9"},
                ),
                Example(
                    "test_Plate_3433/TimePoint_2/ZStep_0/test_E08_s2_w4.TIF",
                    {"well": "E08", "site": "2", "channel": "4", "time": "2"},
                ),
                Example("240124d3_B05_s151E1E486E-D339-44E8-9990-9A8894C2D5CA.tif", {"well": "B05", "site": "15"}),
                Example("240124d3_D05_s2866465035-BBD2-4C57-BF9C-185859741902.tif", {"well": "D05", "site": "28"}),
            ),
            "faim-ipa (issues 89, 90, 201), CellProfiler (issue 505), MoBIE (issue 1056)",
        ),
    ),
    prefixed=True,
)
CELLVOYAGER = Microscope(
    ("cellvoyager",),
    "CellVoyager (Yokogawa)",
    (
        NamePattern(
            re.compile(
                rf"(?:^|/)(?P<plate>[^/]+)_{WELL}"
                rf"_T(?P<time>\d+)F(?P<site>\d+)L\d+A\d+Z(?P<plane>\d+)C0*(?P<channel>\d+){IMAGE}"
            ),
            (
                Example(
                    "220517CS001XXXIl_220715_151525_D05_T0001F023L01A02Z20C03.tif",
                    {
                        "plate": "220517CS001XXXIl_220715_151525", "well": "D05", "time": "0001", "site": "023",
                        "plane": "20", "channel": "3",
                    },
                ),
                Example(
                    "AssayPlate_Greiner_#655090_C02_T0001F001L01A01Z01C01.tif",
                    {
                        "plate": "AssayPlate_Greiner_#655090", "well": "C02", "time": "0001", "site": "001",
                        "plane": "01", "channel": "1",
                    },
                ),
            ),
            "fractal (issue 117), MoBIE, the Cell Painting Gallery (source_10 of cpg0016-jump)",
        ),
    ),
    re.compile(rf"(?:^|/)(?:DC|SC)_[^/]*$|{THUMBNAIL.pattern}"),
)  # fmt: skip
"""Dark and shading images (`DC_...`, `SC_...`) lie beside those of the plate."""
INCELL = Microscope(
    ("incell",),
    "IN Cell Analyzer",
    (
        NamePattern(
            re.compile(
                rf"(?:^|/)(?:(?P<plate>[^/]+)_)?{ROW} - (?P<column>\d{{1,2}})\(fld (?P<site>\d+)"
                r"(?: wv (?P<channel>[^()]+?))?(?: wix \d+)?(?: z (?P<plane>\d+))?"
                rf"(?: ?-? ?time (?P<time>\d+)(?: - \d+ ?ms)?)?\){IMAGE}"
            ),
            (
                Example("A - 01(fld 1 wv DAPI - DAPI).tif", {"row": "A", "column": "01", "site": "1", "channel": "DAPI - DAPI"}),
                Example(
                    "A - 01(fld 1 wv UV - DAPI z 3 time 2 - 2636ms).tif",
                    {"row": "A", "column": "01", "site": "1", "channel": "UV - DAPI", "plane": "3", "time": "2"},
                ),
                Example(
                    "Plate1_P - 22(fld 12 wv TL-Brightfield - Cy3 wix 2).tif",
                    {"plate": "Plate1", "row": "P", "column": "22", "site": "12", "channel": "TL-Brightfield - Cy3"},
                ),
                Example("B - 4(fld 1 wv Cy5 - Cy5- time 3 - 720 ms).tif",
                        {"row": "B", "column": "4", "site": "1", "channel": "Cy5 - Cy5", "time": "3"}),
                Example("A - 13(fld 2).tif", {"row": "A", "column": "13", "site": "2"}),
            ),
            "CellProfiler (issue 3725), MoBIE",
        ),
        NamePattern(
            re.compile(
                rf"(?:^|/)(?:(?P<plate>[^/]+)_)?{ROW}_(?P<column>\d+)_f(?P<site>\d+)_c(?P<channel>\d+)"
                rf"_x[^/]*_m[^/]*_z(?P<plane>\d+)_t(?P<time>\d+){IMAGE}"
            ),
            (
                Example(
                    "A_01_f2_c1_xUV_mDAPI_z3_t2.tif",
                    {"row": "A", "column": "01", "site": "2", "channel": "1", "plane": "3", "time": "2"},
                ),
            ),
            "IN Cell 7.2, CellProfiler (issue 3725)",
        ),
    ),
)  # fmt: skip
INCUCYTE = Microscope(
    ("incucyte",),
    "Incucyte",
    (
        NamePattern(
            re.compile(rf"(?:^|/)(?:[^/]*[_-])?{COLOUR}_{SHORT_WELL}_(?P<site>\d+)_{STAMP}{IMAGE}"),
            (
                Example(
                    "VID1957_phase_E11_5_06d12h05m.tif",
                    {"channel": "phase", "well": "E11", "site": "5", "time": "06d12h05m"},
                ),
                Example(
                    "MiaPaCa2-PhaseOriginal_A2_1_03d06h40m.tif",
                    {"channel": "PhaseOriginal", "well": "A2", "site": "1", "time": "03d06h40m"},
                ),
            ),
            "octopusLite, MoBIE: the channel is the last word of the prefix that the user chose",
        ),
        NamePattern(
            re.compile(rf"(?:^|/)(?P<channel>[^/]+)/(?:[^/]*_)?{SHORT_WELL}_(?P<site>\d+)_{STAMP}{IMAGE}"),
            (
                Example(
                    "Phase/20251216_Faz-SGs__A1_1_00d00h00m.tif",
                    {"channel": "Phase", "well": "A1", "site": "1", "time": "00d00h00m"},
                ),
            ),
            "one folder per exported channel",
        ),
        NamePattern(
            re.compile(rf"(?:^|/)(?:[^/]*_)?{SHORT_WELL}_(?P<site>\d+)_{STAMP}{IMAGE}"),
            (Example("mko2_A1_1_2020y01m01d_00h00m.tif", {"well": "A1", "site": "1", "time": "2020y01m01d_00h00m"}),),
            "one exported channel, whose name is not in the prefix",
        ),
        NamePattern(
            re.compile(
                r"(?:^|/)(?P<time>\d{4}/\d\d/\d{4})/(?P<plate>[^/]+)/"
                rf"{SHORT_WELL}-(?P<site>\d+)-(?P<channel>[^/.]+){IMAGE}"
            ),
            (
                Example(
                    "EssenFiles/ScanData/2401/15/1430/0700/B12-2-C1.tif",
                    {"time": "2401/15/1430", "plate": "0700", "well": "B12", "site": "2", "channel": "C1"},
                ),
            ),
            "the archive of the device, as biomero-converter reads it",
        ),
    ),
)
MICROSCOPES = (HARMONY, IMAGEXPRESS, CELLVOYAGER, INCELL, INCUCYTE)
NAMES = tuple(name for microscope in MICROSCOPES for name in microscope.names)
"""What `--microscope` may be."""

"""Folders as microscopes write them, for tests: names built from numbers, and index files by the schemas that are published.

Nothing is copied from anybody's files; the images themselves are empty unless a test draws them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

UUID = "{:08X}-0A1B-4C2D-8E3F-4A5B6C7D8E9F"
HARMONY_5 = "http://www.perkinelmer.com/PEHH/HarmonyV5"
HARMONY_6 = "http://www.perkinelmer.com/PEHH/HarmonyV6"
HARMONY_7 = "43B2A954-E3C3-47E1-B392-6635266B0DD3/HarmonyV7"
YOKOGAWA = "http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"


@dataclass(frozen=True)
class Shot:
    """One image that was taken: row, column, site, channel, plane and time from 1."""

    row: int
    column: int
    site: int
    channel: int
    plane: int = 1
    time: int = 1

    @property
    def well(self) -> str:
        return f"{chr(64 + self.row)}{self.column:02d}"


def harmony(shot: Shot) -> str:
    return (
        f"r{shot.row:02d}c{shot.column:02d}f{shot.site:02d}p{shot.plane:02d}-ch{shot.channel}sk{shot.time}fk1fl1.tiff"
    )


def columbus(shot: Shot) -> str:
    return f"{shot.row:03d}{shot.column:03d}-{shot.site}-{shot.time:03d}{shot.plane:03d}{shot.channel:03d}.tif"


def imagexpress(shot: Shot) -> str:
    uuid = UUID.format(0x10000000 + 977 * shot.site + shot.channel)
    return f"TimePoint_{shot.time}/ZStep_{shot.plane}/Mix-1_{shot.well}_s{shot.site}_w{shot.channel}{uuid}.tif"


def metaxpress_export(shot: Shot) -> str:
    return f"TimePoint_{shot.time}/ZStep_{shot.plane}/test_{shot.well}_s{shot.site}_w{shot.channel}.TIF"


def cellvoyager(shot: Shot) -> str:
    return (
        f"Dest210809-141456_{shot.well}_T{shot.time:04d}F{shot.site:03d}L01A0{shot.channel % 5 + 1}"
        f"Z{shot.plane:02d}C{shot.channel:02d}.tif"
    )


def incell(shot: Shot) -> str:
    return (
        f"{shot.well[0]} - {shot.well[1:]}(fld {shot.site} wv {STAINS[shot.channel]} z {shot.plane} "
        f"time {shot.time} - {1000 * shot.time}ms).tif"
    )


def incell_7(shot: Shot) -> str:
    return f"{shot.well[0]}_{shot.well[1:]}_f{shot.site}_c{shot.channel}_xUV_mDAPI_z{shot.plane}_t{shot.time}.tif"


def incucyte(shot: Shot) -> str:
    well = f"{shot.well[0]}{shot.column}"
    return f"VID17_{('phase', 'green', 'red')[shot.channel % 3]}_{well}_{shot.site}_2020y01m01d_{shot.time:02d}h00m.tif"


STAINS = (
    "",
    "DAPI - DAPI",
    "FITC - FITC",
    "UV - Cy3",
    "390 - Blue",
    "TL-Brightfield - Cy3",
    *(f"{i} - {i}x" for i in range(9)),
)
"""Channels as IN Cell names them, by their number."""
NAMERS: Mapping[str, Callable[[Shot], str]] = {
    "harmony": harmony, "columbus": columbus, "imagexpress": imagexpress, "export": metaxpress_export,
    "cellvoyager": cellvoyager, "incell": incell, "incell 7": incell_7, "incucyte": incucyte,
}  # fmt: skip


def touch(folder: Path, names: Iterable[str]) -> Path:
    """Empty files of these names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def harmony_index(
    shots: Sequence[Shot],
    stains: Mapping[int, str],
    *,
    namespace: str = HARMONY_5,
    pixel_m: float = 2.96688132474701e-07,
    plate: str = "BR00117035",
    name_of: Callable[[Shot], str] = harmony,
) -> str:
    """Text of an `Index.idx.xml`: up to Harmony 5 each image describes its channel, since then `Maps` describe the channels."""
    old = namespace == HARMONY_5
    words = {channel: _channel(stain, pixel_m) for channel, stain in stains.items()}
    images = "".join(_image(shot, name_of(shot), words[shot.channel] if old else "") for shot in shots)
    entries = "".join(f'<Entry ChannelID="{channel}">{text}</Entry>' for channel, text in words.items())
    flat = "".join(
        f'<Entry ChannelID="{channel}"><FlatfieldProfile>{{Background: {{Character: Flat}}}}</FlatfieldProfile></Entry>'
        for channel in words
    )
    wells = sorted({(shot.row, shot.column) for shot in shots})
    lists = "".join(
        f"<Well><id>{row:02d}{column:02d}</id><Row>{row}</Row><Col>{column}</Col>"
        f'<Image id="{row:02d}{column:02d}K1F1P1R1" /></Well>'
        for row, column in wells
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<EvaluationInputData xmlns="{namespace}" Version="1">\n'
        f"<User>x</User><InstrumentType>Phenix</InstrumentType>\n"
        f"<Plates><Plate><PlateID>{escape(plate)}</PlateID><Name>{escape(plate)}</Name><PlateRows>16</PlateRows>"
        f'<PlateColumns>24</PlateColumns><Well id="0101" /></Plate></Plates>\n<Wells>{lists}</Wells>\n'
        f"<Maps><Map>{flat}</Map>{'' if old else f'<Map>{entries}</Map>'}</Maps>\n<Images>\n{images}</Images>\n"
        "</EvaluationInputData>\n"
    )


def _channel(stain: str, pixel_m: float) -> str:
    return (
        f"<ChannelName>{escape(stain)}</ChannelName><ImageType>Signal</ImageType>"
        f'<ImageResolutionX Unit="m">{pixel_m!r}</ImageResolutionX><ImageResolutionY Unit="m">{pixel_m!r}</ImageResolutionY>'
        "<ImageSizeX>1080</ImageSizeX><ImageSizeY>1080</ImageSizeY>"
    )


def _image(shot: Shot, url: str, channel: str) -> str:
    return (
        f'<Image Version="1"><id>x</id><State>Ok</State><URL>{escape(url)}</URL><Row>{shot.row}</Row><Col>{shot.column}</Col>'
        f"<FieldID>{shot.site}</FieldID><PlaneID>{shot.plane}</PlaneID><TimepointID>{shot.time - 1}</TimepointID>"
        f"<ChannelID>{shot.channel}</ChannelID><FlimID>1</FlimID>{channel}"
        f'<PositionX Unit="m">0</PositionX><PositionZ Unit="m">{2e-6 * shot.plane!r}</PositionZ></Image>\n'
    )


def write_cellvoyager(
    folder: Path, shots: Sequence[Shot], stains: Mapping[int, str], *, pixel_um: float = 0.325, plate: str = "PL1"
) -> Path:
    """`MeasurementData.mlf` with an error among its records, `MeasurementDetail.mrf`, and the `.mes` that it names."""
    records = "".join(
        f'<bts:MeasurementRecord bts:Type="IMG" bts:Time="2021-06-14T09:13:30.1+01:00" bts:Column="{shot.column}" '
        f'bts:Row="{shot.row}" bts:TimePoint="{shot.time}" bts:FieldIndex="{shot.site}" bts:ZIndex="{shot.plane}" '
        f'bts:X="-1.5" bts:Y="2" bts:Z="{2.0 * shot.plane}" bts:Ch="{shot.channel}">{escape(cellvoyager(shot))}'
        "</bts:MeasurementRecord>\n"
        for shot in shots
    )
    channels = "".join(
        f'<bts:MeasurementChannel bts:Ch="{channel}" bts:HorizontalPixelDimension="{pixel_um}" '
        f'bts:VerticalPixelDimension="{pixel_um}" bts:InputBitDepth="16" />\n'
        for channel in [*stains, 9]
    )
    targets = "".join(f'<bts:Channel bts:Ch="{channel}" bts:Target="{stain}" />' for channel, stain in stains.items())
    start = '<?xml version="1.0" encoding="utf-8"?>\n'
    touch(folder, [])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "MeasurementData.mlf").write_text(
        f'{start}<bts:MeasurementData bts:Version="1.0" xmlns:bts="{YOKOGAWA}">\n{records}'
        '<bts:MeasurementRecord bts:Type="ERR" bts:Column="1" bts:Row="1">no focus</bts:MeasurementRecord>\n'
        "</bts:MeasurementData>",
        encoding="utf-8-sig",
    )
    (folder / "MeasurementDetail.mrf").write_text(
        f'{start}<bts:MeasurementDetail bts:Title="T" bts:MeasurementSettingFileName="S.mes" xmlns:bts="{YOKOGAWA}">\n'
        f'<bts:MeasurementSamplePlate bts:Name="{plate}" />\n{channels}</bts:MeasurementDetail>',
        encoding="utf-8-sig",
    )
    (folder / "S.mes").write_text(
        f'{start}<bts:MeasurementSetting xmlns:bts="{YOKOGAWA}"><bts:ChannelList>{targets}</bts:ChannelList>'
        "</bts:MeasurementSetting>",
        encoding="utf-8-sig",
    )
    return folder
